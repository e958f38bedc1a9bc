/** The end of the log as this proxy has folded it, and the live events waiting for those before them. */
import { readStored } from '@respool/contracts/chain';
import { emptySnapshot, Fold } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import type { LogEntry } from './log-reader.ts';

const bufferedEventsMax = 1024;
const bufferedBytesMax = 16 * 1024 * 1024;

/**
 * Two sources feed it. The log itself is believed: what does not fit there is a fault of the log. A
 * live message is only a hint that may be lost, late, doubled or forged: what does not fit is
 * dropped, and the caller then reads the log.
 *
 *     folded …7   live 9, 10 wait in the buffer   ← the log gives 8 ⇒ 8, 9, 10 are folded
 */
export class Tail {
  /** Copies a map once for all the events folded between two looks at the state. */
  #folded = new Fold(emptySnapshot);
  #heard = 0;
  #buffer = new Map<number, Uint8Array>();
  #bufferedBytes = 0;

  /** The newest state folded. */
  get state(): Snapshot {
    return this.#folded.snapshot();
  }

  get sequence(): number {
    return this.#folded.sequence;
  }

  /** The highest sequence anyone spoke of; the log has to be read while it is beyond `sequence`. */
  get heard(): number {
    return Math.max(this.#heard, this.#folded.sequence);
  }

  /** Bytes of live events that wait for those before them. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Starts from a state of the same log, checked by the caller; going back is not possible. */
  rebase(state: Snapshot): void {
    if (state.sequence <= this.sequence) return;
    this.#folded = new Fold(state);
    this.#forgetFolded();
  }

  /** Somebody said where the log ends. */
  hear(sequence: number): void {
    this.#heard = Math.max(this.#heard, sequence);
  }

  /** The control plane says that the log ends where we stand: what was heard beyond it was wrong. */
  agree(): void {
    this.#heard = this.#folded.sequence;
  }

  /** A live message; folds it when it is the next one, keeps it when it is later. True when folded. */
  hint(sequence: number, bytes: Uint8Array): boolean {
    if (sequence <= this.#folded.sequence) return false;
    this.hear(sequence);
    const full =
      this.#buffer.size >= bufferedEventsMax ||
      this.#bufferedBytes + bytes.length > bufferedBytesMax;
    const next = sequence === this.#folded.sequence + 1;
    if (!next && (full || this.#buffer.has(sequence))) return false;
    this.#drop(sequence);
    // A copy: what a message shows is a window on the network buffer, which would be kept alive.
    this.#buffer.set(sequence, next ? bytes : bytes.slice());
    this.#bufferedBytes += bytes.length;
    return this.drain();
  }

  /** Folds waiting events as far as they continue. True when the state changed. */
  drain(): boolean {
    const before = this.sequence;
    for (;;) {
      const sequence = this.#folded.sequence + 1;
      const bytes = this.#buffer.get(sequence);
      if (bytes === undefined) break;
      this.#drop(sequence);
      try {
        this.#fold({ sequence, bytes });
      } catch {
        break;
      }
    }
    return this.sequence !== before;
  }

  /**
   * An event read from the log; one already folded is ignored. Throws BrokenChain when it does not
   * continue, UnreadableEvent when this build does not know it; the state then stays as it was.
   */
  take(entry: LogEntry): void {
    if (entry.sequence <= this.#folded.sequence) return;
    this.hear(entry.sequence);
    this.#fold(entry);
    this.#drop(entry.sequence);
  }

  #fold({ sequence, bytes }: LogEntry): void {
    this.#folded.take(readStored(sequence, bytes));
  }

  #drop(sequence: number): void {
    this.#bufferedBytes -= this.#buffer.get(sequence)?.length ?? 0;
    this.#buffer.delete(sequence);
  }

  #forgetFolded(): void {
    for (const sequence of [...this.#buffer.keys()]) {
      if (sequence <= this.#folded.sequence) this.#drop(sequence);
    }
  }
}
