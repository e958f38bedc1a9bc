/** Memory that a socket was handed and may still point into: given back as the socket takes it. */
import { giveMemory } from './memory-pool.ts';

/**
 * In the order handed. A socket counts what it wrote together only when all of that is taken, so
 * nothing goes back too early.
 */
export class HandedMemory {
  #pieces: { readonly memory: Buffer; readonly end: number }[] = [];

  /** `end`: where its last byte stands among all that the socket was handed. */
  add(memory: Buffer, end: number): void {
    this.#pieces.push({ memory, end });
  }

  /** The socket took so many bytes of all that it was handed; everything, once it is gone. */
  giveBack(takenBytes: number): void {
    let given = 0;
    for (const { memory, end } of this.#pieces) {
      if (end > takenBytes) break;
      giveMemory(memory);
      given++;
    }
    if (given > 0) this.#pieces.splice(0, given);
  }

  /** Leaves all of it to the collector. */
  forget(): void {
    this.#pieces = [];
  }
}
