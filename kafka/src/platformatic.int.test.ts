/** The gateway to a real broker behaves as every gateway must; kafkajs is the other client. */
import type { Admin, Kafka, Producer } from 'kafkajs';
import { type GatewayRig, longWait } from './conformance/rig.ts';
import { testGateway } from './gateway-conformance.ts';
import { gatewayTo, kafkajsTo, untilTrue, useKafka } from './test/kafka.ts';

let other: Kafka;
let admin: Admin;
let producer: Producer;

const cluster = useKafka({}, async ({ bootstrap }) => {
  other = kafkajsTo(bootstrap);
  admin = other.admin();
  producer = other.producer({ allowAutoTopicCreation: false });
  await Promise.all([admin.connect(), producer.connect()]);
  return () => Promise.all([admin.disconnect(), producer.disconnect()]);
});

testGateway('the gateway to a broker', async () => ({
  // A broker is to have more time than any story waits.
  gateway: gatewayTo(cluster().bootstrap, { dial: { requestMsMax: 2 * longWait } }),
  lost: gatewayTo(['127.0.0.1:1']),
  write: async (where, values) => {
    await producer.send({ topic: where.topic, messages: messagesOf(where.partition, values) });
  },
  begin,
  trim: async ({ topic, partition }, offset) => {
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  },
  removeTopic: async (name) => {
    await admin.deleteTopics({ topics: [name] });
  },
  join,
  interrupt: async () => {
    const [node] = cluster().nodes;
    await node?.kill9();
    void node?.start();
  },
}));

let transactions = 0;

const begin: GatewayRig['begin'] = async ({ topic, partition }, values) => {
  const transactionalId = `story-${transactions++}`;
  const writer = other.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
  await writer.connect();
  const transaction = await writer.transaction();
  await transaction.send({ topic, messages: messagesOf(partition, values) });
  const end = (finish: () => Promise<void>) => async () => {
    const before = await endOf(topic, partition);
    await finish();
    await writer.disconnect();
    // The broker answers before it has written the marker that ends the transaction.
    await untilTrue('a marker', async () => (await endOf(topic, partition)) > before);
  };
  return { commit: end(() => transaction.commit()), abort: end(() => transaction.abort()) };
};

async function endOf(topic: string, partition: number): Promise<number> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return Number(offsets.find((one) => one.partition === partition)?.high);
}

const join: GatewayRig['join'] = async (groupId, topic) => {
  const consumer = other.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic });
  const joined = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
  await consumer.run({ eachMessage: async () => {} });
  await joined.promise;
  return () => consumer.disconnect();
};

function messagesOf(partition: number, values: readonly string[]) {
  return values.map((value) => ({ partition, value }));
}
