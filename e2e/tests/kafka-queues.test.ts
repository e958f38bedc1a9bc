/**
 * Topics of Kafka from any Redis client, through any proxy: a real broker, two proxies, and kafkajs
 * as the other side, which shares no code with us.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import { Redis } from 'ioredis';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import { kafkaBody, popAll, topicPut } from '../topology/queues.ts';
import { connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { decodeReply, ReplyError } from '../topology/reply.ts';
import { run } from '../topology/run.ts';
import { useStage } from '../topology/stage.ts';
import { redisCli, redisPy } from '../topology/tools.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const password = 'pass:word';
const pythonStory = fileURLToPath(new URL('kafka_queues_story.py', import.meta.url));
let kafka: KafkaCluster;
let world: World;
let admin: ReturnType<ReturnType<typeof kafkajsTo>['admin']>;

before(async () => {
  [kafka, world] = await Promise.all([startKafka(stage), startWorld(stage, { proxies: 2 })]);
  admin = kafkajsTo(kafka.bootstrap).admin();
  await admin.connect();
  stage.defer(() => admin.disconnect());
  const partitions = { orders: 3, events: 1, ledger: 2, last: 1 };
  await makeTopics(
    admin,
    Object.entries(partitions).map(([name, numPartitions]) => {
      return { topic: `shop.${name}`, numPartitions, replicationFactor: 1 };
    }),
  );
  const { api } = world;
  await createTenant(api, 'shop', { password });
  await createTenant(api, 'other', { password });
  const secret = { password };
  await api.put('/v1/tenants/shop/users/reader', { readOnly: true, secret });
  await api.put('/v1/tenants/shop/users/stranger', { secret });
  await api.put('/v1/backends/queues', kafkaBody(kafka));
  const grants = { default: 'pc', reader: 'pc' };
  const topics = Object.keys(partitions).map((name) => topicPut('shop', name, 'queues', grants));
  await api.changeApplied(topics);
});

function login(proxy: number, user = 'shop', protocol: 2 | 3 = 2): Promise<RawClient> {
  const { port } = world.proxies[proxy] as World['proxy'];
  return connectRaw({ port, auth: [user, password], protocol });
}

test('redis-cli pushes, reads back and asks, in the shapes the commands always had', async () => {
  const cli = async (proxy: number, ...words: string[]): Promise<string> => {
    const { port } = world.proxies[proxy] as World['proxy'];
    const login = ['-p', String(port), '--user', 'shop', '--pass', password, '--no-auth-warning'];
    const { stdout } = await run(await redisCli(), [...login, '--no-raw', ...words]);
    return stdout;
  };
  assert.equal(await cli(0, 'kpush', 'orders', '1', 'test content'), '1) "1"\n2) "0"\n');
  assert.equal(await cli(1, 'kpop', 'orders', '1', '0'), '1) "1"\n2) "0"\n3) "test content"\n');
  assert.match(await cli(1, 'kpush', 'orders', 'content'), /^1\) "[012]"\n2\) "\d+"\n$/);
  assert.equal(await cli(0, 'KPARTITION', 'orders'), '1) "0"\n2) "1"\n3) "2"\n');
  assert.match(
    await cli(0, 'KOFFSET', 'orders', '1', '1529729771000'),
    /^1\) "0"\n2\) "\d{13}"\n$/,
  );
  assert.match(await cli(1, 'KOFFSET', 'orders', '1', '-1'), /^1\) "[12]"\n2\) "-1"\n$/);
});

test('ioredis and redis-py push and read with the raw commands they have', async () => {
  const clients = [0, 1].map((index) => {
    const { port } = world.proxies[index] as World['proxy'];
    return new Redis({ port, username: 'shop', password });
  }) as [Redis, Redis];
  const content = Buffer.from([0, 1, 13, 10, 255]);
  const place = (await clients[0].call('KPUSH', 'orders', content, 'KEY', 'k')) as string[];
  const popped = await clients[1].callBuffer('KPOP', 'orders', ...(place as [string, string]));
  assert.deepEqual((popped as Buffer[])[2], content);
  const many = Array.from({ length: 300 }, (_, n) =>
    clients[n % 2 === 0 ? 0 : 1].call('KPUSH', 'orders', '2', `io-${n}`),
  );
  const offsets = (await Promise.all(many)).map((reply) => Number((reply as string[])[1]));
  assert.equal(new Set(offsets).size, 300);
  for (const client of clients) client.disconnect();
  const { python, env } = await redisPy();
  const { port } = world.proxies[1] as World['proxy'];
  const told = await run(python, [pythonStory, String(port), 'shop', password], { env });
  assert.equal(told.code, 0, told.stdout + told.stderr);
});

test('kafkajs reads what was pushed, and agrees where a key belongs', async () => {
  const client = await login(0);
  const kafkajs = kafkajsTo(kafka.bootstrap);
  const producer = kafkajs.producer();
  await producer.connect();
  const keys = ['ann', 'bob', 'a longer key, é'];
  const theirs = new Map<string, number>();
  const ours = new Map<string, string>();
  for (const key of keys) {
    const sent = await producer.send({ topic: 'shop.ledger', messages: [{ key, value: 'js' }] });
    theirs.set(key, sent[0]?.partition ?? -1);
    const reply = (await client.call('KPUSH', 'ledger', `of ${key}`, 'KEY', key)) as string[];
    ours.set(key, `${reply[0]} ${reply[1]}`);
    assert.equal(Number(reply[0]), theirs.get(key), key);
  }
  await producer.disconnect();
  const consumer = kafkajs.consumer({ groupId: 'story' });
  const seen = new Map<string, string>();
  await consumer.connect();
  await consumer.subscribe({ topic: 'shop.ledger', fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message: { key, value, offset } }) => {
      if (String(value) === `of ${key}`) seen.set(String(key), `${partition} ${offset}`);
    },
  });
  await until(() => seen.size === keys.length, { what: 'kafkajs to read' });
  await consumer.disconnect();
  assert.deepEqual(seen, ours);
  client.close();
});

test('what kafkajs wrote is read as it is: compressed, with keys and headers, tombstones', async () => {
  const producer = kafkajsTo(kafka.bootstrap).producer();
  await producer.connect();
  const values = Array.from({ length: 500 }, (_, n) => `event ${n} ${'x'.repeat(n)}`);
  const headers = { trace: 'abc' };
  const messages = values.map((value, n) => ({ key: `k${n % 7}`, value, headers }));
  const gzip = 1;
  await producer.send({ topic: 'shop.events', compression: gzip, messages });
  await producer.send({ topic: 'shop.events', messages: [{ key: 'k', value: null }] });
  await producer.disconnect();
  for (const protocol of [2, 3] as const) {
    const client = await login(protocol - 2, 'shop', protocol);
    const all = await popAll(client, 'events', 0);
    assert.deepEqual(
      all.map(({ content }) => (content === null ? null : String(content))),
      [...values, null],
    );
    assert.deepEqual(
      all.map(({ offset }) => offset),
      values.map((_, n) => n).concat(values.length),
    );
    const middle = await client.call('KPOP', 'events', 0, 250);
    assert.deepEqual((middle as unknown[]).map(String), ['0', '250', values[250]]);
    client.close();
  }
});

test('a read-only user, one without a grant and another tenant are refused', async () => {
  const [reader, stranger, other] = await Promise.all([
    login(0, 'shop.reader'),
    login(1, 'shop.stranger'),
    login(1, 'other'),
  ]);
  assert.match(String(await reader.ask('KPUSH', 'orders', 'x')), /NOPERM this user is read-only/);
  assert.ok(Array.isArray(await reader.ask('KPOP', 'orders', 1, 0)));
  for (const words of [
    ['KPUSH', 'orders', 'x'],
    ['KPOP', 'orders', '0', '0'],
  ] as const) {
    assert.match(String(await stranger.ask(...words)), /NOPERM this user has no '\w+' grant/);
    assert.match(String(await other.ask(...words)), /ERR this tenant has no topic 'orders'/);
  }
  for (const client of [reader, stranger, other]) client.close();
});

/** `partition,offset`. */
const isPlace = /^\d+,\d+$/;

interface Said {
  readonly content: string;
  readonly partition: number;
  readonly reply: string;
}

/** Pushes one after the other until `isOver`; what each was told is added to `said`. */
async function pushOn(
  name: string,
  client: RawClient,
  said: Said[],
  isOver: () => boolean,
): Promise<void> {
  for (let n = 0; !isOver(); n++) {
    const content = `${name}-${n}`;
    const partition = n % 2;
    client.send(encode('KPUSH', 'ledger', partition, content));
    const [bytes] = await client.replies(1);
    const reply = decodeReply(bytes as Buffer);
    said.push({
      content,
      partition,
      reply: reply instanceof ReplyError ? reply.message : String(reply),
    });
  }
}

test('a broker that is killed and comes back loses nothing that was acknowledged', async () => {
  const [node] = kafka.nodes;
  assert.ok(node);
  let isOver = false;
  const said: Said[] = [];
  const clients = await Promise.all([0, 1, 0, 1].map((proxy) => login(proxy)));
  const pushing = clients.map((client, n) => pushOn(`w${n}`, client, said, () => isOver));
  const probe = await login(0);
  const acknowledged = () => said.filter(({ reply }) => isPlace.test(reply)).length;
  await until(() => acknowledged() > 200, { what: 'pushes to work' });
  await node.kill9();
  const told = async () => {
    const reply = await probe.ask('KPUSH', 'last', 'while it is away');
    return reply instanceof ReplyError && /^(TRYAGAIN|INDOUBT)/.test(reply.message);
  };
  await until(told, { what: 'a push to be refused' });
  await node.start();
  const before = acknowledged();
  const again = () => acknowledged() > before + 200;
  await until(again, { what: 'pushes to work again' });
  isOver = true;
  await Promise.all(pushing);
  const stored = new Map<string, string[]>();
  for (const partition of [0, 1]) {
    for (const { offset, content } of await popAll(probe, 'ledger', partition)) {
      const places = stored.get(String(content)) ?? [];
      stored.set(String(content), [...places, `${partition},${offset}`]);
    }
  }
  const counts = { acknowledged: 0, TRYAGAIN: 0, INDOUBT: 0, storedInDoubt: 0 };
  for (const { content, reply } of said) {
    const places = stored.get(content) ?? [];
    if (isPlace.test(reply)) {
      counts.acknowledged++;
      assert.deepEqual(places, [reply], `${content} is where it was said to be, once`);
    } else if (reply.startsWith('TRYAGAIN')) {
      counts.TRYAGAIN++;
      assert.deepEqual(places, [], `${content} was said not to be stored: ${reply}`);
    } else {
      assert.match(reply, /^INDOUBT the record may be stored: /);
      counts.INDOUBT++;
      assert.ok(places.length <= 1, `${content} is not stored twice`);
      counts.storedInDoubt += places.length;
    }
  }
  console.log(`# ${JSON.stringify(counts)}`);
  assert.ok(counts.TRYAGAIN + counts.INDOUBT > 0);
  for (const client of [...clients, probe]) client.close();
});

test('a proxy that is told to stop stores and answers what it took', async () => {
  const [, proxy] = world.proxies;
  assert.ok(proxy);
  const client = await login(1);
  const count = 2_000;
  const before = Number(((await client.call('KOFFSET', 'last', 0, -1)) as string[])[0]);
  const pushes = Array.from({ length: count }, (_, n) => encode('KPUSH', 'last', 0, `s-${n}`));
  client.send(Buffer.concat(pushes));
  await client.replies(1);
  await Promise.all([proxy.stop(), client.closed]);
  let answered = 1;
  for (; client.waiting > 0; answered++) {
    const [bytes] = await client.replies(1);
    assert.ok(Array.isArray(decodeReply(bytes as Buffer)), String(bytes));
  }
  const other = await login(0);
  const stored = await popAll(other, 'last', 0, before);
  assert.equal(stored.length, answered, 'each that was stored was answered');
  assert.deepEqual(
    stored.map(({ content }) => String(content)),
    stored.map((_, n) => `s-${n}`),
  );
  other.close();
  await proxy.restart();
});

test('metrics and INFO tell of the backend', async () => {
  const text = await world.proxy.metrics();
  assert.match(text, /^respool_kafka_pushes_total\{backend="queues"\} [1-9]/m);
  assert.match(text, /^respool_kafka_up\{backend="queues"\} 1$/m);
  assert.match(text, /^respool_commands_total\{tenant="shop",family="queue"\} [1-9]/m);
  const client = await login(0);
  assert.match(
    String(await client.call('INFO', 'backends')),
    /kafka0:backend=queues,topics=4,up=1/,
  );
  client.close();
});
