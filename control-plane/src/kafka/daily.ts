/** Work done about once a day for as long as the process lives. */
import type { Clock } from '@respool/contracts/clock';

export interface DailyOptions {
  readonly clock: Clock;
  /** 0 up to 1, as Math.random. */
  readonly random: () => number;
  /** Must not throw; false: not all of it could be done, so it is tried again sooner. */
  readonly work: (signal: AbortSignal) => Promise<boolean>;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * The first time within the first hour, so that a process that is restarted each day does it too.
 * Spread, so that processes that begin together do not do it together. The function that comes
 * back ends it, and waits for what is under way.
 */
export function startDaily({ clock, random, work }: DailyOptions): () => Promise<void> {
  const stopping = new AbortController();
  let running = Promise.resolve();
  let cancel = () => {};
  const next = (ms: number) => {
    cancel = clock.after(ms, () => {
      running = work(stopping.signal).then((isDone) => {
        if (!stopping.signal.aborted) next(isDone ? dayMs * (0.9 + random() / 10) : hourMs);
      });
    });
  };
  next(hourMs * random());
  return async () => {
    stopping.abort();
    cancel();
    await running;
  };
}
