/** The spine over a log in memory: replicas that collide, lost answers, no log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Wish } from '@respool/contracts/api';
import { tenantId } from '@respool/contracts/ids';
import { memoryStage } from '../test/api.ts';
import { patience } from '../test/events.ts';
import { until } from '../test/until.ts';
import { type ChangeOutcome, type ChangeRequest, change, type Stage } from './change.ts';
import { MemoryLog } from './log/memory.ts';

function wish(id: string, description = ''): Wish {
  const isolation = { mode: 'dedicated' } as const;
  const value = { enabled: true, isolation, description, crossSlot: 'emulate' as const };
  return { op: 'put', kind: 'tenant', id: tenantId.parse(id), value };
}

function request(wishes: Wish[], rest: Partial<ChangeRequest> = {}): ChangeRequest {
  const signal = patience();
  const intent = { kind: 'wishes' as const, wishes };
  return { actor: 'test', reason: '', intent, idempotency: null, signal, ...rest };
}

async function replicas(
  log = new MemoryLog(),
): Promise<{ log: MemoryLog; one: Stage; two: Stage }> {
  return { log, one: await memoryStage(log), two: await memoryStage(log) };
}

function sequenceOf(outcome: ChangeOutcome): number {
  assert.notEqual(outcome.kind, 'refused', JSON.stringify(outcome));
  return outcome.kind === 'refused' ? -1 : outcome.sequence;
}

async function stop(...stages: Stage[]): Promise<void> {
  for (const stage of stages) await stage.follower.stop();
}

test('a change is seen by the next read of the same replica', async () => {
  const { one, two } = await replicas();
  const sequence = sequenceOf(await change(one, request([wish('acme')])));
  assert.equal(one.follower.state().snapshot.sequence, sequence);
  assert.ok(one.follower.state().snapshot.tenants['acme']);
  await stop(one, two);
});

test('changes of two replicas at once are all made, none twice', async () => {
  const { log, one, two } = await replicas();
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, at) => change(at % 2 ? one : two, request([wish(`t-${at}`)]))),
  );
  const sequences = outcomes.map(sequenceOf).sort((a, b) => a - b);
  assert.deepEqual(
    sequences,
    Array.from({ length: 60 }, (_, at) => at + 2),
  );
  assert.equal(await log.head(patience()), 61);
  await stop(one, two);
});

test('a replica that lags refuses nothing on its old state', async () => {
  const { one, two } = await replicas();
  // Both know only the first event when the second one is written through `one`.
  const created = change(one, request([wish('acme')]));
  await created;
  const patch = {
    op: 'patch',
    kind: 'tenant',
    id: tenantId.parse('acme'),
    value: { enabled: false },
  };
  assert.equal(sequenceOf(await change(two, request([patch as Wish]))), 3);
  const same = await change(one, request([wish('acme')]));
  assert.equal(same.kind, 'changed', 'on its old state it would have been unchanged');
  await stop(one, two);
});

test('a lost answer and a lost request each end in one event', async () => {
  const { log, one, two } = await replicas();
  log.failNext('lost-ack');
  assert.equal(sequenceOf(await change(one, request([wish('a')]))), 2);
  log.failNext('lost-send');
  assert.equal(sequenceOf(await change(one, request([wish('b')]))), 3);
  assert.equal(await log.head(patience()), 3);
  await stop(one, two);
});

test('the same key at two replicas at once makes one event', async () => {
  const { log, one, two } = await replicas();
  const idempotency = { key: 'k', requestHash: 'f'.repeat(64) };
  const both = [one, two].map((stage) => change(stage, request([wish('acme')], { idempotency })));
  const outcomes = await Promise.all(both);
  assert.deepEqual(outcomes.map(sequenceOf), [2, 2]);
  assert.deepEqual(outcomes.map((one) => one.kind).sort(), ['changed', 'replayed']);
  assert.equal(await log.head(patience()), 2);
  const other = { key: 'k', requestHash: '0'.repeat(64) };
  const reused = await change(two, request([wish('beta')], { idempotency: other }));
  assert.equal(reused.kind === 'refused' && reused.code, 'idempotency-reused');
  await stop(one, two);
});

test('a key chosen by two actors is two keys', async () => {
  const { one, two } = await replicas();
  const idempotency = { key: 'k', requestHash: 'f'.repeat(64) };
  await change(one, request([wish('acme')], { idempotency }));
  const theirs = await change(two, request([wish('beta')], { idempotency, actor: 'other' }));
  assert.equal(theirs.kind, 'changed');
  await stop(one, two);
});

test('another body under the same key at the same time is refused, not taken for the first', async () => {
  const { one, two } = await replicas();
  const outcomes = await Promise.all([
    change(one, request([wish('a')], { idempotency: { key: 'k', requestHash: '0'.repeat(64) } })),
    change(two, request([wish('b')], { idempotency: { key: 'k', requestHash: '1'.repeat(64) } })),
  ]);
  assert.deepEqual(outcomes.map((one) => one.kind).sort(), ['changed', 'refused']);
  await stop(one, two);
});

test('a log that is away ends the change at its deadline, and those that wait with it', async () => {
  const { log, one, two } = await replicas();
  log.setReachable(false);
  const signal = AbortSignal.timeout(100);
  const outcomes = await Promise.all(
    ['a', 'b', 'c'].map((id) => change(one, request([wish(id)], { signal }))),
  );
  for (const outcome of outcomes) {
    assert.equal(outcome.kind === 'refused' && outcome.code, 'log-unreachable');
  }
  log.setReachable(true);
  assert.equal(sequenceOf(await change(one, request([wish('d')]))), 2);
  await stop(one, two);
});

test('nothing is written to a log that contradicts itself', async () => {
  const { log, one, two } = await replicas();
  await change(one, request([wish('a')]));
  log.rewrite(2, Buffer.from('{}'));
  await change(two, request([wish('b')])).catch(() => undefined);
  await assert.doesNotReject(one.follower.catchUp(2, patience()));
  await until('it to be noticed', () => one.follower.health().corrupt !== null);
  const outcome = await change(one, request([wish('c')]));
  assert.equal(outcome.kind === 'refused' && outcome.code, 'log-corrupt');
  await stop(one, two);
});

test('a change that makes too large an event is refused, and nothing is stored', async () => {
  const { log, one, two } = await replicas();
  const many = Array.from({ length: 2_500 }, (_, at) => wish(`t-${at}`, 'x'.repeat(200)));
  const outcome = await change(one, request(many));
  assert.equal(outcome.kind === 'refused' && outcome.code, 'event-too-large');
  assert.equal(await log.head(patience()), 1);
  await stop(one, two);
});

test('a replica reads back what it wrote once, by the next look at the log and not before', async () => {
  const log = new MemoryLog();
  // No look of its own accord comes in between.
  const stage = await memoryStage(log, { pollMs: 600_000 });
  let reads = 0;
  const read = log.read.bind(log);
  log.read = (...args) => {
    reads += 1;
    return read(...args);
  };
  const answered = change(stage, request([wish('acme')]));
  const sequence = sequenceOf(await answered);
  assert.equal(stage.follower.state().snapshot.sequence, sequence);
  assert.equal(reads, 0);
  log.rewrite(sequence, Buffer.from('{}'));
  await until('the difference to be noticed', () => stage.follower.health().corrupt !== null);
  await stop(stage);
});

test('an event that nobody could read is not written', async () => {
  const { log, one, two } = await replicas();
  const tooLong = request([wish('a')], { actor: 'x'.repeat(300) });
  await assert.rejects(change(one, tooLong), /read back and folded/);
  assert.equal(await log.head(patience()), 1);
  assert.equal(sequenceOf(await change(one, request([wish('a')]))), 2);
  await stop(one, two);
});

test('times in the log never step back, even when the clock does', async () => {
  const { one, two } = await replicas();
  const late = { ...one, clock: { ...one.clock, now: () => Date.parse('2030-01-01') } };
  await change(late, request([wish('a')]));
  await change(two, request([wish('b')]));
  assert.equal(two.follower.state().snapshot.at, '2030-01-01T00:00:00.000Z');
  await stop(one, two);
});
