/** What counts as a log that contradicts itself, as against one that merely does not answer. */
import { UnreadableEvent } from '@respool/contracts/events';
import { BrokenChain } from '@respool/contracts/project';
import { LogGap } from './log.ts';

/** The log contradicts itself or what was applied already; nothing more is applied or written. */
export class LogCorrupt extends Error {
  override name = 'LogCorrupt';
}

export function isCorruption(error: unknown): error is Error {
  return (
    error instanceof BrokenChain ||
    error instanceof UnreadableEvent ||
    error instanceof LogGap ||
    error instanceof LogCorrupt
  );
}
