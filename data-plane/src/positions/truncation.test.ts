/** What becomes of a position when the log seems to end before it, and when it does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeCommitNote } from '@respool/contracts/commit-note';
import { KafkaError } from '@respool/kafka/kafka-error';
import { group, kafkaName, shown, UnitRig } from '../test/unit-rig.ts';

const where = { topic: kafkaName, partition: 0 };
const log = (rig: UnitRig) => rig.kafka.log(where);

/** Three of four records were delivered; an ex-leader that has only the first does not know it. */
async function afterIsolation() {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const rejoin = rig.kafka.isolateLeader(where);
  rig.push(0, 'b', 'c', 'd');
  // The owner's proxy has heard of the next leader.
  const query = { ...where, time: 'latest', leaderEpochMin: 1 } as const;
  const heard = rig.topic.backend?.log.listOffsets([query], 5_000) ?? Promise.reject();
  await rig.until(heard);
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 3));
  await rig.until(owner.drain(1_000));
  assert.deepEqual(rig.committed(), [3]);
  // The next owner's proxy knows nothing yet.
  rig.topic = rig.view('orders', kafkaName);
  return { rig, rejoin };
}

test('the old log of an ex-leader that does not know what it is sends no consumer back', async () => {
  const { rig } = await afterIsolation();
  const owner = rig.start();
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:d']);
  await rig.run(owner, 1_000);
  assert.deepEqual([rig.committed(), rig.noticed], [[3], []]);
});

test('while the ex-leader is all that answers nothing is given out, and nothing committed', async () => {
  const { rig } = await afterIsolation();
  const atLeader = rig.kafka.atLeader.bind(rig.kafka);
  rig.kafka.atLeader = (at, epochMin) => {
    if (epochMin > 0) throw new KafkaError('leader-moved', 'it cannot be reached');
    return atLeader(at, epochMin);
  };
  const owner = rig.start();
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'failed');
  assert.equal(answer.code, 'deadline');
  rig.kafka.atLeader = atLeader;
  await rig.run(owner, 6_000);
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:d']);
  assert.deepEqual([rig.committed(), rig.noticed], [[3], []]);
});

test('a log that lost its end goes on with what was written there since, and that is noticed', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c', 'd');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 3));
  await rig.until(owner.drain(100));
  log(rig).elect(1);
  rig.push(0, 'x');
  const next = rig.start();
  const loans = await rig.take(next, 5);
  assert.deepEqual(shown(loans), ['0:x'], 'neither what it had nor less than what is new');
  assert.deepEqual(rig.committed(), [1]);
  const [notice, ...more] = rig.notices;
  assert.deepEqual(
    [notice?.kind, notice?.partition, notice?.from, notice?.to, notice?.count, more],
    ['log-truncated', 0, 1, 2, 2, []],
  );
  await rig.settle(next, loans);
  await rig.run(next, 200);
  assert.deepEqual(rig.committed(), [2]);
});

test('a log that loses its end under a unit at work does so likewise', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c', 'd');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 4));
  await rig.run(owner, 200);
  log(rig).elect(2);
  rig.push(0, 'x');
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:x']);
  assert.deepEqual(rig.noticed, ['log-truncated']);
});

test('a log that grew again beyond the position is read from where it breaks all the same', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 3));
  await rig.until(owner.drain(100));
  log(rig).elect(1);
  rig.push(0, 'x', 'y', 'z');
  const next = rig.start();
  assert.deepEqual(shown(await rig.take(next, 5)), ['0:x', '0:y', '0:z']);
  const [notice] = rig.notices;
  assert.deepEqual([notice?.kind, notice?.from, notice?.to], ['log-truncated', 1, 2]);
});

test('a unit at work finds that out by the first record of another leader', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 3));
  await rig.run(owner, 200);
  log(rig).elect(1);
  rig.push(0, 'x', 'y', 'z');
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:x', '0:y', '0:z']);
  assert.deepEqual(rig.noticed, ['log-truncated']);
});

test('a leader that has all there was changes nothing', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 1));
  const loans = await rig.take(owner, 1);
  log(rig).elect();
  rig.push(0, 'd');
  const more = [...(await rig.take(owner, 1)), ...(await rig.take(owner, 1))];
  assert.deepEqual(shown(more), ['0:c', '0:d']);
  await rig.settle(owner, loans);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [2], 'what was out is still known');
  await rig.until(owner.drain(100));
  log(rig).elect();
  assert.deepEqual(shown(await rig.take(rig.start(), 5)), ['0:c', '0:d']);
  assert.deepEqual(rig.noticed, []);
});

test('a leader that has the records and cannot show them yet is waited for', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  await rig.settle(owner, await rig.take(owner, 3));
  await rig.until(owner.drain(100));
  Object.defineProperty(log(rig), 'endOffset', { configurable: true, get: () => 1 });
  const next = rig.start();
  const answer = await rig.ask(next, { take: 1 });
  assert(answer.kind === 'failed');
  assert.equal(answer.code, 'leader-moved');
  Reflect.deleteProperty(log(rig), 'endOffset');
  rig.push(0, 'd');
  await rig.run(next, 1_000);
  assert.deepEqual(shown(await rig.take(next, 1)), ['0:d']);
  assert.deepEqual(rig.noticed, []);
});

test('where nobody knows the leader of a position above the end it is asked three times', async () => {
  for (const [note, kind] of [
    [writeCommitNote({ seek: 0, topicId: '' }), 'log-truncated'],
    ['', 'topic-recreated'],
  ] as const) {
    const rig = new UnitRig();
    rig.push(0, 'a', 'b');
    const { topicId } = rig.kafka.topic(kafkaName);
    const mine = note === '' ? note : writeCommitNote({ seek: 0, topicId });
    rig.kafka.commit(group, [{ ...where, offset: 9, note: mine, leaderEpoch: null }]);
    const owner = rig.start();
    const answer = await rig.ask(owner, { take: 1 });
    assert(answer.kind === 'failed', kind);
    assert.equal(answer.code, 'leader-moved');
    assert.deepEqual([rig.committed(), rig.noticed], [[9], []]);
    await rig.run(owner, 1_000);
    assert.deepEqual(shown(await rig.take(owner, 5)), ['0:a', '0:b']);
    assert.deepEqual(rig.noticed, [kind]);
  }
});
