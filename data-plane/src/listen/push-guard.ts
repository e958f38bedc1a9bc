/** Clients that are pushed more than they take: cut off before they cost the others anything. */
import type { ProcessCounters } from '../observe/observe.ts';

export interface PushLimits {
  /** Bytes one client may have untaken; beyond it is cut off at once. */
  readonly bytesMax: number;
  /** Bytes it may have untaken for {@link softMsMax} at most. */
  readonly softBytesMax: number;
  readonly softMsMax: number;
  /** Bytes all clients may have untaken before those with more than their share are cut off. */
  readonly processBytesMax: number;
  /** Bytes of subscriptions held for all clients. */
  readonly namesBytesMax: number;
}

/** A client as the guard sees it. */
export interface PushedClient {
  readonly queue: { readonly pendingBytes: number };
  destroy(): void;
}

/** Whoever has less untaken is never cut off for the sake of the process. */
const shareBytesMin = 64 * 1024;
/** What a subscription costs beside its name's bytes, counted once per client. */
const subscriptionBytes = 512;

/**
 * Pushes know no credit: a publisher decides how much a subscriber gets. The two limits of one
 * client are those of Redis's `client-output-buffer-limit pubsub 32mb 8mb 60`.
 */
export class PushGuard {
  readonly #limits: PushLimits;
  readonly #counters: ProcessCounters;
  readonly #nowMs: () => number;
  /** Clients above the soft limit, and since when. */
  readonly #above = new Map<PushedClient, number>();
  #members = 0;
  #namesBytes = 0;

  constructor(limits: PushLimits, counters: ProcessCounters, nowMs: () => number) {
    this.#limits = limits;
    this.#counters = counters;
    this.#nowMs = nowMs;
  }

  enter(): void {
    this.#members++;
  }

  leave(client: PushedClient): void {
    this.#members--;
    this.#above.delete(client);
  }

  /** False when subscriptions with `names` bytes of names are not to be had. */
  hold(count: number, names: number): boolean {
    const bytes = names + count * subscriptionBytes;
    if (this.#namesBytes + bytes > this.#limits.namesBytesMax) return false;
    this.#namesBytes += bytes;
    this.#counters.subscriptions += count;
    return true;
  }

  release(count: number, names: number): void {
    this.#namesBytes -= names + count * subscriptionBytes;
    this.#counters.subscriptions -= count;
  }

  /** After each push. A client that was cut off gets nothing more. */
  pushed(client: PushedClient): void {
    const pending = client.queue.pendingBytes;
    const { bytesMax, softBytesMax, processBytesMax } = this.#limits;
    if (pending > bytesMax) {
      this.#cut(client);
    } else if (this.#counters.pendingBytes > processBytesMax) {
      const share = Math.max(shareBytesMin, processBytesMax / Math.max(1, this.#members));
      if (pending > share) this.#cut(client);
    }
    if (pending <= softBytesMax) this.#above.delete(client);
    else if (!this.#above.has(client)) this.#above.set(client, this.#nowMs());
  }

  /** Now and then: who stays above the soft limit is cut off even when nothing more is pushed. */
  tick(): void {
    const { softBytesMax, softMsMax } = this.#limits;
    const nowMs = this.#nowMs();
    for (const [client, sinceMs] of this.#above) {
      if (client.queue.pendingBytes <= softBytesMax) this.#above.delete(client);
      else if (nowMs - sinceMs > softMsMax) this.#cut(client);
    }
  }

  #cut(client: PushedClient): void {
    this.#above.delete(client);
    this.#counters.subscribersDropped++;
    client.destroy();
  }
}
