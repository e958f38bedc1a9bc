/** Pieces of replies, one behind the other, in memory that grows with them. */
import { copyRange } from '../command/prefix.ts';
import { giveMemory, sharedFromBytes, takeMemory } from '../memory-pool.ts';

const bytesMin = 4096;
/** What is larger is not kept for the next command. */
export const packedBytesKept = 64 * 1024;
/** Of more so much room ahead would be too much. */
const sharedBytesMax = 1024 * 1024;

export class Packed {
  bytes: Buffer = Buffer.allocUnsafeSlow(bytesMin);
  length = 0;

  /** Returns where `from[start, end)` stands now. */
  add(from: Buffer, start: number, end: number): number {
    const at = this.length;
    this.#grow(at + end - start);
    copyRange(from, start, end, this.bytes, at);
    this.length = at + end - start;
    return at;
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > packedBytesKept) this.drop();
  }

  drop(): void {
    this.length = 0;
    giveMemory(this.bytes);
    this.bytes = Buffer.allocUnsafeSlow(bytesMin);
  }

  /** Of large values a few are enough for the memory of all, so they are copied seldom. */
  #grow(length: number): void {
    if (length <= this.bytes.length) return;
    const isShared = length >= sharedFromBytes && length <= sharedBytesMax;
    const larger = isShared
      ? takeMemory(length * 4)
      : Buffer.allocUnsafeSlow(Math.max(length, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.length);
    giveMemory(this.bytes);
    this.bytes = larger;
  }
}
