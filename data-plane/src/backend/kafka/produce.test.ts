/** How pushes become batches: when they leave, where they go, and in which order they are stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PushRig } from '../../test/push-rig.ts';
import { partitionOfKey } from './partition.ts';

test('a push is told its partition and offset once it is stored', async () => {
  const rig = new PushRig();
  const push = rig.push('a', { partition: 0 });
  await rig.clock.advance(100);
  assert.deepEqual(push.pushed, { partition: 0, offset: 0 });
  assert.deepEqual(rig.stored(), ['a']);
  assert.equal(rig.pusher.queuedRecords, 0);
  assert.equal(rig.pusher.queuedBytes, 0);
});

test('what comes in one turn of the event loop leaves together', async () => {
  const rig = new PushRig();
  await rig.warm();
  rig.push('a');
  rig.push('b');
  await rig.clock.advance(10);
  assert.deepEqual(rig.tried, ['a b']);
});

test('what comes within the linger leaves together', async () => {
  const rig = new PushRig({ limits: { lingerMs: 1 } });
  await rig.warm();
  rig.push('a');
  await rig.clock.advance(0.9);
  assert.deepEqual(rig.tried, []);
  rig.push('b');
  await rig.clock.advance(10);
  assert.deepEqual(rig.tried, ['a b']);
});

test('what comes while a batch is under way leaves together right behind it', async () => {
  const rig = new PushRig();
  await rig.warm();
  const a = rig.push('a');
  await rig.clock.advance(2);
  rig.push('b');
  const c = rig.push('c');
  await rig.clock.advance(3.9);
  assert.deepEqual(rig.tried, ['a']);
  await rig.clock.advance(10);
  assert.deepEqual(rig.tried, ['a', 'b c']);
  assert.deepEqual([a.pushed?.offset, c.pushed?.offset], [1, 3]);
});

test('a full batch leaves at once, by count or by size', async () => {
  const byCount = new PushRig({ limits: { batchRecordsMax: 2 }, answerMs: 0 });
  await byCount.warm();
  for (const value of ['a', 'b', 'c']) byCount.push(value);
  await byCount.clock.advance(0);
  assert.deepEqual(byCount.tried, ['a b', 'c']);
  const bySize = new PushRig({ limits: { batchBytesMax: 450 }, answerMs: 0 });
  await bySize.warm();
  for (const value of ['a', 'b', 'c']) bySize.push(value);
  await bySize.clock.advance(0);
  assert.deepEqual(bySize.tried, ['a b', 'c']);
});

test('a record larger than a batch goes alone', async () => {
  const rig = new PushRig({ limits: { batchBytesMax: 450 } });
  await rig.warm();
  const large = 'x'.repeat(1_000);
  for (const value of ['a', large, 'b']) rig.push(value);
  await rig.clock.advance(100);
  assert.deepEqual(rig.tried, ['a', large, 'b']);
});

test('a key always goes to the partition the Java client would choose', async () => {
  const rig = new PushRig({ partitions: 7 });
  const pushes = Array.from({ length: 50 }, (_, at) => {
    const key = Buffer.from(`key-${at % 10}`);
    return { key, outcome: rig.push(`${at}`, { key }) };
  });
  await rig.clock.advance(100);
  for (const { key, outcome } of pushes) {
    assert.equal(outcome.pushed?.partition, partitionOfKey(key, 7));
  }
});

test('single pushes without a key take turns', async () => {
  const rig = new PushRig({ partitions: 3 });
  const partitions: (number | undefined)[] = [];
  for (let at = 0; at < 7; at++) {
    const push = rig.push(`${at}`);
    await rig.clock.advance(50);
    partitions.push(push.pushed?.partition);
  }
  assert.deepEqual(partitions, [0, 1, 2, 0, 1, 2, 0]);
});

test('many pushes without a key take turns a batch at a time', async () => {
  const rig = new PushRig({ partitions: 3 });
  await rig.warm();
  const pushes = [];
  for (let burst = 0; burst < 6; burst++) {
    for (let at = 0; at < 4; at++) pushes.push(rig.push(`${burst}.${at}`));
    await rig.clock.advance(20);
  }
  const partitions = pushes.map(({ pushed }) => pushed?.partition);
  const turns = [0, 1, 2, 0, 1, 2];
  assert.deepEqual(
    partitions,
    turns.flatMap((partition) => Array(4).fill(partition)),
  );
});

test('while all partitions are busy, pushes without a key spread over them, some at a time', async () => {
  const rig = new PushRig({ partitions: 3, answerMs: 500, limits: { gatherRecordsMax: 3 } });
  await rig.warm().catch(() => {});
  await rig.clock.advance(2_000);
  rig.kafka.batches.length = 0;
  for (let partition = 0; partition < 3; partition++) rig.push('first', { partition });
  await rig.clock.advance(2);
  for (let at = 0; at < 9; at++) rig.push(`${at}`);
  await rig.clock.advance(5_000);
  const sizes = rig.kafka.batches.slice(3).map(({ records }) => records.length);
  assert.deepEqual(sizes, [3, 3, 3]);
});

test('a partition that does not answer is passed over by pushes that may go anywhere', async () => {
  const rig = new PushRig({ partitions: 3 });
  await rig.warm();
  rig.kafka.fail({ operation: 'produce', kind: 'stall' });
  rig.push('stuck', { partition: 1 });
  await rig.clock.advance(1_100);
  const pushes = [];
  for (let at = 0; at < 6; at++) {
    pushes.push(rig.push(`${at}`));
    await rig.clock.advance(20);
  }
  assert.deepEqual(
    pushes.map(({ pushed }) => pushed?.partition),
    [0, 2, 0, 2, 0, 2],
  );
});

test('a partition that does not exist is refused, and known once it was added', async () => {
  const rig = new PushRig({ partitions: 2 });
  await rig.warm();
  const refused = rig.push('a', { partition: 2 });
  await rig.clock.advance(10);
  assert.equal(refused.error?.code, 'partition-unknown');
  assert.match(refused.error?.message ?? '', /partitions 0 to 1, not 2/);
  rig.kafka.remove('t');
  rig.kafka.create({ name: 't', partitions: 3 });
  await rig.clock.advance(1_000);
  rig.push('b', { partition: 2 });
  await rig.clock.advance(100);
  const taken = rig.push('c', { partition: 2 });
  await rig.clock.advance(100);
  assert.equal(taken.pushed?.partition, 2);
});

test('a topic that does not exist is refused, and served once it was created', async () => {
  const rig = new PushRig();
  const refused = [rig.push('a', { topic: 'new' }), rig.push('b', { topic: 'new' })];
  await rig.clock.advance(100);
  for (const { error } of refused) assert.equal(error?.code, 'topic-unknown');
  rig.kafka.create({ name: 'new', partitions: 1 });
  const taken = rig.push('c', { topic: 'new' });
  await rig.clock.advance(100);
  assert.deepEqual(taken.pushed, { partition: 0, offset: 0 });
});

test('pushes that came before the topic was known keep their order', async () => {
  const rig = new PushRig();
  const values = Array.from({ length: 100 }, (_, at) => `${at}`);
  for (const [at, value] of values.entries()) {
    rig.push(value, { partition: 0 });
    if (at % 10 === 0) await rig.clock.advance(1);
  }
  await rig.clock.advance(100);
  assert.deepEqual(rig.stored(), values);
});

test('partitions beyond the bound are refused while all are in use, and taken when not', async () => {
  const rig = new PushRig({ partitions: 5, limits: { lanesMax: 2 } });
  await rig.warm();
  const pushes = [0, 1, 2].map((partition) => rig.push('a', { partition }));
  await rig.clock.advance(50);
  assert.deepEqual(
    pushes.map(({ error }) => error?.code),
    [undefined, undefined, 'overloaded'],
  );
  for (const partition of [2, 3, 4, 0]) {
    const push = rig.push('b', { partition });
    await rig.clock.advance(50);
    assert.equal(push.pushed?.partition, partition);
  }
  assert.deepEqual(rig.stored(0), ['warm', 'a', 'b']);
});
