/** One call, tried again until it succeeds, fails for good, or its deadline passes. */
import type { Clock } from '@respool/contracts/clock';
import { asKafkaError, KafkaError } from './kafka-error.ts';

export interface Patience {
  readonly clock: Clock;
  /** 0 up to 1, as Math.random. */
  readonly random: () => number;
  /** Before the second try; doubled for each further one, and spread by a half. */
  readonly pauseMsMin: number;
  readonly pauseMsMax: number;
}

/** What one try knows about the call it belongs to. */
export interface Attempt {
  /** By the clock; nobody waits for an answer that comes later. */
  readonly deadlineAtMs: number;
  /** True once nobody waits: what was not sent yet need not be sent. */
  readonly isOver: boolean;
  /** Told by the try once its bytes were handed to a socket: from then on a write may happen. */
  markSent(): void;
}

class OneCall implements Attempt {
  readonly deadlineAtMs: number;
  isOver = false;
  /** The try under way was sent. */
  isSent = false;
  /** Some try before it may have written. */
  isUncertain = false;
  last: KafkaError | null = null;
  /** What the call ends with once its deadline has passed. */
  late: KafkaError | null = null;

  constructor(deadlineAtMs: number) {
    this.deadlineAtMs = deadlineAtMs;
  }

  markSent(): void {
    this.isSent = true;
  }

  get mayHaveHappened(): boolean {
    return this.isUncertain || this.isSent;
  }
}

/**
 * The result of the first try that succeeds. Rejects with the error of a try that is not
 * transient, or with `deadline`; both say whether any of the tries may have written. For calls
 * that only read, tries never call `markSent` and no error of theirs may have happened.
 */
export async function withinDeadline<T>(
  patience: Patience,
  deadlineMs: number,
  tryOnce: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { clock } = patience;
  const call = new OneCall(clock.now() + deadlineMs);
  const over = Promise.withResolvers<never>();
  // A deadline that passes after the end of the call is nobody's.
  over.promise.catch(() => {});
  const cancel = clock.after(Math.max(0, deadlineMs), () => {
    call.isOver = true;
    call.late = tooLate(deadlineMs, call);
    over.reject(call.late);
  });
  try {
    for (let tries = 1; ; tries++) {
      call.isSent = false;
      try {
        return await Promise.race([tryOnce(call), over.promise]);
      } catch (thrown) {
        remember(call, asKafkaError(thrown));
      }
      await Promise.race([pause(patience, tries), over.promise]);
    }
  } finally {
    call.isOver = true;
    cancel();
  }
}

/** Throws the error when it ends the call. */
function remember(call: OneCall, error: KafkaError): void {
  if (error === call.late) throw error;
  if (!error.transient) throw call.isUncertain ? error.asUncertain() : error;
  call.isUncertain ||= error.mayHaveHappened;
  call.last = error;
}

function tooLate(deadlineMs: number, call: OneCall): KafkaError {
  const { last, mayHaveHappened } = call;
  const so = last === null ? '' : `; last: ${last.message}`;
  return new KafkaError('deadline', `not done within ${deadlineMs} ms${so}`, {
    mayHaveHappened,
    ...(last === null ? {} : { cause: last }),
  });
}

function pause({ clock, random, pauseMsMin, pauseMsMax }: Patience, tries: number): Promise<void> {
  const longest = Math.min(pauseMsMax, pauseMsMin * 2 ** (tries - 1));
  return new Promise((resolve) => {
    clock.after(longest * (0.5 + random() / 2), resolve);
  });
}
