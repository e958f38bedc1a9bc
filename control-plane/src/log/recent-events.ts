/** The last events of the log, kept so that they can be shown while the log is away. */
import type { StoredEvent } from '@respool/contracts/events';

const eventsMax = 1_000;
const bytesMax = 16 * 1024 * 1024;

export class RecentEvents {
  readonly #kept: { stored: StoredEvent; bytes: number }[] = [];
  #bytes = 0;

  /** Events come in the order of the log; `bytes` is the stored size. */
  add(stored: StoredEvent, bytes: number): void {
    this.#kept.push({ stored, bytes });
    this.#bytes += bytes;
    while (this.#kept.length > eventsMax || this.#bytes > bytesMax) {
      this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    }
  }

  /** The `count` events after `after`, or null when not all of them are kept. */
  after(after: number, count: number): StoredEvent[] | null {
    const first = this.#kept[0]?.stored.sequence;
    if (first === undefined || after + 1 < first) return null;
    const start = after + 1 - first;
    const found = this.#kept.slice(start, start + count);
    return found.length === count ? found.map(({ stored }) => stored) : null;
  }
}
