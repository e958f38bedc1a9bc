/** KLAG: where a consumer would go on, and how far that is behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { writeCommitNote } from '@respool/contracts/commit-note';
import { record, soon } from '@respool/kafka/conformance/rig';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { lagOf } from './lag.ts';

const values = Array.from({ length: 10 }, (_, n) => record(`${n}`));

/** Two partitions of ten records each. */
function setUp() {
  const kafka = new MemoryKafka();
  const clock = { clock: systemClock, random: Math.random, answerMs: 0 };
  const gateway = new MemoryGateway(kafka, clock);
  kafka.create({ name: 't', partitions: 2 });
  for (const partition of [0, 1]) kafka.log({ topic: 't', partition }).write(values, null);
  const { topicId: current } = kafka.topic('t');
  const commit = (partition: number, offset: number, topicId: string | null = current) => {
    const note = topicId === null ? '' : writeCommitNote({ seek: 0, topicId });
    kafka.commit('kq.acme.app', [{ topic: 't', partition, offset, note, leaderEpoch: 0 }]);
  };
  const lag = async (startAt: 'earliest' | 'latest') => {
    const question = { topic: 't', tenant: 'acme', consumer: 'app', startAt };
    const found = await lagOf(gateway, question, soon);
    return found.map((one) => [one.position, one.end, one.lag]);
  };
  return { commit, lag };
}

test('who has no position is where the topic has it begin', async () => {
  const { lag } = setUp();
  assert.deepEqual(await lag('earliest'), [
    [0, 10, 10],
    [0, 10, 10],
  ]);
  assert.deepEqual(await lag('latest'), [
    [10, 10, 0],
    [10, 10, 0],
  ]);
});

test('a partition that was added has all its records to come', async () => {
  const { commit, lag } = setUp();
  commit(0, 7);
  assert.deepEqual(await lag('latest'), [
    [7, 10, 3],
    [0, 10, 10],
  ]);
});

test('a position in a topic that is gone, or of others behind the end, is that of the first record', async () => {
  const { commit, lag } = setUp();
  commit(0, 7, 'another-topic');
  commit(1, 11, null);
  assert.deepEqual(await lag('latest'), [
    [0, 10, 10],
    [0, 10, 10],
  ]);
});

test('a position behind the end of its own topic has nothing to come', async () => {
  const { commit, lag } = setUp();
  commit(0, 11);
  assert.deepEqual(await lag('earliest'), [
    [10, 10, 0],
    [0, 10, 10],
  ]);
});
