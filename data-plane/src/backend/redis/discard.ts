/** Takes replies nobody waits for: that of ASKING. */
import type { ReplyTaker, Run } from '../../command/run.ts';
import { freeRun } from '../../command/run.ts';

export const discard: ReplyTaker = {
  origin: { address: '', name: '' },
  last: null,
  owe: () => {},
  add: () => {},
  split: () => {},
  delay: () => {},
  tear: () => {},
  place: (run) => run,
  take(run: Run, _bytes, _start, _end, _replies, done): boolean {
    if (done) freeRun(run);
    return false;
  },
};
