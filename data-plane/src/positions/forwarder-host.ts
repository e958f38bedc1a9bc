/** What a forwarder needs of its proxy, and its pauses. */
import type { Clock } from '@respool/contracts/clock';
import type { TenantBudget } from './answer-budget.ts';
import type { Ask, SessionId, UnitName } from './exchange.ts';
import type { Place } from './place.ts';
import type { Asker } from './transport.ts';

export interface ForwarderHost {
  readonly clock: Clock;
  readonly nowMs: () => number;
  /** At the end of this turn of the event loop. */
  readonly later: (work: () => void) => void;
  readonly popMsMax: number;
  readonly budget: TenantBudget;
  /** Of questions: none of this process has the number of another. */
  readonly numbers: { last: number };
  /** Commands that wait, of all units of the tenant. */
  readonly waiting: { count: number };
  /** Null: nobody may be lent anything. */
  readonly session: () => SessionId | null;
  readonly isGone: (session: SessionId) => boolean;
  /**
   * Who owns the unit; `not` said it does not. Rejects with a PositionError while nobody does, and
   * with a KafkaError where nobody ever will.
   */
  readonly locate: (unit: UnitName, not: Place | null) => Promise<Place>;
  readonly ask: (place: Place, ask: Ask, asker: Asker) => void;
}

const firstMs = 50;
const msMax = 500;

/** Pauses that grow from failure to failure. */
export class Backoff {
  readonly #clock: Clock;
  readonly #resume: () => void;
  failures = 0;
  isPausing = false;

  constructor(clock: Clock, resume: () => void) {
    this.#clock = clock;
    this.#resume = resume;
  }

  pause(): void {
    if (this.isPausing) return;
    const ms = Math.min(msMax, firstMs * 2 ** Math.min(10, this.failures++));
    this.isPausing = true;
    this.#clock.after(ms, () => {
      this.isPausing = false;
      this.#resume();
    });
  }
}
