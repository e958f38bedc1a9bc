/** Faults that nobody caught: logged and counted, for one client must not end the process of all. */
import type { ProcessCounters } from './observe/observe.ts';

export interface LastResort {
  readonly counters: ProcessCounters;
  readonly log: (error: unknown) => void;
  /** More faults than a mistake about single commands explains: the process should end in order. */
  readonly giveUp: () => void;
  readonly now: () => number;
}

/** So many within {@link windowMs} and the process gives up: it may be beside itself. */
const faultsMax = 100;
const windowMs = 60_000;

/**
 * The handler for `uncaughtException` and `unhandledRejection`. What threw was the callback of one
 * connection or timer; the state that clients share is changed in single steps, so the others can
 * be served on. Source: Node.js, "Warning: Using 'uncaughtException' correctly": it may be wrong to
 * go on, hence the bound.
 */
export function lastResort({ counters, log, giveUp, now }: LastResort): (error: unknown) => void {
  let since = now();
  let faults = 0;
  return (error) => {
    counters.faults++;
    log(error);
    if (now() - since > windowMs) {
      since = now();
      faults = 0;
    }
    faults++;
    if (faults === faultsMax) giveUp();
  };
}
