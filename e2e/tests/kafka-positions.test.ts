/**
 * Positions that are kept for consumers: a real broker, two proxies that share them over NATS, and
 * clients that know nothing of it.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import { kafkaBody } from '../topology/queues.ts';
import { type Argument, connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { decodeReply, type Value } from '../topology/reply.ts';
import { run } from '../topology/run.ts';
import { useStage } from '../topology/stage.ts';
import { redisCli, redisPy } from '../topology/tools.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const password = 'pass:word';
const pythonStory = fileURLToPath(new URL('kafka_positions_story.py', import.meta.url));
const consumers = ['billing', 'audit'];
let kafka: KafkaCluster;
let world: World;

/** Each story has a topic of its own: partitions, and what differs from a topic nobody shaped. */
const topics: Readonly<Record<string, object>> = {
  test01: { partitions: 3 },
  python: {},
  fan: { partitions: 3 },
  work: { partitions: 3 },
  wake: {},
  left: {},
  jobs: { ack: 'manual', ackMs: 60_000 },
  brief: { ack: 'manual', ackMs: 500 },
  lag: { partitions: 2 },
  sought: {},
  stop: {},
};

before(async () => {
  // The first pop there is has Kafka make the topic of its positions.
  const patient = { proxies: 2, proxyEnv: { RESPOOL_KAFKA_POP_WAIT_MS: '30000' } };
  [kafka, world] = await Promise.all([startKafka(stage), startWorld(stage, patient)]);
  const { api } = world;
  await createTenant(api, 'shop', { password });
  await api.put('/v1/backends/queues', kafkaBody(kafka));
  const secret = { password };
  for (const name of consumers) await api.put(`/v1/tenants/shop/users/${name}`, { secret });
  const grants = [
    { user: 'default', produce: true, consume: true, seek: true },
    ...consumers.map((user) => ({ user, consume: true })),
  ];
  await api.changeApplied(
    Object.entries(topics).map(([id, shape]) => {
      const value = { backend: 'queues', grants, ...shape };
      return { op: 'put', kind: 'topic', tenant: 'shop', id, value };
    }),
  );
});

function login(proxy: number, user = 'shop'): Promise<RawClient> {
  const { port } = world.proxies[proxy] as World['proxy'];
  return connectRaw({ port, auth: [user, password] });
}

interface Popped {
  readonly partition: number;
  readonly offset: number;
  readonly content: string;
}

function poppedOf(reply: Value): Popped[] {
  if (reply === null) return [];
  assert.ok(Array.isArray(reply), String(reply));
  return Array.from({ length: reply.length / 3 }, (_, at) => {
    const [partition, offset, content] = reply.slice(at * 3);
    return { partition: Number(partition), offset: Number(offset), content: String(content) };
  });
}

async function pop(client: RawClient, ...args: readonly Argument[]): Promise<Popped[]> {
  return poppedOf(await client.call('KPOP', ...args));
}

async function push(client: RawClient, topic: string, contents: readonly string[]): Promise<void> {
  const replies = await client.pipeline(contents.map((content) => ['KPUSH', topic, content]));
  for (const reply of replies) assert.ok(Array.isArray(reply), String(reply));
}

/** Pops until `count` records came. */
async function popMany(client: RawClient, topic: string, count: number): Promise<Popped[]> {
  const all: Popped[] = [];
  while (all.length < count) {
    all.push(...(await pop(client, topic, 'COUNT', count - all.length, 'BLOCK', 30_000)));
  }
  return all;
}

function contentsOf(records: readonly Popped[]): string[] {
  return records.map(({ content }) => content).sort();
}

/** Offsets of each partition ascend in the order the records came. */
function assertInOrder(records: readonly Popped[]): void {
  const last = new Map<number, number>();
  for (const { partition, offset } of records) {
    assert.ok(offset > (last.get(partition) ?? -1), `${partition}:${offset} came late`);
    last.set(partition, offset);
  }
}

test('redis-cli pushes and pops, in the shapes the commands always had', async () => {
  const cli = async (proxy: number, lines: readonly string[]): Promise<string> => {
    const { port } = world.proxies[proxy] as World['proxy'];
    const login = ['-p', String(port), '--user', 'shop', '--pass', password, '--no-auth-warning'];
    const { stdout } = await run(await redisCli(), [...login, '--no-raw'], {
      input: `${lines.join('\n')}\n`,
    });
    // It tells how long a command took that took long: the first one finds the position an owner.
    return stdout.replace(/^\(\d+\.\d+s\)\n/gm, '');
  };
  assert.equal(await cli(0, ['kpop test01']), '(nil)\n');
  assert.equal(await cli(0, ['kpush test01 1 "test content"']), '1) "1"\n2) "0"\n');
  const popped = '1) "1"\n2) "0"\n3) "test content"\n';
  assert.equal(await cli(1, ['kpop test01', 'kpop test01']), `${popped}(nil)\n`);
  assert.equal(await cli(0, ['kpop test01']), '(nil)\n');
});

test('ioredis and redis-py pop with the raw commands they have', async () => {
  const { port } = world.proxies[1] as World['proxy'];
  const { python, env } = await redisPy();
  const told = await run(python, [pythonStory, String(port), 'shop', password], { env });
  assert.equal(told.code, 0, told.stdout + told.stderr);
  const [one, other] = world.proxies.map((proxy) => {
    return new Redis({ port: proxy.port, username: 'shop', password });
  }) as [Redis, Redis];
  const content = Buffer.from([0, 1, 13, 10, 255]);
  const place = await one.call('KPUSH', 'python', content);
  const popped = (await other.callBuffer('KPOP', 'python', 'BLOCK', '30000')) as Buffer[];
  assert.deepEqual(popped.slice(0, 2).map(String), place);
  assert.deepEqual(popped[2], content);
  assert.equal(await other.call('KPOP', 'python'), null);
  await Promise.all([one.quit(), other.quit()]);
});

test('each consumer gets every record, in the order of each partition', async () => {
  const contents = Array.from({ length: 60 }, (_, n) => `fan-${n}`);
  const pusher = await login(0);
  await push(pusher, 'fan', contents);
  for (const [index, consumer] of consumers.entries()) {
    const client = await login(index, `shop.${consumer}`);
    const records = await popMany(client, 'fan', contents.length);
    assert.deepEqual(contentsOf(records), [...contents].sort(), consumer);
    assertInOrder(records);
    assert.equal(await client.call('KPOP', 'fan'), null);
    client.close();
  }
  pusher.close();
});

test('many workers at both proxies share the records: each goes to one of them', async () => {
  const contents = Array.from({ length: 600 }, (_, n) => `work-${n}`);
  const pusher = await login(0);
  const workers = await Promise.all(Array.from({ length: 20 }, (_, n) => login(n % 2)));
  const records: Popped[] = [];
  const working = workers.map(async (worker) => {
    while (records.length < contents.length) {
      records.push(...(await pop(worker, 'work', 'BLOCK', 200)));
    }
    // What was popped last is settled by one more command.
    await worker.call('PING');
    worker.close();
  });
  await push(pusher, 'work', contents);
  await Promise.all(working);
  assert.deepEqual(contentsOf(records), [...contents].sort());
  pusher.close();
});

test('a push through one proxy wakes who waits at the other', async () => {
  const [pusher, waiter] = [await login(0), await login(1)];
  // The position has its owner by then, and the next pop really waits.
  assert.deepEqual(await pop(waiter, 'wake', 'BLOCK', 50), []);
  const isInTime: boolean[] = [];
  const lately = () => isInTime.slice(-5).filter((is) => is).length;
  // Once a second it would look by itself; a machine out of breath misses some.
  for (let round = 0; round < 60 && lately() < 4; round++) {
    const waits = pop(waiter, 'wake', 'BLOCK', 900);
    await push(pusher, 'wake', [`wake up ${round}`]);
    const records = await waits;
    isInTime.push(records.length > 0);
    if (records.length === 0) await popMany(waiter, 'wake', 1);
  }
  assert.ok(lately() >= 4, `${lately()} of the last 5 within 900 ms: ${isInTime}`);
  pusher.close();
  waiter.close();
});

test('who leaves before the record was taken leaves it to the next, first in line', async () => {
  const [pusher, first, second] = [await login(0), await login(1), await login(0)];
  await push(pusher, 'left', ['a', 'b', 'c']);
  assert.deepEqual(contentsOf(await pop(first, 'left')), ['a']);
  first.close();
  await first.closed;
  const records = await popMany(second, 'left', 3);
  assert.deepEqual(contentsOf(records), ['a', 'b', 'c']);
  pusher.close();
  second.close();
});

test('a worker says what became of a record, from any connection, at any proxy', async () => {
  const [worker, other] = [await login(0), await login(1)];
  await push(worker, 'jobs', ['a', 'b', 'c']);
  assert.deepEqual(contentsOf(await popMany(worker, 'jobs', 3)), ['a', 'b', 'c']);
  assert.equal(await other.call('KACK', 'jobs', 0, 0, 0, 2), 2);
  assert.equal(await other.call('KACK', 'jobs', 0, 0), 0);
  worker.close();
  assert.equal(await other.call('KNACK', 'jobs', 0, 1), 1);
  assert.deepEqual(await pop(other, 'jobs', 'BLOCK', 30_000), [
    { partition: 0, offset: 1, content: 'b' },
  ]);
  assert.equal(await other.call('KACK', 'jobs', 0, 1), 1);
  await caughtUp(other, 'jobs');
  other.close();
});

test('a record that nobody speaks of comes again', async () => {
  const client = await login(1);
  await push(client, 'brief', ['a']);
  assert.deepEqual(contentsOf(await popMany(client, 'brief', 1)), ['a']);
  // Later than after 500 ms there is nothing to speak of: then it comes once more.
  const isSpokenOf = async (): Promise<boolean> => {
    assert.deepEqual(contentsOf(await popMany(client, 'brief', 1)), ['a'], 'after its 500 ms');
    return (await client.call('KACK', 'brief', 0, 0)) === 1;
  };
  await until(isSpokenOf, { what: 'the record to be settled in time' });
  client.close();
});

/** Nothing of `topic` lies between the position of `client` and the end. */
async function caughtUp(client: RawClient, topic: string): Promise<void> {
  const what = `the position in ${topic} to be committed`;
  const isThere = async (): Promise<boolean> => {
    const lag = (await client.call('KLAG', topic)) as string[];
    return lag.every((value, at) => at % 4 !== 3 || value === '0');
  };
  await until(isThere, { what });
}

test('KLAG tells how far a consumer is behind, until all is committed', async () => {
  const client = await login(0);
  await client.pipeline([
    ['KPUSH', 'lag', 0, 'a'],
    ['KPUSH', 'lag', 0, 'b'],
    ['KPUSH', 'lag', 1, 'c'],
  ]);
  const behind = ['0', '0', '2', '2', '1', '0', '1', '1'];
  assert.deepEqual(await client.call('KLAG', 'lag'), behind);
  await popMany(client, 'lag', 3);
  await caughtUp(client, 'lag');
  const audit = await login(1, 'shop.audit');
  assert.deepEqual(await audit.call('KLAG', 'lag'), behind);
  client.close();
  audit.close();
});

test('KSEEK sends a consumer back, and only one that may', async () => {
  const [client, audit] = [await login(0), await login(1, 'shop.audit')];
  await push(client, 'sought', ['a', 'b', 'c']);
  assert.deepEqual(contentsOf(await popMany(client, 'sought', 3)), ['a', 'b', 'c']);
  await caughtUp(client, 'sought');
  const sequence = Number(await client.call('KSEEK', 'sought', 0, 1));
  assert.ok(sequence > 0);
  assert.deepEqual(await popMany(client, 'sought', 1), [{ partition: 0, offset: 1, content: 'b' }]);
  await client.call('KSEEK', 'sought', 'latest');
  await caughtUp(client, 'sought');
  const refused = await audit.ask('KSEEK', 'sought', 'earliest');
  assert.match(String(refused), /NOPERM this user has no 'seek' grant on 'sought'/);
  const explained = decodeReply(await client.raw('PROXY', 'EXPLAIN', 'KPOP', 'sought'));
  assert.ok(Array.isArray(explained) && explained.includes('kq.shop.default'));
  client.close();
  audit.close();
});

test('a proxy that stops hands its positions on: nothing is lost, nothing comes twice', async () => {
  const [ours, theirs] = [await login(0), await login(1)];
  const contents = Array.from({ length: 40 }, (_, n) => `stop-${n}`);
  await push(theirs, 'stop', contents);
  const before = await popMany(ours, 'stop', 10);
  const alsoBefore = await popMany(theirs, 'stop', 10);
  await theirs.call('PING');
  ours.send(encode('QUIT'));
  await ours.closed;
  await (world.proxies[0] as World['proxy']).stop();
  const after = await popMany(theirs, 'stop', 20);
  assert.deepEqual(contentsOf([...before, ...alsoBefore, ...after]), [...contents].sort());
  assert.equal(await theirs.call('KPOP', 'stop'), null);
  theirs.close();
});
