/** A command that is not whole yet: what came of it, kept beside the next read. */
import { giveMemory, takeCopy } from '../memory-pool.ts';
import { ownCopy } from './own-copy.ts';

/** A rest up to this size waits there; a larger one becomes an upload. */
export const restBytesMax = 128 * 1024;

/** A command from this size on is worth a larger read. */
export const largeCommandBytes = 16 * 1024;

/**
 * What a blocked client may send meanwhile. Only while it is read from can its leaving be noticed:
 * beyond this it is not until its command ends.
 */
export const blockedRestBytesMax = 64 * 1024;

/** Below this a copy of exactly its size costs less than memory that is used again. */
const reusedFromBytes = 8 * 1024;

const nothing = Buffer.alloc(0);

export class Rest {
  bytes: Buffer = nothing;
  /** What `bytes` is part of, where that is to be given back. */
  #piece: Buffer | null = null;

  get length(): number {
    return this.bytes.length;
  }

  /** `briefly`: nothing keeps more from coming, so memory is taken that serves others right after. */
  copy(from: Buffer, start: number, end: number, briefly: boolean): void {
    this.clear();
    const length = end - start;
    if (!briefly || length < reusedFromBytes) {
      this.bytes = ownCopy(from, start, end);
      return;
    }
    this.#piece = takeCopy(from, start, end);
    this.bytes = this.#piece.subarray(0, length);
  }

  /** Takes memory that is nobody else's. */
  adopt(bytes: Buffer): void {
    this.clear();
    this.bytes = bytes;
  }

  /** What stands before `start` was used up. */
  shorten(start: number): void {
    this.bytes = this.bytes.subarray(start);
  }

  clear(): void {
    this.bytes = nothing;
    if (this.#piece !== null) giveMemory(this.#piece);
    this.#piece = null;
  }
}
