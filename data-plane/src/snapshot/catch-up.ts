/** From where the proxy stands to the end of the log, checking on the way that it is the same log. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { hashOf } from '@respool/contracts/chain';
import { BrokenChain } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { UnreadableSnapshot } from '@respool/contracts/snapshot-codec';
import type { Logger } from 'pino';
import { messageOf } from './link.ts';
import { type LogEntry, type LogReader, LogUnreachable } from './log-reader.ts';
import type { Tail } from './tail.ts';

/** The log contradicts what we know of it: another log, a rewritten one, or one with a hole. */
export class ForeignLog extends Error {
  override name = 'ForeignLog';
}

/**
 * The log does not reach where somebody said it ends, or where we stand. A replica that lags behind
 * looks the same for a moment, so this convicts only when it lasts.
 */
export class ShortLog extends Error {
  override name = 'ShortLog';
}

/** A stored snapshot saves work from so many events on; a proxy that serves folds longer tails. */
const farBehind = { starting: 200, serving: 5000 };
/** Events folded between two turns of the loop: about 2 ms. */
const foldedPerTurn = 64;

export interface CatchUp {
  readonly reader: LogReader;
  readonly tail: Tail;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Look for a stored snapshot first; once per connection is enough. */
  readonly fromSnapshot: boolean;
}

/**
 * Folds all the log holds into `tail`. Throws ForeignLog, BrokenChain, ShortLog, UnreadableEvent or
 * LogUnreachable; what was folded before stays folded.
 *
 * Each batch begins with the event we stand on: if its hash is still ours, so is everything before
 * it.
 */
export async function catchUp(given: CatchUp): Promise<void> {
  const { reader, tail, signal } = given;
  let batch = await anchored(reader, tail.state, signal);
  if (given.fromSnapshot && (await fromSnapshot(given))) {
    batch = await anchored(reader, tail.state, signal);
  }
  while (batch.length > 0) {
    await fold(tail, batch);
    batch = await anchored(reader, tail.state, signal);
  }
  if (tail.heard > tail.sequence) {
    throw new ShortLog(`the log ends at ${tail.sequence}, ${tail.heard} was announced`);
  }
}

/** The events after `state`, having checked that the log still holds the one it stands on. */
async function anchored(
  reader: LogReader,
  state: Snapshot,
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  const from = Math.max(1, state.sequence);
  const batch = await reader.batch(from, signal);
  const [first] = batch;
  if (first === undefined) {
    if (state.sequence === 0) return batch;
    throw new ShortLog(`the log no longer holds ${state.sequence}, which is served`);
  }
  if (first.sequence !== from) {
    throw new ForeignLog(`the log does not hold ${from}, although it holds ${first.sequence}`);
  }
  if (state.sequence === 0) return batch;
  if (hashOf(first.bytes) !== state.hash) {
    throw new ForeignLog(`event ${from} of the log is not the one that was applied`);
  }
  return batch.slice(1);
}

async function fold(tail: Tail, batch: readonly LogEntry[]): Promise<void> {
  for (const [place, entry] of batch.entries()) {
    if (entry.sequence > tail.sequence + 1) {
      throw new BrokenChain(`the log lost the events before ${entry.sequence}`);
    }
    tail.take(entry);
    if (place % foldedPerTurn === foldedPerTurn - 1) await nextTurn();
  }
  tail.drain();
}

/** True when a stored snapshot further on was loaded. One that cannot be used is only worth a line. */
async function fromSnapshot({ reader, tail, logger, signal }: CatchUp): Promise<boolean> {
  try {
    const pointer = await reader.snapshotPointer(signal);
    if (pointer === null) return false;
    const behind = tail.sequence === 0 ? farBehind.starting : farBehind.serving;
    if (pointer.sequence - tail.sequence < behind) return false;
    const state = await reader.snapshot(pointer, signal);
    if (state === null) return false;
    await anchored(reader, state, signal);
    tail.rebase(state);
    return true;
  } catch (error) {
    if (error instanceof LogUnreachable) throw error;
    const known =
      error instanceof UnreadableSnapshot ||
      error instanceof ForeignLog ||
      error instanceof ShortLog;
    if (!known) throw error;
    logger.warn({ reason: messageOf(error) }, 'the stored snapshot is passed over');
    return false;
  }
}
