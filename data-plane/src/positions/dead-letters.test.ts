/** Records that were delivered as often as they may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopicView } from '../state.ts';
import { kafkaName, shown, UnitRig } from '../test/unit-rig.ts';
import type { UnitOwner } from './unit.ts';

const lettersName = 'shop.letters';

function rigWithLetters(given: Partial<TopicView> = {}, partitions = 1): UnitRig {
  const rig = new UnitRig({ partitions, topic: { maxDeliveries: 2 } });
  rig.kafka.create({ name: lettersName, partitions: 1 });
  rig.topic = { ...rig.topic, deadLetter: { ...rig.view('letters', lettersName), ...given } };
  return rig;
}

function letters(rig: UnitRig) {
  const where = { topic: lettersName, partition: 0, offset: 0 };
  return rig.kafka.log(where).read({ ...where, bytesMax: 0, recordBytesMax: 2 ** 30, waitMs: 0 })
    .records;
}

async function refuseTwice(rig: UnitRig, owner: UnitOwner): Promise<void> {
  await rig.settle(owner, [], await rig.take(owner, 1));
  await rig.settle(owner, [], await rig.take(owner, 1));
}

test('one goes to the dead-letter topic, with its key and where it came from', async () => {
  const rig = rigWithLetters();
  const headers = [{ name: 'trace', value: Buffer.from('t1') }];
  const log = rig.kafka.log({ topic: kafkaName, partition: 0 });
  log.write([{ ...rig.record('bad'), key: Buffer.from('k'), headers }, rig.record('good')], null);
  const owner = rig.start();
  await refuseTwice(rig, owner);
  const next = await rig.take(owner, 2);
  assert.deepEqual(shown(next), ['0:good'], 'it is not given out a third time');
  await rig.run(owner, 200);
  const [letter, ...more] = letters(rig);
  assert.deepEqual([`${letter?.key}`, `${letter?.value}`, more.length], ['k', 'bad', 0]);
  assert.deepEqual(
    letter?.headers.map(({ name, value }) => `${name}=${value}`),
    [
      'trace=t1',
      'respool-topic=orders',
      'respool-partition=0',
      'respool-offset=0',
      'respool-deliveries=2',
    ],
  );
  await rig.settle(owner, next);
  await rig.run(owner, 200);
  assert.deepEqual([rig.committed(), owner.sample().deadLetters], [[2], 1]);
  const [notice] = rig.notices;
  assert.deepEqual([notice?.kind, notice?.from, notice?.count], ['dead-letter', 0, 1]);
});

test('a tombstone stays one: its letter has no value, which is not an empty one', async () => {
  const rig = rigWithLetters();
  const log = rig.kafka.log({ topic: kafkaName, partition: 0 });
  log.write([{ ...rig.record(null), key: Buffer.from('k') }, rig.record('')], null);
  const owner = rig.start();
  await refuseTwice(rig, owner);
  await refuseTwice(rig, owner);
  await rig.run(owner, 200);
  const [tombstone, empty] = letters(rig);
  assert.deepEqual([`${tombstone?.key}`, tombstone?.value], ['k', null]);
  assert.equal(empty?.value?.length, 0);
});

test('what was given back without having been shown to anybody was not delivered', async () => {
  const rig = rigWithLetters();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  for (let round = 0; round < 5; round++) {
    const loans = await rig.take(owner, 2);
    assert.deepEqual(
      loans.map(({ deliveries }) => deliveries),
      [1, 1],
    );
    await rig.ask(owner, { returns: loans.map(({ id }) => id) });
  }
  const [a, b] = await rig.take(owner, 2);
  await rig.settle(owner, [b!], [a!]);
  const [again] = await rig.take(owner, 2);
  assert.equal(again?.deliveries, 2);
  await rig.settle(owner, [again!]);
  await rig.run(owner, 200);
  const { deadLetters, redeliveries } = owner.sample();
  assert.deepEqual([deadLetters, redeliveries, rig.committed()], [0, 1, [2]]);
  assert.equal(letters(rig).length, 0);
});

test('nothing is committed past one before its push has succeeded', async () => {
  const rig = rigWithLetters();
  rig.push(0, 'bad', 'good');
  const owner = rig.start();
  rig.kafka.fail({ operation: 'produce', kind: 'refuse', code: 'not-authorized' });
  await refuseTwice(rig, owner);
  await rig.settle(owner, await rig.take(owner, 1));
  await rig.run(owner, 100);
  assert.deepEqual([rig.committed(), letters(rig).length], [[0], 0]);
  await rig.run(owner, 1_000);
  assert.deepEqual([rig.committed(), letters(rig).length], [[2], 1]);
});

test('without such a topic it is dropped, and that is noticed', async () => {
  const rig = new UnitRig({ topic: { maxDeliveries: 2 } });
  rig.push(0, 'bad', 'good');
  const owner = rig.start();
  await refuseTwice(rig, owner);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [1]);
  const [notice] = rig.notices;
  assert.deepEqual([notice?.kind, notice?.from, notice?.to], ['dropped', 0, 0]);
  assert.equal(owner.sample().deadLetters, 1);
});

test('a loan that timed out and a proxy that is gone count as deliveries', async () => {
  const rig = rigWithLetters();
  rig.push(0, 'bad');
  const owner = rig.start();
  await rig.take(owner, 1);
  await rig.run(owner, 31_000);
  await rig.take(owner, 1, { from: 'two.1' });
  rig.gone.add('two.1');
  await rig.run(owner, 300);
  assert.equal(letters(rig).length, 1);
});

test('one that is disabled keeps its records waiting until it is enabled', async () => {
  const rig = rigWithLetters({ enabled: false });
  rig.push(0, 'bad');
  const owner = rig.start();
  await refuseTwice(rig, owner);
  await rig.run(owner, 20_000);
  assert.deepEqual([rig.committed(), letters(rig).length], [[0], 0]);
  const { deadLetter } = rig.topic;
  assert(deadLetter !== null);
  owner.follow({ ...rig.topic, deadLetter: { ...deadLetter, enabled: true } });
  await rig.run(owner, 6_000);
  assert.deepEqual([rig.committed(), letters(rig).length], [[1], 1]);
});

test('one that retention took before it was pushed counts as skipped', async () => {
  const rig = rigWithLetters({ enabled: false });
  rig.push(0, 'bad', 'good');
  const owner = rig.start();
  await refuseTwice(rig, owner);
  rig.kafka.log({ topic: kafkaName, partition: 0 }).trim(1);
  await rig.run(owner, 10_000);
  assert.deepEqual([rig.committed(), letters(rig).length, owner.sample().skipped], [[1], 0, 1]);
});

test('many of them leave in order, and the window opens behind them', async () => {
  const rig = rigWithLetters();
  rig.topic = { ...rig.topic, maxDeliveries: 1, window: 300 };
  const owner = rig.start();
  rig.push(0, ...Array.from({ length: 400 }, (_, at) => `${at}`));
  await rig.settle(owner, [], await rig.take(owner, 300));
  await rig.run(owner, 1_000);
  assert.deepEqual(
    letters(rig).map(({ value }) => `${value}`),
    Array.from({ length: 300 }, (_, at) => `${at}`),
  );
  assert.equal((await rig.take(owner, 300)).length, 100);
});

test('a consumer that refuses everything fills no more than a notice each ten seconds', async () => {
  const rig = new UnitRig({ topic: { maxDeliveries: 1, window: 10 } });
  rig.push(0, ...Array.from({ length: 300 }, (_, at) => `${at}`));
  const owner = rig.start();
  for (let n = 0; n < 250; n++) {
    await rig.settle(owner, [], await rig.take(owner, 1));
    await rig.run(owner, 100);
  }
  assert.deepEqual(rig.noticed, ['dropped', 'dropped', 'dropped']);
  await rig.until(owner.drain(0));
  const counted = rig.notices.reduce((sum, { count }) => sum + (count ?? 0), 0);
  assert.deepEqual([counted, rig.notices.at(-1)?.to], [250, 249]);
});

test('letters that cannot be pushed are told of once it lasts, and hold up no other partition', async () => {
  const rig = rigWithLetters({}, 2);
  rig.topic = { ...rig.topic, maxDeliveries: 1 };
  const owner = rig.start();
  rig.push(0, 'bad');
  await rig.settle(owner, [], await rig.take(owner, 1));
  const log = rig.kafka.log({ topic: kafkaName, partition: 0 });
  const read = log.read.bind(log);
  log.read = (request) => ({ ...read(request), records: [], nextOffset: request.offset });
  rig.push(1, 'worse');
  await rig.settle(owner, [], await rig.take(owner, 1));
  await rig.run(owner, 9_000);
  assert.deepEqual([letters(rig).length, rig.noticed], [1, ['dead-letter']]);
  await rig.run(owner, 20_000);
  const [, failed, ...more] = rig.notices;
  assert.deepEqual(
    [failed?.kind, failed?.partition, failed?.from, more],
    ['dead-letter-failed', 0, 0, []],
  );
  log.read = read;
  await rig.run(owner, 10_000);
  assert.equal(letters(rig).length, 2);
});
