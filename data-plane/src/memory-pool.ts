/** Memory of one size, used again instead of being left to the garbage collector. */

/** After so many returns it is seen how many pieces nobody needed meanwhile. */
const returnsUntilTrimmed = 1_024;

/**
 * V8 counts what buffers hold outside its heap, and marks the whole heap each few ten megabytes of
 * it. Where large commands are pipelined that came to half of the CPU: 70 µs for a SET of 50 KB,
 * 32 of them marking and sweeping.
 */
export class MemoryPool {
  readonly size: number;
  readonly #keptMax: number;
  readonly #kept: Buffer[] = [];
  /** Fewest that were kept since the last look: so many were of no use. */
  #idle = 0;
  #returns = 0;

  /** Of pieces of `size` bytes it keeps `keptMax` at most, and of these what is needed again. */
  constructor(size: number, keptMax: number) {
    this.size = size;
    this.#keptMax = keptMax;
  }

  /** What it holds is whatever was left there. */
  take(): Buffer {
    const piece = this.#kept.pop() ?? Buffer.allocUnsafeSlow(this.size);
    if (this.#kept.length < this.#idle) this.#idle = this.#kept.length;
    return piece;
  }

  /** Nobody reads or writes `piece`, which came from here, any more. */
  give(piece: Buffer): void {
    if (this.#kept.length < this.#keptMax) this.#kept.push(piece);
    if (++this.#returns >= returnsUntilTrimmed) this.#trim();
  }

  /** Pieces kept now. */
  get kept(): number {
    return this.#kept.length;
  }

  #trim(): void {
    this.#returns = 0;
    this.#kept.length -= this.#idle >> 1;
    this.#idle = this.#kept.length;
  }
}
