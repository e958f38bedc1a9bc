/** Memory that is used again instead of being left to the garbage collector. */

const kibi = 1_024;
/** Below this a buffer of its own is cheap enough. */
export const sharedFromBytes = 16 * kibi;
/** Powers of two and an eighth: values often have a round size, and their command a little more. */
const smallest = 18 * kibi;
const largest = smallest * 2 ** 8;
/** Of all pieces together: so much have fifty commands of 1 MB under way. */
const keptBytesMax = 128 * kibi * kibi;

/** Bytes all pools keep. */
const kept = { bytes: 0 };

/** Of one size. */
class Pool {
  readonly size: number;
  readonly #kept: Buffer[] = [];
  /** Fewest that were kept since the last {@link trim}: so many were of no use. */
  #idle = 0;

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
    if (kept.bytes + this.size > keptBytesMax) return;
    this.#kept.push(piece);
    kept.bytes += this.size;
  }

  trim(): void {
    const dropped = Math.ceil(this.#idle / 2);
    // The first were given back longest ago, and are in no cache any more.
    this.#kept.splice(0, dropped);
    kept.bytes -= dropped * this.size;
    this.#idle = this.#kept.length;
  }
}

/** Of pieces with more than one holder: how many more. */
const holders = new Map<Buffer, number>();

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

/** A copy of `bytes[start, end)` at the beginning of memory as {@link takeMemory} gives it out. */
export function takeCopy(bytes: Buffer, start: number, end: number): Buffer {
  const piece = takeMemory(end - start);
  bytes.copy(piece, 0, start, end);
  return piece;
}

/**
 * `piece` has one holder more: it serves others only after {@link giveMemory} of each. All name the
 * same Buffer: small ones are cut from memory that strangers share, which says nothing of them.
 */
export function holdMemory(piece: Buffer): void {
  holders.set(piece, (holders.get(piece) ?? 0) + 1);
}

/**
 * The caller neither reads nor writes `piece` any more. What {@link takeMemory} did not give out may
 * be given, too: by nobody but its one owner, and is left to the collector.
 */
export function giveMemory(piece: Buffer): void {
  const others = holders.size > 0 ? holders.get(piece) : undefined;
  if (others !== undefined) {
    if (others === 1) holders.delete(piece);
    else holders.set(piece, others - 1);
    return;
  }
  const pool = poolFor(piece.length);
  if (pool?.size === piece.length) pool.give(piece);
}

/**
 * Lets go of half of what nobody needed since the last call; from time to time. Too often, and what
 * the next peak needs is gone: then V8's marking is back (12 % of CPU at 2 GB/s, each 100 ms).
 */
export function trimMemory(): void {
  for (const pool of pools) pool.trim();
}

/** Bytes that wait to be used again. */
export function keptMemory(): number {
  return kept.bytes;
}

function poolFor(size: number): Pool | undefined {
  if (size > largest) return undefined;
  return pools[Math.max(0, 32 - Math.clz32(Math.ceil(size / smallest) - 1))];
}
