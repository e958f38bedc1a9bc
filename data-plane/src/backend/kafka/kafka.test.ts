/** A Kafka backend from its opening to its end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '@respool/contracts/clock';
import { MemoryKafka } from '@respool/kafka/memory';
import { pushed } from '../../test/push-rig.ts';
import { kafkaOver, memoryGateway } from '../../test/queues.ts';
import { VirtualClock } from '../../test/virtual-clock.ts';

function made(topics: readonly string[], clock: Clock = systemClock) {
  const memory = new MemoryKafka();
  memory.create({ name: 'shop.orders', partitions: 1 });
  return { memory, kafka: kafkaOver(memoryGateway(memory, clock), { clock }, topics) };
}

function record(text: string) {
  const content = { key: null, value: Buffer.from(text), headers: [] };
  return { topic: 'shop.orders', partition: 0, ...content };
}

test('a topic that is missing in Kafka keeps no new state out', async () => {
  const { kafka } = made(['shop.none', 'shop.orders']);
  await kafka.warm();
  assert.equal(kafka.sample().answers, true);
  kafka.close();
});

test('brokers that refuse the login do, and are said to be down', async () => {
  const { kafka, memory } = made(['shop.orders']);
  memory.fail({ operation: 'topic', kind: 'refuse', code: 'authentication-failed' });
  await assert.rejects(kafka.warm(), { code: 'authentication-failed' });
  assert.equal(kafka.sample().answers, false);
  kafka.close();
});

test('one that is retired stores what was pushed, answers what is read, and takes no more', async () => {
  const clock = new VirtualClock();
  const { kafka, memory } = made([], clock);
  memory.fail({ operation: 'produce', kind: 'delay', delayMs: 100 });
  memory.fail({ operation: 'fetchAt', kind: 'delay', delayMs: 1_000 });
  const first = pushed(kafka, record('a'));
  const read = kafka.read({ topic: 'shop.orders', partition: 0, offset: 0, bytesMax: null });
  const retired = kafka.retire(5_000);
  await clock.advance(4_000);
  await retired;
  assert.deepEqual(await first, { partition: 0, offset: 0 });
  assert.equal((await read).length, 1);
  await assert.rejects(pushed(kafka, record('b')), { code: 'closed', mayHaveHappened: false });
  const { pushes, pushErrors, reads, readErrors, queuedRecords } = kafka.sample();
  assert.deepEqual([pushes, pushErrors, reads, readErrors, queuedRecords], [1, 1, 1, 0, 0]);
});

test('one that is retired waits no longer than it may', async () => {
  const clock = new VirtualClock();
  const { kafka, memory } = made([], clock);
  memory.fail({ operation: 'fetchAt', kind: 'stall' });
  const read = kafka.read({ topic: 'shop.orders', partition: 0, offset: 0, bytesMax: null });
  const told = assert.rejects(read, { code: 'closed' });
  const retired = kafka.retire(10);
  await clock.advance(10);
  await retired;
  await told;
});
