/** Waiting for messages to flow: pushed and popped, after whatever befell the parts in between. */
import type { TestContext } from 'node:test';
import { until } from '../topology/until.ts';
import type { Ledger } from './ledger.ts';

const flowMsMax = 120_000;

/** Takes in what the workers of each ledger wrote since. */
export function readAll(ledgers: readonly Ledger[]): true {
  for (const ledger of ledgers) ledger.read();
  return true;
}

/** Resolves once more than `messages` were pushed and popped anew in each ledger. */
export async function untilFlowing(
  ledgers: readonly Ledger[],
  messages: number,
  what: string,
): Promise<void> {
  readAll(ledgers);
  const before = ledgers.map(({ pushed, delivered }) => ({ pushed, delivered }));
  const isOn = () => {
    readAll(ledgers);
    return ledgers.every((ledger, at) => {
      const was = before[at] ?? { pushed: 0, delivered: 0 };
      return ledger.delivered > was.delivered + messages && ledger.pushed > was.pushed + messages;
    });
  };
  await until(isOn, { what: `messages to flow after: ${what}`, deadlineMs: flowMsMax });
}

/** Nothing is pushed any more, and all that was is popped; what does not come is left to the verdict. */
export async function untilPopped(ledger: Ledger, context: TestContext): Promise<void> {
  const isDone = () => readAll([ledger]) && ledger.owed === 0;
  const late = (error: Error) => context.diagnostic(error.message);
  await until(isDone, { what: 'all that was pushed' }).catch(late);
}
