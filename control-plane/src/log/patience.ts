/** Waiting that a deadline can end: races with a signal, pauses, and trying again. */
import { LogUnreachable } from './log.ts';

const pauseMsMin = 10;
const pauseMsMax = 500;

const noAnswer = 'the deadline passed without an answer';

/**
 * `work`, or a LogUnreachable as soon as the signal fires; a late failure of `work` is swallowed.
 */
export function within<T>(signal: AbortSignal, work: Promise<T>, why = noAnswer): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(new LogUnreachable(why));
    if (signal.aborted) expire();
    else signal.addEventListener('abort', expire, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', expire));
  });
}

/**
 * Sleeps before try number `attempt` (from 0), doubling with full jitter; ends early on the signal.
 */
export function pause(attempt: number, signal: AbortSignal): Promise<void> {
  const bound = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(attempt, 10));
  return sleep(pauseMsMin + Math.random() * bound, signal);
}

/** Sleeps `ms`, less when the signal fires. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/**
 * Runs `attempt` until it succeeds. Errors that `fatal` names pass through; any other is tried
 * again until the signal fires, and then ends as a LogUnreachable that tells the last cause.
 */
export async function persist<T>(
  signal: AbortSignal,
  attempt: () => Promise<T>,
  fatal: (error: unknown) => boolean,
): Promise<T> {
  let last: unknown;
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await within(signal, attempt());
    } catch (error) {
      if (fatal(error)) throw error;
      if (!signal.aborted || last === undefined) last = error;
    }
    await pause(tries, signal);
  }
  throw new LogUnreachable(causeOf(last), { cause: last });
}

export function causeOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return error === undefined ? noAnswer : String(error);
}
