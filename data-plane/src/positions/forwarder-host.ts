/** What a forwarder needs of its proxy, and what all forwarders of a process share. */
import type { Clock } from '@respool/contracts/clock';
import type { Ask, SessionId, UnitName } from './exchange.ts';
import type { Place } from './place.ts';
import type { Asker } from './transport.ts';

export interface ForwarderHost {
  readonly clock: Clock;
  readonly nowMs: () => number;
  /** At the end of this turn of the event loop. */
  readonly later: (work: () => void) => void;
  readonly popMsMax: number;
  readonly budget: AnswerBudget;
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

/** Bounds the content of answers that are under way, as far as it was asked for. */
export class AnswerBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #starved = new Set<() => void>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False when there is no room: `fed` is called once there is some. A single answer always has. */
  reserve(bytes: number, fed: () => void): boolean {
    if (bytes > 0 && this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax) {
      this.#starved.add(fed);
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#starved.size === 0) return;
    const starved = [...this.#starved];
    this.#starved.clear();
    for (const fed of starved) fed();
  }
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
