/** Time as an argument, so that a test can own it. */

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Calls `then` once after `ms`; returns the function that calls it off. With 0 that is the end of
   * this turn of the event loop, not the next millisecond.
   */
  after(ms: number, then: () => void): () => void;
}

/** Timers of this clock do not keep the process alive. */
export const systemClock: Clock = {
  now: Date.now,
  after(ms, then) {
    if (ms <= 0) {
      const immediate = setImmediate(then);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(then, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
