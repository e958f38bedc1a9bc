/** Client-side caching as a session sees it: who is told that keys changed, and which. */

/** Told of changes; keys are the backend's own names. */
export interface Tracker {
  invalidated(keys: readonly Buffer[]): void;
  /** Anything may have changed. */
  flushed(): void;
}

/** A tracker's place at a backend. */
export interface TrackingSeat {
  /** Every change is told from now on, not only those of noted keys. */
  readonly broad: boolean;
  /**
   * The next change of `key` (the backend's name) is told, once. What is noted is bounded: the
   * oldest keys are given up, and told as if they had changed.
   * Source: Redis `tracking-table-max-keys`, which evicts in the same way.
   */
  note(key: Buffer): void;
  leave(): void;
}

export interface TrackingHub {
  /**
   * `done` is called once: with null when every primary tells this process of each change of a key
   * that begins with `prefix` (null: of any key), else with the error to answer. A change between
   * `done` and {@link TrackingSeat.leave} is told, or everything is called flushed.
   */
  join(
    tracker: Tracker,
    prefix: Buffer | null,
    broad: boolean,
    done: (failure: string | null) => void,
  ): TrackingSeat;
}
