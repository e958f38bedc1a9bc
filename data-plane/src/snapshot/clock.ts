/** Waiting by a clock that is an argument, so that a test can own it. */
import type { Clock } from '@respool/contracts/clock';

/** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/**
 * How long to wait before attempt `attempt` (1, 2, …): doubling from `firstMs` to `msMax`, then a
 * random half of it taken away, so that a thousand proxies do not knock together.
 */
export function backoffMs(attempt: number, firstMs: number, msMax: number): number {
  const full = Math.min(msMax, firstMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
  return full / 2 + Math.random() * (full / 2);
}
