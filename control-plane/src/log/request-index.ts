/** Which requests of the last day are in the log already: by request id and by idempotency key. */

import type { Clock } from '@respool/contracts/clock';
import type { StoredEvent } from '@respool/contracts/events';

/** How long an idempotency key is honoured, by the time its event was written. */
export const idempotencyMsMax = 24 * 60 * 60 * 1000;
/** Bound on memory whatever the rate: the oldest entries go first. */
export const indexedEventsMax = 100_000;

export interface KnownKey {
  readonly requestHash: string;
  readonly sequence: number;
}

interface Entry {
  readonly at: number;
  readonly requestId: string;
  readonly key: string | null;
}

export class RequestIndex {
  readonly #clock: Clock;
  readonly #eventsMax: number;
  readonly #entries = new Map<number, Entry>();
  readonly #requests = new Map<string, number>();
  readonly #keys = new Map<string, KnownKey>();

  constructor(clock: Clock, eventsMax: number = indexedEventsMax) {
    this.#clock = clock;
    this.#eventsMax = eventsMax;
  }

  /** Events come in the order of the log. */
  add({ sequence, event }: StoredEvent): void {
    const idempotency = event.type === 'ConfigurationChanged' ? event.idempotency : undefined;
    const key = idempotency?.key ?? null;
    this.#entries.set(sequence, { at: Date.parse(event.at), requestId: event.requestId, key });
    this.#requests.set(event.requestId, sequence);
    if (idempotency !== undefined) {
      this.#keys.set(idempotency.key, { requestHash: idempotency.requestHash, sequence });
    }
    this.prune();
  }

  /** Forgets what is too old or too much; cheap when there is nothing to forget. */
  prune(): void {
    const oldest = this.#clock.now() - idempotencyMsMax;
    for (const [sequence, entry] of this.#entries) {
      if (entry.at >= oldest && this.#entries.size <= this.#eventsMax) return;
      this.#entries.delete(sequence);
      if (this.#requests.get(entry.requestId) === sequence) this.#requests.delete(entry.requestId);
      if (entry.key === null) continue;
      if (this.#keys.get(entry.key)?.sequence === sequence) this.#keys.delete(entry.key);
    }
  }

  /** A live view: it follows the log. */
  get keys(): ReadonlyMap<string, KnownKey> {
    return this.#keys;
  }

  sequenceOf(requestId: string): number | undefined {
    return this.#requests.get(requestId);
  }
}
