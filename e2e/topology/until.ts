/** Waiting for a condition by probing it, with a deadline that says what was missing. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Of a wait that names no other bound. What is waited for is there in no time, or a test fails: a
 * machine that others keep busy, or that stood still for a while, alone comes near it.
 */
export const patienceMs = 60_000;

/** Thrown by a probe: waiting longer cannot help. */
export class Hopeless extends Error {
  override name = 'Hopeless';
}

export interface UntilOptions {
  /** Ends the sentence "waited for …". */
  readonly what: string;
  readonly deadlineMs?: number;
  readonly everyMs?: number;
}

/**
 * Calls `probe` until it returns something other than false, null or undefined, and returns that. A
 * throwing probe counts as "not yet", save {@link Hopeless}; the last error is the cause of the
 * late one. It is asked once more after the deadline: the machine may have stood still meanwhile.
 */
export async function until<T>(
  probe: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  options: UntilOptions,
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? patienceMs;
  const started = performance.now();
  let cause: unknown;
  for (let isLate = false; ; ) {
    try {
      const value = await probe();
      if (value !== false && value !== null && value !== undefined) return value;
      cause = undefined;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      cause = error;
    }
    if (isLate) throw new Error(`waited ${deadlineMs} ms for ${options.what}`, { cause });
    await pause(options.everyMs ?? 20);
    isLate = performance.now() - started >= deadlineMs;
  }
}

/** `promise`, or an error naming what did not happen within `deadlineMs`. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  deadlineMs = patienceMs,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: nothing within ${deadlineMs} ms`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
