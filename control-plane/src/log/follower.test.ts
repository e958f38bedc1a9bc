/** The follower on a log in memory: level, indexed, and never past what contradicts itself. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { hashOf } from '@respool/contracts/chain';
import { systemClock } from '@respool/contracts/clock';
import type { Snapshot } from '@respool/contracts/snapshot';
import { changeBytes, collect, patience, putTenant, Writer } from '../../test/events.ts';
import { until } from '../../test/until.ts';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { LogCorrupt } from './corruption.ts';
import { LogFollower, type LogFollowerOptions } from './follower.ts';
import { SequenceInFuture } from './history.ts';
import { LogUnreachable } from './log.ts';
import { MemoryLog } from './memory.ts';

async function follow(
  t: TestContext,
  log: MemoryLog,
  options: Partial<LogFollowerOptions> = {},
): Promise<LogFollower> {
  const defaults = { clock: systemClock, signal: patience(), pollMs: 20 };
  const follower = await LogFollower.start(log, { ...defaults, ...options });
  t.after(() => follower.stop());
  return follower;
}

test('it starts level with the head and follows each event in order', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  await writer.changes(10);
  const follower = await follow(t, log);
  assert.equal(follower.state().snapshot.sequence, 11);
  const seen: number[] = [];
  follower.onAdvance(({ sequence }, snapshot) => {
    assert.equal(snapshot.sequence, sequence);
    seen.push(sequence);
  });
  await writer.changes(5);
  const state = await follower.catchUp(16, patience());
  assert.equal(state.snapshot.hash, writer.hash);
  assert.deepEqual(seen, [12, 13, 14, 15, 16]);
});

test('a lost live message is noticed at the next poll', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  const clock = new VirtualClock();
  const deaf = new Proxy(log, {
    get: (target, name) =>
      name === 'watch' ? () => () => {} : Reflect.get(target, name, target)?.bind?.(target),
  });
  const follower = await follow(t, deaf, { clock, pollMs: 1_000 });
  await writer.change();
  assert.equal(follower.state().snapshot.sequence, 1);
  clock.advance(1_000);
  await until('the poll to catch up', () => follower.state().snapshot.sequence === 2);
});

test('a failing listener stops neither the follower nor the other listeners', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  const warnings: string[] = [];
  const follower = await follow(t, log, { warn: (message) => warnings.push(message) });
  let heard = 0;
  follower.onAdvance(() => {
    throw new Error('broken');
  });
  follower.onAdvance(() => heard++);
  await writer.changes(2);
  await follower.catchUp(3, patience());
  assert.equal(heard, 2);
  assert.deepEqual(warnings, ['a listener of the log failed', 'a listener of the log failed']);
});

test('requests of the last day are known by id and by idempotency key', async (t) => {
  const log = new MemoryLog();
  const clock = new VirtualClock('2026-05-01T11:58:00.000Z');
  const writer = await Writer.start(log, clock);
  clock.advance(24 * 60 * 60 * 1000 + 120_000);
  const [old, recent] = [randomUUID(), randomUUID()];
  const requestHash = 'ab'.repeat(32);
  const at = (iso: string, key: string) => ({ at: iso, idempotency: { key, requestHash } });
  await writer.change({ requestId: old, ...at('2026-05-01T11:59:00.000Z', 'old') });
  await writer.change({ requestId: recent, ...at('2026-05-01T12:01:00.000Z', 'recent') });
  const follower = await follow(t, log, { clock });
  assert.equal(follower.state().hasRequest(old), undefined);
  assert.equal(follower.state().hasRequest(recent), 3);
  assert.deepEqual([...follower.state().idempotency], [['recent', { requestHash, sequence: 3 }]]);
  clock.advance(120_000);
  assert.equal(follower.state().hasRequest(recent), undefined);
  assert.equal(follower.state().idempotency.size, 0);
});

test('started from a snapshot it knows the same as one that read everything', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  const requestHash = 'cd'.repeat(32);
  for (let place = 0; place < 30; place++) {
    const idempotency = { key: `key ${place}`, requestHash };
    await writer.change({ idempotency, changes: [putTenant(`t${place % 5}`, `${place}`)] });
  }
  const whole = await follow(t, log);
  const kept = await whole.stateAt(17, patience());
  let asked = 0;
  const nearestSnapshot = async (atMost: number): Promise<Snapshot | null> => {
    asked = atMost;
    return kept;
  };
  const fromSnapshot = await follow(t, log, { nearestSnapshot });
  assert.equal(asked, 31);
  assert.deepEqual(fromSnapshot.state().snapshot, whole.state().snapshot);
  assert.deepEqual([...fromSnapshot.state().idempotency], [...whole.state().idempotency]);
});

test('a snapshot of another log is left aside, and so is one that cannot be had', async (t) => {
  const log = new MemoryLog();
  await (await Writer.start(log)).changes(5);
  const good = await follow(t, log);
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const foreign = { ...(await good.stateAt(4, patience())), hash: 'ef'.repeat(32) };
  const first = await follow(t, log, { nearestSnapshot: async () => foreign, warn });
  const second = await follow(t, log, { nearestSnapshot: () => Promise.reject(new Error()), warn });
  for (const follower of [first, second]) {
    assert.deepEqual(follower.state().snapshot, good.state().snapshot);
  }
  assert.equal(warnings.length, 2);
});

test('the past can be seen by sequence and by time', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  for (let minute = 0; minute < 40; minute++) {
    const at = new Date(Date.UTC(2030, 0, 1, 0, minute)).toISOString();
    await writer.change({ at, changes: [putTenant('t', String(minute))] });
  }
  const follower = await follow(t, log);
  const noteAt = (state: Snapshot) => state.tenants['t']?.tenant.value.description;
  assert.equal(noteAt(await follower.stateAt(2, patience())), '0');
  assert.equal(noteAt(await follower.stateAt(41, patience())), '39');
  assert.deepEqual((await follower.stateAt(0, patience())).tenants, {});
  await assert.rejects(follower.stateAt(42, patience()), SequenceInFuture);
  const at = (iso: string) => follower.stateAtTime(iso, patience());
  assert.equal(noteAt(await at('2030-01-01T00:17:59.999Z')), '17');
  assert.equal(noteAt(await at('2030-01-01T00:18:00.000Z')), '18');
  assert.equal(noteAt(await at('2031-01-01T00:00:00Z')), '39');
  assert.equal((await at('2000-01-01T00:00:00Z')).sequence, 0);
  await assert.rejects(at('tomorrow'), RangeError);
});

test('events are shown from memory while the log is away', async (t) => {
  const log = new MemoryLog();
  await (await Writer.start(log)).changes(9);
  const follower = await follow(t, log);
  log.setReachable(false);
  const events = await follower.eventsBetween(3, 4, AbortSignal.timeout(50));
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    [4, 5, 6, 7],
  );
  assert.deepEqual(await follower.eventsBetween(10, 4, patience()), []);
});

test('while the log is away it says so, keeps its state, and recovers by itself', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  const follower = await follow(t, log);
  log.setReachable(false);
  assert.equal(follower.health().reachable, false);
  await assert.rejects(follower.catchUp(2, AbortSignal.timeout(100)), LogUnreachable);
  assert.equal(follower.state().snapshot.sequence, 1);
  log.setReachable(true);
  await writer.change();
  await follower.catchUp(2, patience());
  await until('health to say so', () => follower.health().reachable);
  assert.deepEqual(follower.health(), { reachable: true, corrupt: null, sequence: 2 });
});

test('starting on a log that does not answer ends at the deadline', async () => {
  const log = new MemoryLog();
  log.setReachable(false);
  const start = LogFollower.start(log, { clock: systemClock, signal: AbortSignal.timeout(50) });
  await assert.rejects(start, LogUnreachable);
});

const injuries: Record<string, [RegExp, (log: MemoryLog, writer: Writer) => unknown]> = {
  'rewritten at the head': [
    /event 6 is not the one applied before/,
    (log) => log.rewrite(6, changeBytes('00'.repeat(32))),
  ],
  'cut short': [/ends before event 6/, (log) => log.truncate(4)],
  emptied: [/ends before event 6/, (log) => log.truncate(0)],
  'continued by an event of another chain': [
    /event 7 does not continue the chain/,
    (_, writer) => writer.raw(changeBytes('00'.repeat(32))),
  ],
  'continued by an event from the future': [
    /cannot read event ConfigurationChanged version 9/,
    (_, writer) => writer.raw(futureBytes(writer.hash)),
  ],
  'continued by something else': [
    /not a JSON object/,
    (_, writer) => writer.raw(Buffer.from('noise')),
  ],
  'missing an event it counts': [
    /event 7 is missing/,
    async (log, writer) => {
      log.drop(7);
      await writer.changes(2);
    },
  ],
};

function futureBytes(prev: string): Uint8Array {
  const event: Record<string, unknown> = JSON.parse(Buffer.from(changeBytes(prev)).toString());
  return Buffer.from(JSON.stringify({ ...event, version: 9 }));
}

for (const [injury, [reason, harm]] of Object.entries(injuries)) {
  test(`a log ${injury} is reported, and the last good state stays`, async (t) => {
    const log = new MemoryLog();
    const writer = await Writer.start(log);
    await writer.changes(5);
    const warnings: string[] = [];
    const follower = await follow(t, log, { warn: (message) => warnings.push(message) });
    const good = follower.state().snapshot;
    await harm(log, writer);
    await until('the injury to be noticed', () => follower.health().corrupt !== null);
    assert.match(follower.health().corrupt ?? '', reason);
    assert.equal(follower.state().snapshot, good);
    await assert.rejects(follower.catchUp(99, patience()), LogCorrupt);
    assert.deepEqual(warnings, ['the log is corrupt']);
  });
}

test('starting on a corrupt log serves what is sound of it and reports the rest', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  await writer.changes(5);
  log.rewrite(4, changeBytes('00'.repeat(32)));
  const follower = await follow(t, log);
  assert.deepEqual(follower.health(), {
    reachable: true,
    corrupt: 'event 4 does not continue the chain',
    sequence: 3,
  });
});

test('a log that heals, as when a sound replica takes over, is followed again', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  await writer.changes(3);
  const follower = await follow(t, log);
  const [last] = await follower.eventsBetween(3, 1, patience());
  const bytes = await collect(log.read(3, patience(), 1));
  log.rewrite(4, changeBytes('00'.repeat(32)));
  await until('the injury to be noticed', () => follower.health().corrupt !== null);
  assert(last !== undefined && bytes[0] !== undefined);
  assert.equal(hashOf(bytes[0].bytes), last.hash);
  log.rewrite(4, bytes[0].bytes);
  await until('it to be sound again', () => follower.health().corrupt === null);
});
