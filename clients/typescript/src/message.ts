/** What comes out of queues. */

/**
 * Where a record is. Offsets are 64 bits wide in Kafka and a `number` is exact up to 2^53 only, so
 * they are `bigint`: one that was rounded would acknowledge, or read, another record.
 */
export interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

/** A record. `content` is null for a tombstone, which compacted topics have. */
export interface Message<Content> extends Place {
  readonly content: Content | null;
}

/** How far the caller's position is behind, in one partition. */
export interface Lag {
  readonly partition: number;
  /** Offset of the first record that is not acknowledged. */
  readonly position: bigint;
  /** Where the next record will be. */
  readonly end: bigint;
  readonly lag: bigint;
}

/** A record found by its time; `time` is null where an end of the log was asked for. */
export interface TimedOffset {
  readonly offset: bigint;
  readonly time: Date | null;
}
