/** What a unit does when its topic, its backend or Kafka changes under it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeCommitNote } from '@respool/contracts/commit-note';
import { MemoryGateway } from '@respool/kafka/memory';
import { KafkaBackend } from '../backend/kafka/kafka.ts';
import { group, limits as kafkaLimits, kafkaName, shown, UnitRig } from '../test/unit-rig.ts';

const log = (rig: UnitRig, partition = 0) => rig.kafka.log({ topic: kafkaName, partition });

test('a topic created again under its name is begun anew, and that is noticed', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 2));
  await rig.run(owner, 200);
  rig.kafka.remove(kafkaName);
  rig.kafka.create({ name: kafkaName, partitions: 2 });
  rig.push(0, 'new');
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:new']);
  assert.deepEqual(rig.noticed, ['topic-recreated']);
  assert.deepEqual(rig.committed(2), [0, 0]);
});

test('one that was created again while nobody owned the unit is found when it is loaded', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 1));
  await rig.until(owner.drain(100));
  rig.kafka.remove(kafkaName);
  rig.kafka.create({ name: kafkaName, partitions: 1 });
  rig.push(0, 'c', 'd', 'e');
  const next = rig.start();
  assert.deepEqual(shown(await rig.take(next, 1)), ['0:c']);
  assert.deepEqual(rig.noticed, ['topic-recreated']);
});

test('a new topic longer than the old one is noticed by the first record read of it', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 1));
  rig.kafka.remove(kafkaName);
  rig.kafka.create({ name: kafkaName, partitions: 1 });
  rig.push(0, 'b', 'c', 'd');
  assert.deepEqual(shown(await rig.take(owner, 3)), ['0:b', '0:c', '0:d']);
  assert.deepEqual(rig.noticed, ['topic-recreated']);
});

test('a new topic longer than the old one is noticed at once when nobody asked for long', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 1));
  await rig.run(owner, 40_000);
  rig.kafka.remove(kafkaName);
  rig.kafka.create({ name: kafkaName, partitions: 1 });
  rig.push(0, 'b', 'c', 'd');
  assert.deepEqual(shown(await rig.take(owner, 3)), ['0:b', '0:c', '0:d']);
});

test('a topic that is gone is told as that, until it is back', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 1));
  rig.kafka.remove(kafkaName);
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'failed');
  assert.equal(answer.code, 'topic-unknown');
  rig.kafka.create({ name: kafkaName, partitions: 1 });
  rig.push(0, 'b');
  await rig.run(owner, 6_000);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:b']);
});

test('retention that overtakes the position is skipped, counted and noticed', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c', 'd');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 1));
  await rig.until(owner.drain(100));
  log(rig).trim(3);
  const next = rig.start();
  assert.deepEqual(shown(await rig.take(next, 5)), ['0:d']);
  assert.equal(next.sample().skipped, 2);
  const [notice] = rig.notices;
  assert.deepEqual(
    [notice?.kind, notice?.partition, notice?.from, notice?.to, notice?.count],
    ['retention-overtook', 0, 1, 2, 2],
  );
});

test('retention that overtakes a unit at work takes what came back, too', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const loans = await rig.take(owner, 3);
  await rig.settle(owner, [], loans);
  rig.push(0, 'd', 'e');
  log(rig).trim(4);
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:e']);
  assert.deepEqual(rig.noticed, ['retention-overtook']);
  assert.equal(owner.sample().skipped, 4);
  await rig.settle(owner, [...loans]);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [4]);
});

test('what came back and was compacted away meanwhile counts as done', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  await rig.settle(owner, [], await rig.take(owner, 2));
  log(rig).compact(({ offset }) => offset !== 0);
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:b', '0:c']);
  assert.equal(owner.sample().skipped, 1);
});

test('partitions that are added are read from their first record', async () => {
  const rig = new UnitRig({ topic: { startAt: 'latest' } });
  const owner = rig.start();
  await rig.take(owner, 1);
  const { topicId } = rig.kafka.topic(kafkaName);
  rig.kafka.remove(kafkaName);
  rig.kafka.create({ name: kafkaName, partitions: 3 });
  const grown = rig.kafka.topic.bind(rig.kafka);
  rig.kafka.topic = (name) => ({ ...grown(name), topicId });
  rig.push(2, 'a');
  await rig.run(owner, 20_000);
  await rig.take(owner, 1);
  await rig.run(owner, 12_000);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['2:a']);
  const [notice] = rig.notices;
  assert.deepEqual([notice?.kind, notice?.count], ['partitions-added', 2]);
});

test('a partition that an owner before us knew, and we did not, goes on where it was', async () => {
  const rig = new UnitRig({ partitions: 2 });
  rig.push(1, 'a', 'b');
  const { topicId, ...all } = rig.kafka.topic(kafkaName);
  const note = writeCommitNote({ seek: 0, topicId });
  rig.kafka.commit(group, [{ topic: kafkaName, partition: 1, offset: 1, note, leaderEpoch: 0 }]);
  const current = rig.kafka.topic.bind(rig.kafka);
  // What a proxy knows of a topic may be some seconds old.
  rig.kafka.topic = () => ({ ...all, topicId, partitions: all.partitions.slice(0, 1) });
  const owner = rig.start();
  await rig.take(owner, 1);
  rig.kafka.topic = current;
  await rig.run(owner, 20_000);
  await rig.take(owner, 1);
  await rig.run(owner, 12_000);
  assert.deepEqual(shown(await rig.take(owner, 2)), ['1:b']);
  assert.deepEqual(rig.noticed, []);
});

test('Kafka is away: asks are told why, what is out is settled, and all goes on afterwards', async () => {
  const rig = new UnitRig({ limits: { askMsMax: 1_000 } });
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a] = await rig.take(owner, 1);
  assert(a);
  rig.kafka.isReachable = false;
  await rig.settle(owner, [a]);
  assert.deepEqual(shown(await rig.take(owner, 2)), ['0:b'], 'what was read ahead is there');
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'failed');
  assert.equal(answer.code, 'deadline');
  await rig.run(owner, 180_000);
  rig.kafka.isReachable = true;
  rig.push(0, 'c');
  await rig.run(owner, 10_000);
  assert.deepEqual(rig.committed(), [1]);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:b']);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:c']);
});

test('Kafka is away when the unit is loaded: it is tried again as long as somebody asks', async () => {
  const rig = new UnitRig({ limits: { askMsMax: 1_000 } });
  rig.kafka.isReachable = false;
  rig.push(0, 'a');
  const owner = rig.start();
  assert.equal((await rig.ask(owner, { take: 1 })).kind, 'failed');
  await rig.run(owner, 20_000);
  assert.equal(owner.state, 'loading');
  rig.kafka.isReachable = true;
  await rig.run(owner, 6_000);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:a']);
});

test('another backend with the same topic goes on where it was, loans and all', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const loans = await rig.take(owner, 2);
  const old = rig.topic;
  rig.topic = rig.view('orders', kafkaName);
  owner.follow(rig.topic);
  if (old.backend instanceof Object && 'close' in old.backend)
    (old.backend as { close(): void }).close();
  await rig.settle(owner, loans);
  assert.deepEqual(shown(await rig.take(owner, 2)), ['0:c']);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [2]);
});

test('a gateway that was closed is waited for until the next one comes', async () => {
  const rig = new UnitRig();
  const owner = rig.start();
  await rig.take(owner, 1);
  (rig.topic.backend as unknown as { close(): void }).close();
  rig.push(0, 'a');
  const asked = rig.take(owner, 1);
  await rig.clock.advance(50);
  rig.topic = rig.view('orders', kafkaName);
  owner.follow(rig.topic);
  assert.deepEqual(shown(await asked), ['0:a']);
});

test('another name in Kafka is another log, with a position of its own', async () => {
  const rig = new UnitRig();
  rig.kafka.create({ name: 'other', partitions: 1 });
  rig.kafka.log({ topic: 'other', partition: 0 }).write([rig.record('x')], null);
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  await rig.take(owner, 1);
  owner.follow({ ...rig.topic, kafkaName: 'other' });
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:x']);
});

test('a topic that is disabled or removed gives nothing out, and takes what is settled', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const loans = await rig.take(owner, 1);
  owner.follow({ ...rig.topic, enabled: false });
  const disabled = await rig.ask(owner, { take: 1, acks: loans.map(({ id }) => id) });
  assert(disabled.kind === 'failed');
  assert.equal(disabled.code, 'refused');
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [1]);
  owner.follow(null);
  const removed = await rig.ask(owner, { take: 1 });
  assert(removed.kind === 'failed');
  assert.equal(removed.code, 'topic-unknown');
  owner.follow(rig.topic);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:b']);
});

test('another window counts from the next record on', async () => {
  const rig = new UnitRig({ topic: { window: 1 } });
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  assert.equal((await rig.take(owner, 3)).length, 1);
  owner.follow({ ...rig.topic, window: 2 });
  assert.equal((await rig.take(owner, 3)).length, 1);
});

test('what was found in one cluster is never committed in another that takes its place', async () => {
  for (let ms = 0; ms < 12; ms++) {
    const rig = new UnitRig();
    const right = new UnitRig();
    right.push(0, 'a', 'b', 'c');
    const { topicId } = right.kafka.topic(kafkaName);
    const note = writeCommitNote({ seek: 0, topicId });
    right.kafka.commit(group, [
      { topic: kafkaName, partition: 0, offset: 2, note, leaderEpoch: 0 },
    ]);
    const owner = rig.start();
    await rig.clock.advance(ms);
    const gateway = new MemoryGateway(right.kafka, {
      ...{ clock: rig.clock, random: () => 0.5, answerMs: 2 },
    });
    const parts = { gateway, clock: rig.clock, limits: kafkaLimits, topics: [] };
    owner.follow({ ...rig.topic, backend: new KafkaBackend('queues', parts) });
    assert.deepEqual(shown(await rig.take(owner, 2)), ['0:c'], `after ${ms} ms`);
    assert.deepEqual(right.committed(), [2]);
  }
});
