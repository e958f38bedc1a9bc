/** Where consumers stand: what Kafka says beside what was wished, and what is told while it is away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorAnswer, listOf, writeAnswer } from '@respool/contracts/api-answers';
import { consumerAnswer, liveTopicAnswer } from '@respool/contracts/api-live';
import { writeCommitNote } from '@respool/contracts/commit-note';
import { consumerGroup } from '@respool/contracts/queues';
import { record } from '@respool/kafka/conformance/rig';
import type { MemoryKafka } from '@respool/kafka/memory';
import type { TestApi } from '../../test/api.ts';
import { setKafkaThere, startQueueWorld } from '../../test/queue-world.ts';

const topic = '/v1/tenants/acme/topics/orders';
const kafkaName = 'acme.orders';

class World {
  readonly api: TestApi;
  readonly kafka: MemoryKafka;

  private constructor(api: TestApi, kafka: MemoryKafka) {
    this.api = api;
    this.kafka = kafka;
  }

  /** Topic orders with three partitions; app and report may consume it, push may not. */
  static async start(t: { after(end: () => Promise<void>): void }): Promise<World> {
    const { api, kafka } = await startQueueWorld(t, ['app', 'push', 'report']);
    const grants = [
      ...['app', 'report'].map((user) => ({ user, consume: true })),
      { user: 'push', produce: true },
    ];
    await api.ok('PUT', topic, { backend: 'queues', partitions: 3, grants });
    return new World(api, kafka);
  }

  write(partition: number, count: number): void {
    const records = Array.from({ length: count }, () => record('v'));
    this.kafka.log({ topic: kafkaName, partition }).write(records, null);
  }

  commit(consumer: string, partition: number, offset: number, seek: number | null = 0): void {
    const { topicId } = this.kafka.topic(kafkaName);
    const note = seek === null ? '' : writeCommitNote({ seek, topicId });
    const position = { topic: kafkaName, partition, offset, note, leaderEpoch: 0 };
    this.kafka.commit(consumerGroup('acme', consumer), [position]);
  }

  async consumer(name: string) {
    return consumerAnswer.parse((await this.api.ok('GET', `${topic}/positions/${name}`)).body);
  }

  async seek(consumer: string, to: unknown): Promise<number> {
    const { body } = await this.api.ok('PUT', `${topic}/positions/${consumer}`, { to });
    return writeAnswer.parse(body).position?.generation ?? -1;
  }
}

test('a consumer is told with its positions, its lag and what lacks a position', async (t) => {
  const world = await World.start(t);
  world.write(0, 10);
  world.write(1, 5);
  world.kafka.log({ topic: kafkaName, partition: 1 }).trim(3);
  world.commit('app', 0, 4);
  world.commit('app', 1, 1, null);
  const at = (partition: number, committed: number | null, start: number, end: number) => {
    return { partition, committed, start, end };
  };
  assert.deepEqual(await world.consumer('app'), {
    ...{ tenant: 'acme', topic: 'orders', consumer: 'app', group: 'kq.acme.app', wish: null },
    total: { lag: 8, withoutPosition: 1 },
    partitions: [
      { ...at(0, 4, 0, 10), lag: 6, seek: 0 },
      { ...at(1, 1, 3, 5), lag: 2, seek: null },
      { ...at(2, null, 0, 0), lag: null, seek: null },
    ],
  });
  const { total } = await world.consumer('report');
  assert.deepEqual(total, { lag: null, withoutPosition: 3 });
});

test('the list holds who may consume and who was sent somewhere, and goes on where it ended', async (t) => {
  const world = await World.start(t);
  await world.seek('batch', 'latest');
  await world.seek('report', 'earliest');
  const page = async (query: string) => {
    const { body } = await world.api.ok('GET', `${topic}/positions${query}`);
    const { items, next } = listOf(consumerAnswer).parse(body);
    return [items.map(({ consumer, wish }) => [consumer, wish?.to ?? null]), next];
  };
  const all = [
    ['app', null],
    ['batch', 'latest'],
    ['report', 'earliest'],
  ];
  assert.deepEqual(await page(''), [all, null]);
  assert.deepEqual(await page('?limit=2'), [all.slice(0, 2), 'batch']);
  assert.deepEqual(await page('?limit=2&after=batch'), [all.slice(2), null]);
  for (const bad of ['0', '1001', 'x']) {
    assert.equal((await world.api.call('GET', `${topic}/positions?limit=${bad}`)).status, 400);
  }
  const stranger = await world.api.call('GET', `${topic}/positions/push`);
  assert.equal(stranger.status, 404);
});

test('a wish is done once every partition it is about has moved', async (t) => {
  const world = await World.start(t);
  const first = await world.seek('app', 'latest');
  const isDone = async () => (await world.consumer('app')).wish?.done;
  assert.equal(await isDone(), false);
  for (const partition of [0, 1]) world.commit('app', partition, 0, first);
  assert.equal(await isDone(), false);
  world.commit('app', 2, 0, first);
  assert.equal(await isDone(), true);
  const second = await world.seek('app', { offsets: [{ partition: 1, offset: 0 }] });
  assert.equal(await isDone(), false);
  world.commit('app', 1, 0, second);
  assert.equal(await isDone(), true);
});

test('what was committed in a topic that was made anew is no position', async (t) => {
  const world = await World.start(t);
  world.write(0, 10);
  world.commit('app', 0, 4);
  world.kafka.remove(kafkaName);
  world.kafka.create({ name: kafkaName, partitions: 3 });
  world.write(0, 20);
  assert.deepEqual((await world.consumer('app')).total, { lag: null, withoutPosition: 3 });
});

test('a position beyond the end stands, unless another tool committed it', async (t) => {
  const world = await World.start(t);
  world.write(0, 3);
  world.write(1, 3);
  world.commit('app', 0, 5, 7);
  world.commit('app', 1, 5, null);
  const [own, other] = (await world.consumer('app')).partitions;
  assert.deepEqual([own?.committed, own?.lag, own?.seek], [5, 0, 7]);
  assert.deepEqual([other?.committed, other?.lag, other?.seek], [null, null, null]);
});

test('a topic is told as it stands in Kafka', async (t) => {
  const world = await World.start(t);
  world.write(2, 4);
  world.kafka.log({ topic: kafkaName, partition: 2 }).trim(1);
  const { body } = await world.api.ok('GET', `${topic}/live`);
  const { topicId, partitions, ...rest } = liveTopicAnswer.parse(body);
  assert.equal(topicId, world.kafka.topic(kafkaName).topicId);
  const facts = { tenant: 'acme', topic: 'orders', kafkaName, retentionMs: 604_800_000 };
  assert.deepEqual(rest, facts);
  const led = { leader: 1, replicas: [1], inSync: [1] };
  assert.deepEqual(partitions[2], { partition: 2, ...led, start: 1, end: 4 });
  assert.equal(
    (await world.api.call('GET', `${topic.replace('orders', 'ghost')}/live`)).status,
    404,
  );
});

test('while Kafka is away only the reads that ask it are 503, and a topic it lost has a name', async (t) => {
  const world = await World.start(t);
  await world.seek('app', 'latest');
  const asking = [`${topic}/live`, `${topic}/positions`, `${topic}/positions/app`];
  const codes = async () => {
    const answers = await Promise.all(asking.map((url) => world.api.call('GET', url)));
    return answers.map((one) => [
      one.status,
      errorAnswer.parse(one.body).error.code,
      one.headers['retry-after'],
    ]);
  };
  setKafkaThere(world, false);
  assert.deepEqual(
    await codes(),
    asking.map(() => [503, 'kafka-unavailable', '1']),
  );
  for (const url of [topic, '/v1/tenants/acme/topics', '/v1/state', '/v1/events']) {
    await world.api.ok('GET', url);
  }
  await world.seek('app', 'earliest');
  setKafkaThere(world, true);
  world.kafka.remove(kafkaName);
  assert.deepEqual(
    await codes(),
    asking.map(() => [409, 'kafka-topic-unknown', undefined]),
  );
});
