/** The audit: a sound log passes, and each way to forge one names the first bad sequence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf } from '@respool/contracts/chain';
import {
  type Checkpoint,
  checkpointKeyFromMaster,
  signCheckpoint,
} from '@respool/contracts/checkpoint';
import { systemClock } from '@respool/contracts/clock';
import { readEvent, writeEvent } from '@respool/contracts/events';
import { emptySnapshot } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { changeBytes, collect, patience, putTenant, Writer } from '../../test/events.ts';
import { ensureLogCreated, ForeignLog } from './genesis.ts';
import { readEvents, stateAt } from './history.ts';
import { LogUnreachable } from './log.ts';
import { MemoryLog } from './memory.ts';
import { verifyLog } from './verify.ts';

const key = checkpointKeyFromMaster(Buffer.alloc(32, 1));
const stranger = checkpointKeyFromMaster(Buffer.alloc(32, 2));
const keys = new Map([[key.kid, key.publicKey]]);

async function* each(checkpoints: readonly Checkpoint[]): AsyncIterable<Checkpoint> {
  yield* checkpoints;
}

/** A log of 12 events with genuine checkpoints at 5, 10 and 12. */
async function signedLog(): Promise<{ log: MemoryLog; checkpoints: Checkpoint[] }> {
  const log = new MemoryLog();
  await (await Writer.start(log)).changes(11);
  const checkpoints: Checkpoint[] = [];
  for (const sequence of [5, 10, 12]) {
    checkpoints.push(signCheckpoint(await folded(log, sequence), key));
  }
  return { log, checkpoints };
}

function folded(log: MemoryLog, sequence: number): Promise<Snapshot> {
  return stateAt(log, emptySnapshot, async () => null, sequence, patience());
}

/** Rewrites history from `from` on so that the chain holds again: only a signature can tell. */
async function rebuild(log: MemoryLog, from: number): Promise<void> {
  const events = await readEvents(log, from - 1, 99, patience());
  let prev = events[0]?.event.prev ?? '';
  for (const { sequence, event } of events) {
    const changed = sequence === from ? { ...event, actor: 'somebody else' } : event;
    const bytes = writeEvent({ ...changed, prev });
    log.rewrite(sequence, bytes);
    prev = hashOf(bytes);
  }
}

test('a sound log passes, and says how much of it was signed', async () => {
  const { log, checkpoints } = await signedLog();
  const foreign = signCheckpoint(await folded(log, 7), stranger);
  const verdict = await verifyLog(log, each([...checkpoints, foreign]), keys, patience());
  const { logId, hash } = await folded(log, 12);
  assert.deepEqual(verdict, {
    sound: true,
    logId,
    sequence: 12,
    hash,
    checkpoints: 3,
    unknownKeys: 1,
  });
});

type Forgery = (log: MemoryLog, checkpoints: Checkpoint[]) => unknown;

const forgeries: Record<string, [number, RegExp, Forgery]> = {
  'an event changed in place': [
    8,
    /event 8 does not continue/,
    async (log) => {
      const [stored] = await collect(log.read(6, patience(), 1));
      assert(stored !== undefined);
      const event = readEvent(stored.bytes);
      log.rewrite(7, writeEvent({ ...event, actor: 'mallory' }));
    },
  ],
  'a flipped bit that breaks the JSON': [
    7,
    /not a JSON object/,
    (log) => log.rewrite(7, Buffer.from('{"broken')),
  ],
  'a missing event': [7, /event 7 is missing/, (log) => log.drop(7)],
  'an event of another chain': [
    7,
    /event 7/,
    (log) => log.rewrite(7, changeBytes('00'.repeat(32))),
  ],
  'history rebuilt with a chain that holds': [
    10,
    /another event was signed/,
    (log) => rebuild(log, 7),
  ],
  'the last event changed': [12, /another event was signed/, (log) => rebuild(log, 12)],
  'a tail cut off': [12, /ends at 11; event 12 was signed/, (log) => log.truncate(11)],
  'an emptied log': [1, /ends at 0/, (log) => log.truncate(0)],
  'a forged checkpoint': [
    10,
    /forged/,
    (_, checkpoints) => {
      const [, tenth] = checkpoints;
      assert(tenth !== undefined);
      checkpoints[1] = { ...tenth, hash: 'ab'.repeat(32) };
    },
  ],
};

for (const [forgery, [badSequence, reason, forge]] of Object.entries(forgeries)) {
  test(`${forgery} is found at its sequence`, async () => {
    const { log, checkpoints } = await signedLog();
    await forge(log, checkpoints);
    const verdict = await verifyLog(log, each(checkpoints), keys, patience());
    assert(!verdict.sound);
    assert.equal(verdict.badSequence, badSequence);
    assert.match(verdict.reason, reason);
  });
}

test('a log that does not answer is no verdict', async () => {
  const { log } = await signedLog();
  log.setReachable(false);
  const audit = verifyLog(log, each([]), keys, AbortSignal.timeout(50));
  await assert.rejects(audit, LogUnreachable);
});

test('a log that begins with a change and not with its identity fails the audit', async () => {
  const log = new MemoryLog();
  const writer = new Writer(log);
  await writer.change({ changes: [putTenant('t')] });
  const verdict = await verifyLog(log, each([]), keys, patience());
  assert.deepEqual(verdict, {
    sound: false,
    badSequence: 1,
    reason: 'event 1 must not be ConfigurationChanged',
  });
  await assert.rejects(ensureLogCreated(log, systemClock, patience()), ForeignLog);
});
