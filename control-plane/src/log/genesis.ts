/** The first event of the log: it gives the log its identity, once, whoever starts first. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '@respool/contracts/clock';
import { genesisHash, type LogCreated, readEvent, writeEvent } from '@respool/contracts/events';
import { logSubject } from '@respool/contracts/subjects';
import { type EventLog, LogUnreachable } from './log.ts';

/** A log that does not start with `LogCreated` is not one of ours. */
export class ForeignLog extends Error {
  override name = 'ForeignLog';
}

/**
 * The id of the log, after writing its first event if there is none. Any number of control planes
 * may call this at once: expected sequence 0 lets one of them in. Throws LogUnreachable at the
 * deadline.
 */
export async function ensureLogCreated(
  log: EventLog,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  if ((await log.head(signal)) === 0) {
    const first = firstEvent(clock);
    const outcome = await log.append({
      bytes: writeEvent(first),
      expected: 0,
      requestId: first.requestId,
      subject: logSubject(null),
      signal,
    });
    if (outcome.kind === 'unreachable') throw new LogUnreachable(outcome.cause);
  }
  for await (const { bytes } of log.read(0, signal, 1)) {
    const event = readEvent(bytes);
    if (event.type === 'LogCreated') return event.logId;
    throw new ForeignLog(`the log begins with ${event.type}`);
  }
  throw new LogUnreachable('the log is still empty');
}

function firstEvent(clock: Clock): LogCreated {
  return {
    type: 'LogCreated',
    version: 1,
    requestId: randomUUID(),
    at: new Date(clock.now()).toISOString(),
    actor: 'control-plane',
    reason: 'first start',
    prev: genesisHash,
    logId: randomUUID(),
  };
}
