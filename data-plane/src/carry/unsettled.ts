/** The clients with records that are not settled yet, looked at together ten times a second. */

export interface SettleLimits {
  /** Records that one client may have unsettled; what it asks beyond that waits. */
  readonly unsettledMax: number;
  /** A connection that stays open for so long after a reply was flushed has taken it. */
  readonly openMs: number;
  /** How often that is looked at. */
  readonly everyMs: number;
}

export const settleLimits: SettleLimits = { unsettledMax: 10_000, openMs: 1_000, everyMs: 100 };

/** A client's records. */
export interface Settling {
  /** Settles what has been flushed by `flushedMs`; returns whether something is unsettled still. */
  settleUntil(flushedMs: number): boolean;
}

/** One timer for all, and none while nobody has anything unsettled. */
export class Unsettled {
  readonly limits: SettleLimits;
  /** Milliseconds from any fixed origin, never stepping back. */
  readonly nowMs: () => number;
  readonly #watched = new Set<Settling>();
  #timer: NodeJS.Timeout | null = null;
  /** When they were looked at last. Since then it was heard who left until then. */
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(limits: SettleLimits = settleLimits, nowMs = () => performance.now()) {
    this.limits = limits;
    this.nowMs = nowMs;
  }

  /** Looked at until nothing of it is unsettled. */
  watch(client: Settling): void {
    this.#watched.add(client);
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.tick(), this.limits.everyMs);
    this.#timer.unref();
  }

  /**
   * After the process stood still its timers run before its connections: one that looks open may
   * have been closed long ago. So the second is over when it was over at the look before.
   */
  tick(): void {
    const flushedMs = this.#lookedMs - this.limits.openMs;
    this.#lookedMs = this.nowMs();
    for (const client of this.#watched) {
      if (!client.settleUntil(flushedMs)) this.#watched.delete(client);
    }
    if (this.#watched.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
