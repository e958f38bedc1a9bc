/** A command too large for the shared read buffer, gathered as it comes, within a budget of all. */
import { giveMemory, takeMemory } from '../memory-pool.ts';

/**
 * What an upload takes at first. Of the usual budget so little that as many clients as a proxy
 * takes by default cannot use it up with announcements alone.
 */
const firstBytes = 16 * 1024;

/** Memory all half-received commands of the process may take together. */
export class UploadBudget {
  readonly bytesMax: number;
  bytes = 0;
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}

const nothing = Buffer.alloc(0);

/**
 * Grows with what arrives, never with what a length prefix promises: a client that announces 512 MB
 * and sends nothing costs {@link firstBytes} of the budget, and no memory.
 */
export class Upload {
  bytes: Buffer = nothing;
  length = 0;
  readonly #budget: UploadBudget;
  /** In the budget. The memory may be larger; of what is never written there, no page is taken. */
  #counted = 0;
  /** Length at which the command may be complete; scanning earlier would be in vain. */
  #wanted = 0;

  constructor(budget: UploadBudget) {
    this.#budget = budget;
  }

  get ready(): boolean {
    return this.length >= this.#wanted;
  }

  /** At least `need` more bytes are missing; 0 when that is unknown. */
  expect(need: number): void {
    this.#wanted = this.length + need;
  }

  /** False when the budget of the process is used up. */
  append(bytes: Buffer, start: number, end: number): boolean {
    const length = this.length + end - start;
    if (length > this.#counted && !this.#grow(length)) return false;
    bytes.copy(this.bytes, this.length, start, end);
    this.length = length;
    return true;
  }

  free(): void {
    this.#budget.bytes -= this.#counted;
    this.#counted = 0;
    giveMemory(this.bytes);
    this.bytes = nothing;
  }

  #grow(length: number): boolean {
    // Four times as much, but not past the end of a body whose length is known.
    const larger = this.#counted * 4;
    const room = this.#wanted > length ? Math.min(larger, this.#wanted) : larger;
    return this.#resize(Math.max(firstBytes, length, room)) || this.#resize(length);
  }

  #resize(size: number): boolean {
    const more = size - this.#counted;
    if (this.#budget.bytes + more > this.#budget.bytesMax) return false;
    this.#budget.bytes += more;
    this.#counted = size;
    const larger = takeMemory(size);
    this.bytes.copy(larger, 0, 0, this.length);
    giveMemory(this.bytes);
    this.bytes = larger;
    return true;
  }
}
