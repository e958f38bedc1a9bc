/** A clock that stands still until the test moves it, with time for promises in between. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@respool/contracts/clock';

export class VirtualClock implements Clock {
  #now = Date.parse('2026-01-01T00:00:00.000Z');
  readonly #timers = new Set<{ readonly at: number; readonly then: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#now + ms, then };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that have not run and were not called off. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Moves on by `ms`. What falls due runs in order; what promises do then is done before the next
   * one, and may set timers that fall due as well.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await setImmediate();
      const due = [...this.#timers].filter(({ at }) => at <= end);
      const next = due.sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.then();
    }
    this.#now = end;
  }
}
