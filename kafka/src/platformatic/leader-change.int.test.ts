/** Three real brokers, one of which is killed or hangs while batches are written and read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchOf, newTopic, Producer, readAll, record, soon } from '../conformance/rig.ts';
import type { KafkaGateway, TopicPartition } from '../gateway.ts';
import { gatewayTo, kafkajsTo, useKafka } from '../test/kafka.ts';

const cluster = useKafka({ nodes: 3 }, async () => async () => {});
const patient = 60_000;

async function leaderOf(gateway: KafkaGateway, { topic, partition }: TopicPartition) {
  const { partitions } = await gateway.topic(topic, soon);
  const node = cluster().nodes.find(({ id }) => id === partitions[partition]?.leader);
  assert(node !== undefined, 'the partition has a leader');
  return node;
}

/** Batches one after the other until told to stop; which values were acknowledged, and where. */
async function writeUntil(
  gateway: KafkaGateway,
  where: TopicPartition,
  isEnough: (written: number) => boolean,
): Promise<string[]> {
  const producer = await Producer.open(gateway, where);
  const acknowledged: string[] = [];
  for (let at = 0; !isEnough(at); at++) {
    const batch = producer.batch([record(`${at} a`), record(`${at} b`)]);
    const { baseOffset } = await gateway.produce(batch, patient);
    acknowledged.push(`${baseOffset} ${at} a`, `${baseOffset + 1} ${at} b`);
  }
  return acknowledged;
}

/** What a client that shares no code with us reads, as `offset value`. */
async function readByOther({ topic }: TopicPartition, count: number): Promise<string[]> {
  const consumer = kafkajsTo(cluster().bootstrap).consumer({ groupId: `read-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const texts: string[] = [];
  const all = Promise.withResolvers<void>();
  await consumer.run({
    eachMessage: async ({ message }) => {
      texts.push(`${message.offset} ${message.value}`);
      if (texts.length === count) all.resolve();
    },
  });
  await all.promise;
  await consumer.disconnect();
  return texts;
}

for (const [title, hurt] of [
  ['killed', 'kill9'],
  ['stopped in order', 'stop'],
  ['left hanging', 'pause'],
] as const) {
  test(`loses and repeats nothing while the leader is ${title}`, async () => {
    const gateway = gatewayTo(cluster().bootstrap, { dial: { requestMsMax: 2_000 } });
    try {
      const topic = await newTopic(gateway, { replicationFactor: 3 });
      const where = { topic, partition: 0 };
      const leader = await leaderOf(gateway, where);
      let isHurt = false;
      let after = 0;
      const writing = writeUntil(gateway, where, (written) => {
        if (written === 20) void Promise.resolve(leader[hurt]()).then(() => (isHurt = true));
        if (isHurt) after++;
        return after > 20;
      });
      const written = await writing;
      assert.notEqual((await leaderOf(gateway, where)).id, leader.id, 'another one leads now');
      assert.deepEqual(await readAll(gateway, where), written);
      // The other client is here to read, not to bear a broker that hangs.
      leader.resume();
      assert.deepEqual(await readByOther(where, written.length), written);
      const { records } = await gateway.fetchAt(fetchOf(where, 3), soon);
      assert.equal(records[0]?.offset, 3);
    } finally {
      await gateway.close();
      const away = cluster().nodes.filter((node) => node.child() === null);
      for (const node of cluster().nodes) node.resume();
      await Promise.all(away.map((node) => node.start()));
    }
  });
}
