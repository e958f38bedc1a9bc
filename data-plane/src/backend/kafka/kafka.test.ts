/** A Kafka backend from its opening to its end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryKafka } from '@respool/kafka/memory';
import { kafkaOver, memoryGateway } from '../../test/queues.ts';

function made(topics: readonly string[]) {
  const memory = new MemoryKafka();
  memory.create({ name: 'shop.orders', partitions: 1 });
  return { memory, kafka: kafkaOver(memoryGateway(memory), {}, topics) };
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
  const { kafka, memory } = made([]);
  memory.fail({ operation: 'produce', kind: 'delay', delayMs: 5 });
  // It reads what was pushed, however late a busy machine gets to that.
  memory.fail({ operation: 'fetchAt', kind: 'delay', delayMs: 1_000 });
  const pushed = kafka.push(record('a'));
  const read = kafka.read({ topic: 'shop.orders', partition: 0, offset: 0, bytesMax: null });
  await kafka.retire(5_000);
  assert.deepEqual(await pushed, { partition: 0, offset: 0 });
  assert.equal((await read).length, 1);
  await assert.rejects(kafka.push(record('b')), { code: 'closed', mayHaveHappened: false });
  const { pushes, pushErrors, reads, readErrors, queuedRecords } = kafka.sample();
  assert.deepEqual([pushes, pushErrors, reads, readErrors, queuedRecords], [1, 1, 1, 0, 0]);
});

test('one that is retired waits no longer than it may', async () => {
  const { kafka, memory } = made([]);
  memory.fail({ operation: 'fetchAt', kind: 'stall' });
  const read = kafka.read({ topic: 'shop.orders', partition: 0, offset: 0, bytesMax: null });
  const told = assert.rejects(read, { code: 'closed' });
  await kafka.retire(10);
  await told;
});
