/** Reading at an offset what kafkajs wrote to a real broker: batched, packed, in transactions, gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { assertFails, newTopic, soon } from '@respool/kafka/conformance/rig';
import type { KafkaGateway, NewTopic } from '@respool/kafka/gateway';
import { gatewayTo, kafkajsTo, untilTrue, useKafka } from '@respool/kafka/test/kafka';
import { CompressionTypes, type Kafka, type Message } from 'kafkajs';
import { defaultReadLimits, OffsetReader } from './consume.ts';
import { findOffset, partitionsOf } from './offsets.ts';

let other: Kafka;
// The cleaner looks for work ten times a second instead of every 15 s.
const settings = { 'log.cleaner.backoff.ms': '100' };
const cluster = useKafka({ settings }, async ({ bootstrap }) => {
  other = kafkajsTo(bootstrap);
  return async () => {};
});

interface World {
  readonly gateway: KafkaGateway;
  readonly reader: OffsetReader;
  readonly topic: string;
}

async function world(
  given: Partial<Omit<NewTopic, 'name'>>,
  story: (world: World) => Promise<void>,
): Promise<void> {
  const gateway = gatewayTo(cluster().bootstrap);
  const reader = new OffsetReader(gateway, systemClock, { ...defaultReadLimits, windowMsMax: 50 });
  try {
    await story({ gateway, reader, topic: await newTopic(gateway, given) });
  } finally {
    await gateway.close();
  }
}

async function write(topic: string, messages: readonly Message[], compression?: CompressionTypes) {
  const producer = other.producer();
  await producer.connect();
  await producer.send({ topic, messages: [...messages], ...(compression && { compression }) });
  await producer.disconnect();
}

/** One record a call, as an application does that keeps its own position. */
async function walk({ reader, topic }: World, from = 0): Promise<string[]> {
  const found: string[] = [];
  for (let offset = from; ; ) {
    const [record] = await reader.read({ topic, partition: 0, offset, bytesMax: null });
    if (record === undefined) return found;
    found.push(`${record.offset} ${record.value}`);
    offset = record.offset + 1;
  }
}

const messages = (count: number, name: string) =>
  Array.from({ length: count }, (_, at) => ({ partition: 0, value: `${name} ${at}` }));

test('pops every record of packed batches and transactions, and no other', async () => {
  await world({}, async (given) => {
    const { topic } = given;
    await write(topic, messages(30, 'plain'));
    await write(topic, messages(300, 'packed'), CompressionTypes.GZIP);
    const writer = other.producer({ transactionalId: topic, maxInFlightRequests: 1 });
    await writer.connect();
    const bad = await writer.transaction();
    await bad.send({ topic, messages: messages(5, 'bad') });
    await bad.abort();
    const good = await writer.transaction();
    await good.send({ topic, messages: messages(5, 'good') });
    await good.commit();
    await writer.disconnect();
    await untilTrue('the commit to show', async () => (await walk(given, 336)).length === 5);
    const texts = [...messages(30, 'plain'), ...messages(300, 'packed'), ...messages(5, 'good')];
    const found = await walk(given);
    assert.deepEqual(
      found.map((text) => text.slice(text.indexOf(' ') + 1)),
      texts.map(({ value }) => value),
    );
    // Five bad ones and the marker behind them take offsets too.
    assert.equal(found[330], '336 good 0');
  });
});

test('goes over the gaps of a compacted topic', async () => {
  const compact = {
    ...{ 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' },
    ...{ 'max.compaction.lag.ms': '200' },
  };
  await world({ settings: compact }, async (given) => {
    const { topic } = given;
    const keyed = Array.from({ length: 20 }, (_, at) => {
      return { partition: 0, key: `${at % 3}`, value: `v${at}` };
    });
    await write(topic, keyed);
    await untilTrue('the cleaner', async () => {
      // Only a segment that is not written to any more is cleaned; the next record closes it.
      await write(topic, [{ partition: 0, key: 'other', value: 'x' }]);
      return (await walk(given))[0] !== '0 v0';
    });
    const found = (await walk(given)).filter((text) => !text.endsWith('x'));
    assert.deepEqual(found, ['17 v17', '18 v18', '19 v19']);
    const [record] = await given.reader.read({ topic, partition: 0, offset: 5, bytesMax: null });
    assert.equal(record?.offset, 17);
  });
});

test('tells where the log starts once retention has overtaken the application', async () => {
  await world({}, async ({ reader, topic }) => {
    await write(topic, messages(10, 'm'));
    const admin = other.admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    await admin.disconnect();
    const read = (offset: number) => reader.read({ topic, partition: 0, offset, bytesMax: null });
    const error = await assertFails(read(5), 'offset-out-of-range');
    assert.match(error.message, /offsets 6 to 10, not 5/);
    assert.deepEqual(
      (await read(6)).map(({ value }) => String(value)),
      ['m 6'],
    );
  });
});

test('a hundred readers at once get each what they asked for', async () => {
  await world({}, async ({ reader, topic }) => {
    await write(topic, messages(500, 'm'), CompressionTypes.GZIP);
    const readers = Array.from({ length: 100 }, async (_, at) => {
      for (let round = 0; round < 10; round++) {
        const offset = (at * 37 + round * 101) % 500;
        const found = await reader.read({ topic, partition: 0, offset, bytesMax: 12 });
        assert.equal(`${found[0]?.offset} ${found[0]?.value}`, `${offset} m ${offset}`);
      }
    });
    await Promise.all(readers);
  });
});

test('finds offsets by the time kafkajs gave its records', async () => {
  await world({ partitions: 2 }, async ({ gateway, topic }) => {
    const startMs = Date.now() - 60_000;
    const timed = [0, 1, 2].map((at) => {
      return { partition: 1, value: 'v', timestamp: `${startMs + at * 1_000}` };
    });
    await write(topic, timed);
    const where = { topic, partition: 1 };
    assert.deepEqual(await findOffset(gateway, where, startMs + 500, soon), {
      offset: 1,
      timestampMs: startMs + 1_000,
    });
    const end = { offset: 3, timestampMs: -1 };
    assert.deepEqual(await findOffset(gateway, where, 'latest', soon), end);
    assert.deepEqual(await partitionsOf(gateway, topic, soon), [0, 1]);
  });
});
