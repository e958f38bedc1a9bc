/**
 * What happens to positions behind a consumer's back: records that Kafka deletes, compacts, or wraps
 * in transactions, topics made anew, a consumer of another kind in the group. And what Kafka's own
 * tools see of it all.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { kafkajsTo } from '@respool/kafka/test/kafka';
import type { Kafka } from 'kafkajs';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import { describeGroup } from '../topology/kafka-tools.ts';
import { kafkaBody } from '../topology/queues.ts';
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const password = 'story';
let kafka: KafkaCluster;
let world: World;
let kafkajs: Kafka;
let admin: ReturnType<Kafka['admin']>;

before(async () => {
  const settings = { 'log.cleaner.backoff.ms': '100', 'log.cleaner.min.cleanable.ratio': '0.01' };
  [kafka, world] = await Promise.all([
    startKafka(stage, { settings }),
    startWorld(stage, { proxies: 2 }),
  ]);
  kafkajs = kafkajsTo(kafka.bootstrap);
  admin = kafkajs.admin();
  await admin.connect();
  stage.defer(() => admin.disconnect());
  await createTenant(world.api, 'shop', { password });
  await world.api.put('/v1/backends/queues', kafkaBody(kafka));
});

/** A topic in Kafka, and for the tenant. */
async function newTopic(
  name: string,
  extra: object = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = `shop.${name}`;
  const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const made = { topic, numPartitions: 1, replicationFactor: 1, configEntries };
  await admin.createTopics({ waitForLeaders: true, topics: [made] });
  const grants = [{ user: 'default', produce: true, consume: true }];
  const value = { backend: 'queues', origin: 'adopted', grants, ...extra };
  await world.api.changeApplied([{ op: 'put', kind: 'topic', tenant: 'shop', id: name, value }]);
  return topic;
}

function login(proxy = 0): Promise<RawClient> {
  const { port } = world.proxies[proxy] as World['proxy'];
  return connectRaw({ port, auth: ['shop', password], deadlineMs: 30_000 });
}

async function write(topic: string, values: readonly string[], key?: string): Promise<void> {
  const producer = kafkajs.producer();
  await producer.connect();
  const messages = values.map((value) => ({ value, ...(key === undefined ? {} : { key }) }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `m${from + n}`);

/** `partition offset content` of each record; waits for an owner when one has just gone. */
async function pop(client: RawClient, topic: string, count: number): Promise<string[]> {
  const reply = await until(
    async () => {
      const got = await client.ask('KPOP', topic, 'COUNT', count);
      if (got instanceof ReplyError && got.code === 'TRYAGAIN') return null;
      return { got };
    },
    { what: `${topic} to have an owner`, deadlineMs: 30_000 },
  );
  return triplesOf(reply.got);
}

function triplesOf(reply: Value): string[] {
  if (reply instanceof ReplyError) throw reply;
  if (!Array.isArray(reply)) return [];
  return Array.from({ length: reply.length / 3 }, (_, at) =>
    reply.slice(at * 3, at * 3 + 3).join(' '),
  );
}

/** Pops until nothing comes. */
async function popAll(client: RawClient, topic: string): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const more = await pop(client, topic, 100);
    if (more.length === 0) return all;
    all.push(...more);
  }
}

/** Partition, position, end and lag of the only partition, once `isSo`. */
async function lagOf(
  client: RawClient,
  topic: string,
  isSo: (lag: { position: number; end: number; lag: number }) => boolean,
): Promise<{ position: number; end: number; lag: number }> {
  return await until(
    async () => {
      const reply = (await client.call('KLAG', topic)) as Value[];
      const [, position, end, lag] = reply.map(Number) as [number, number, number, number];
      return isSo({ position, end, lag }) ? { position, end, lag } : null;
    },
    { what: `the lag of ${topic} to be as wished`, deadlineMs: 20_000 },
  );
}

interface Noticed {
  readonly kind: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly count: number | null;
}

async function noticed(topic: string, kind: string): Promise<Noticed> {
  return await until(
    async () => {
      const query = { tenant: 'shop', topic, kind };
      const { body } = await world.api.get('/v1/notices', { query });
      const { items } = body as { items: readonly Noticed[] };
      return items.at(-1) ?? null;
    },
    { what: `a notice ${kind} of ${topic}`, deadlineMs: 20_000 },
  );
}

/** Owners let go of everything and remember nothing but what Kafka has. */
async function restartProxies(): Promise<void> {
  for (const proxy of world.proxies) await proxy.restart();
}

test("Kafka's own tools show where a consumer is, and how far behind", async () => {
  const topic = await newTopic('seen');
  const client = await login();
  await write(topic, numbered(10));
  const got = [...(await pop(client, 'seen', 1)), ...(await pop(client, 'seen', 3))];
  assert.deepEqual(
    got,
    ['0 0 m0', '0 1 m1', '0 2 m2', '0 3 m3'],
    'one consumer, in the order of the log',
  );
  await client.ask('PING');
  assert.deepEqual(await lagOf(client, 'seen', ({ position }) => position === 4), {
    ...{ position: 4, end: 10, lag: 6 },
  });
  const described = await describeGroup(kafka, 'kq.shop.default');
  assert.deepEqual(
    described.filter((line) => line.topic === topic),
    [{ topic, partition: 0, position: 4, end: 10, lag: 6 }],
  );
  client.close();
});

test('records that retention deleted are skipped, and the operator is told how many', async () => {
  const topic = await newTopic('aged');
  let client = await login();
  await write(topic, numbered(100));
  assert.equal((await pop(client, 'aged', 10)).length, 10);
  await client.ask('PING');
  await lagOf(client, 'aged', ({ position }) => position === 10);
  client.close();
  await restartProxies();
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '50' }] });
  client = await login();
  assert.deepEqual(await pop(client, 'aged', 1), ['0 50 m50']);
  const { from, to, count } = await noticed('aged', 'retention-overtook');
  assert.deepEqual({ from, to, count }, { from: 10, to: 50, count: 40 });
  assert.equal((await popAll(client, 'aged')).length, 49);
  client.close();
});

test('records deleted under a consumer that is being served are skipped likewise', async () => {
  const topic = await newTopic('aging');
  const client = await login();
  // More than any owner reads ahead.
  const large = numbered(400).map((text) => `${text} ${'x'.repeat(8_000)}`);
  for (let at = 0; at < large.length; at += 50) await write(topic, large.slice(at, at + 50));
  assert.equal((await pop(client, 'aging', 1)).length, 1);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '390' }] });
  const rest = await popAll(client, 'aging');
  assert.match(String(rest.at(-1)), /^0 399 m399 /);
  assert.ok(rest.length >= 10 && rest.length < 399, `${rest.length} were still there to give`);
  await noticed('aging', 'retention-overtook');
  client.close();
});

test('a topic that is deleted and made anew is read from its beginning', async () => {
  const topic = await newTopic('anew');
  const client = await login();
  await write(topic, numbered(20));
  assert.equal((await popAll(client, 'anew')).length, 20);
  await client.ask('PING');
  await lagOf(client, 'anew', ({ position }) => position === 20);
  await admin.deleteTopics({ topics: [topic] });
  const made = { topic, numPartitions: 1, replicationFactor: 1 };
  await until(async () => await admin.createTopics({ waitForLeaders: true, topics: [made] }), {
    what: 'the topic to be made anew',
    deadlineMs: 30_000,
  });
  await write(topic, numbered(30, 100));
  const all: string[] = [];
  await until(
    async () => {
      const reply = await client.ask('KPOP', 'anew', 'COUNT', 100);
      if (!(reply instanceof ReplyError)) all.push(...triplesOf(reply));
      return all.length >= 30;
    },
    { what: 'the new records', deadlineMs: 60_000 },
  );
  assert.deepEqual([all[0], all.length], ['0 0 m100', 30]);
  await noticed('anew', 'topic-recreated');
  client.close();
});

test('gaps that compaction left do not stop anybody, however small the window', async () => {
  const compacted = {
    'cleanup.policy': 'compact',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.01',
    'max.compaction.lag.ms': '200',
  };
  const topic = await newTopic('latest', { window: 3 }, compacted);
  await write(topic, numbered(300), 'one key');
  await write(topic, ['kept'], 'another key');
  const client = await login();
  const stored = async (): Promise<string[]> => {
    await write(topic, ['tick'], 'a third key');
    return triplesOf(await client.call('KPOP', 'latest', 0, 0, 1_000_000));
  };
  await until(async () => (await stored())[0]?.startsWith('0 299 ') === true, {
    ...{ what: 'the broker to compact', deadlineMs: 60_000, everyMs: 300 },
  });
  const all: string[] = [];
  for (let last = -1; !all.some((one) => one.endsWith(' kept')); ) {
    const [one] = await pop(client, 'latest', 1);
    assert.ok(one, 'there is more');
    const offset = Number(one.split(' ')[1]);
    assert.ok(offset > last, 'in order');
    last = offset;
    all.push(one);
  }
  assert.match(String(all[0]), /^0 299 m299$/);
  client.close();
});

test('records of a transaction come once it is committed, those of an aborted one never', async () => {
  const topic = await newTopic('deals');
  const client = await login();
  const producer = kafkajs.producer({ transactionalId: 'deals', maxInFlightRequests: 1 });
  await producer.connect();
  const first = await producer.transaction();
  await first.send({ topic, messages: [{ value: 'committed' }] });
  assert.deepEqual(await pop(client, 'deals', 10), [], 'it is not committed yet');
  await first.commit();
  const second = await producer.transaction();
  await second.send({ topic, messages: [{ value: 'aborted' }] });
  await second.abort();
  await write(topic, ['plain']);
  const all: string[] = [];
  await until(
    async () => {
      all.push(...(await pop(client, 'deals', 10)));
      return all.length >= 2;
    },
    { what: 'both records', deadlineMs: 20_000 },
  );
  assert.deepEqual(
    all.map((one) => one.split(' ')[2]),
    ['committed', 'plain'],
  );
  await client.ask('PING');
  await lagOf(client, 'deals', ({ lag }) => lag === 0);
  await producer.disconnect();
  client.close();
});

test('compressed batches with keys and headers come record by record', async () => {
  const topic = await newTopic('packed');
  const client = await login();
  const producer = kafkajs.producer();
  await producer.connect();
  const values = Array.from({ length: 500 }, (_, n) => `packed-${n}-${'y'.repeat(n % 50)}`);
  const messages = values.map((value, n) => ({ key: `k${n % 5}`, value, headers: { trace: 'a' } }));
  const gzip = 1;
  await producer.send({ topic, compression: gzip, messages });
  await producer.disconnect();
  const all = await popAll(client, 'packed');
  assert.deepEqual(
    all,
    values.map((value, n) => `0 ${n} ${value}`),
  );
  client.close();
});

test('a consumer of another kind in the group stops commits, and the window stops the rest', async () => {
  const topic = await newTopic('crowded', { window: 20 });
  const client = await login();
  await write(topic, numbered(200));
  assert.equal((await pop(client, 'crowded', 5)).length, 5);
  await client.ask('PING');
  await lagOf(client, 'crowded', ({ position }) => position === 5);
  const consumer = kafkajs.consumer({ groupId: 'kq.shop.default' });
  await consumer.connect();
  const other = await newTopic('elsewhere');
  await consumer.subscribe({ topic: other, fromBeginning: true });
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.run({ eachMessage: async () => {} });
  await joined;
  let taken = 5;
  const error = await until(
    async () => {
      const reply = await client.ask('KPOP', 'crowded');
      if (reply instanceof ReplyError) return reply;
      taken++;
      return null;
    },
    { what: 'the window to be full', deadlineMs: 60_000, everyMs: 1 },
  );
  assert.match(error.message, /^TRYAGAIN /);
  assert.equal(taken, 25, 'twenty beyond what was committed');
  await noticed('crowded', 'group-in-use');
  await consumer.disconnect();
  await noticed('crowded', 'group-free');
  const rest = await popAll(client, 'crowded');
  assert.equal(rest.length, 200 - taken);
  client.close();
});
