/** Memory that is used again instead of being left to the garbage collector. */

const kibi = 1_024;
/** Below this a buffer of its own is cheap enough. */
export const sharedFromBytes = 16 * kibi;
/** Powers of two and an eighth: values often have a round size, and their command a little more. */
const smallest = 18 * kibi;
const largest = smallest * 2 ** 8;
/** Of all pieces together: so much have fifty commands of 1 MB under way. */
const keptBytesMax = 128 * kibi * kibi;
/** After so much was given back of one size it is seen how many pieces nobody needed meanwhile. */
const bytesUntilTrimmed = 256 * kibi * kibi;

/** Bytes all pools keep. */
const kept = { bytes: 0 };

/** Of one size. */
class Pool {
  readonly size: number;
  readonly #kept: Buffer[] = [];
  /** Fewest that were kept since the last look: so many were of no use. */
  #idle = 0;
  #returnedBytes = 0;

  constructor(size: number) {
    this.size = size;
  }

  take(): Buffer {
    const piece = this.#kept.pop();
    if (piece === undefined) return Buffer.allocUnsafeSlow(this.size);
    kept.bytes -= this.size;
    if (this.#kept.length < this.#idle) this.#idle = this.#kept.length;
    return piece;
  }

  give(piece: Buffer): void {
    if (kept.bytes + this.size <= keptBytesMax) {
      this.#kept.push(piece);
      kept.bytes += this.size;
    }
    this.#returnedBytes += this.size;
    if (this.#returnedBytes >= bytesUntilTrimmed) this.#trim();
  }

  #trim(): void {
    const dropped = this.#idle >> 1;
    this.#kept.length -= dropped;
    kept.bytes -= dropped * this.size;
    this.#idle = this.#kept.length;
    this.#returnedBytes = 0;
  }
}

const pools: Pool[] = [];
for (let size = smallest; size <= largest; size *= 2) pools.push(new Pool(size));

/**
 * At least `size` bytes, which hold whatever was left there; more than 4.5 MiB are not kept.
 *
 * V8 counts what buffers hold outside its heap, and marks the whole heap each few ten megabytes of
 * it. Where large commands are pipelined that came to half of the CPU: 68 µs for a SET of 50 KB,
 * more than 30 of them marking and sweeping.
 */
export function takeMemory(size: number): Buffer {
  return poolFor(size)?.take() ?? Buffer.allocUnsafeSlow(size);
}

/** Nobody reads or writes `piece` any more, which {@link takeMemory} gave out. */
export function giveMemory(piece: Buffer): void {
  const pool = poolFor(piece.length);
  if (pool?.size === piece.length) pool.give(piece);
}

/** Bytes that wait to be used again. */
export function keptMemory(): number {
  return kept.bytes;
}

function poolFor(size: number): Pool | undefined {
  if (size > largest) return undefined;
  return pools[Math.max(0, 32 - Math.clz32(Math.ceil(size / smallest) - 1))];
}
