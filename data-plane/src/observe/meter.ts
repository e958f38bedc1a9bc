/** What one tenant did, per command family: counts, bytes and a latency histogram, in typed arrays. */

import { QueueCounts } from './queue-counts.ts';

/** Sixteen buckets per power of two: a reported latency is at most 1/32 away from the true one. */
const subBits = 4;
const subCount = 1 << subBits;
/** 2^27 µs, 134 s; longer latencies count as this. */
const latencyUsMax = 2 ** 27 - 1;
export const bucketCount = (27 - subBits + 1) * subCount;

const untouched = new Float64Array(0);

/**
 * Index of the log-linear bucket that holds a latency. Below 16 µs each microsecond has a bucket of
 * its own; above, each power of two is cut into 16 equal ones, as HdrHistogram does.
 */
export function bucketOf(latencyUs: number): number {
  // Written so that NaN and negative values (a clock that stepped back) land in bucket 0.
  const us = latencyUs > 0 ? (latencyUs < latencyUsMax ? latencyUs | 0 : latencyUsMax) : 0;
  if (us < subCount) return us;
  const shift = 31 - Math.clz32(us) - subBits;
  return ((shift + 1) << subBits) + ((us >>> shift) & (subCount - 1));
}

/** Smallest latency, in whole microseconds, that falls into a bucket. */
export function bucketFloorUs(bucket: number): number {
  if (bucket < subCount) return bucket;
  const shift = (bucket >>> subBits) - 1;
  return (subCount + (bucket & (subCount - 1))) * 2 ** shift;
}

/**
 * One tenant's counters. The arrays are indexed by family and written directly by the hot path, so
 * that counting is one addition; they only grow, as Prometheus counters must. `observeRun` feeds
 * the histogram alone: `commands` is counted by the caller, because refused commands have no
 * latency.
 */
export class Meter {
  readonly tenant: string;
  readonly families: readonly string[];
  readonly commands: Float64Array;
  readonly errors: Float64Array;
  readonly refused: Float64Array;
  readonly requestBytes: Float64Array;
  readonly replyBytes: Float64Array;
  readonly latencySumUs: Float64Array;
  readonly latencyCount: Float64Array;
  /** Client connections of this tenant that are open now. */
  connections = 0;
  readonly queue = new QueueCounts();
  /** Counters beyond 2^32 must not wrap, so the buckets are doubles; a row is made on first use. */
  readonly #buckets: Float64Array[];

  constructor(tenant: string, families: readonly string[]) {
    this.tenant = tenant;
    this.families = families;
    const count = families.length;
    this.commands = new Float64Array(count);
    this.errors = new Float64Array(count);
    this.refused = new Float64Array(count);
    this.requestBytes = new Float64Array(count);
    this.replyBytes = new Float64Array(count);
    this.latencySumUs = new Float64Array(count);
    this.latencyCount = new Float64Array(count);
    this.#buckets = families.map(() => untouched);
  }

  /** Counts `commands` commands that each took `latencyUs`; `family` is an index, 0…families−1. */
  observeRun(family: number, commands: number, latencyUs: number): void {
    let row = this.#buckets[family]!;
    if (row === untouched) {
      row = new Float64Array(bucketCount);
      this.#buckets[family] = row;
    }
    const bucket = bucketOf(latencyUs);
    row[bucket] = row[bucket]! + commands;
    this.latencyCount[family] = this.latencyCount[family]! + commands;
    if (latencyUs > 0) {
      this.latencySumUs[family] = this.latencySumUs[family]! + latencyUs * commands;
    }
  }

  /**
   * The latency in microseconds that a share `q` (0…1) of the family's commands did not exceed: the
   * middle of its bucket. 0 while nothing was observed.
   */
  quantile(family: number, q: number): number {
    const total = this.latencyCount[family]!;
    if (total === 0) return 0;
    const row = this.#buckets[family]!;
    const wanted = Math.max(1, Math.ceil(Math.min(1, Math.max(0, q)) * total));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += row[bucket]!;
      if (seen >= wanted) return middleUs(bucket);
    }
    return latencyUsMax;
  }

  /**
   * How many commands of the family took less than each bound. Bounds ascend and are whole powers
   * of two in microseconds, where bucket edges lie, so the counts are exact.
   */
  cumulative(family: number, boundsUs: readonly number[], into: Float64Array): void {
    const row = this.#buckets[family]!;
    let bucket = 0;
    let seen = 0;
    for (let place = 0; place < boundsUs.length; place++) {
      const end = bucketOf(boundsUs[place]!);
      for (; bucket < end && bucket < row.length; bucket++) seen += row[bucket]!;
      into[place] = seen;
    }
  }
}

function middleUs(bucket: number): number {
  const floor = bucketFloorUs(bucket);
  if (bucket < subCount) return floor;
  return floor + (bucketFloorUs(bucket + 1) - floor) / 2;
}
