/** Topics in Kafka: there before the event is, shaped with it, and deleted only when asked to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorAnswer, writeAnswer } from '@respool/contracts/api-answers';
import type { MemoryKafka, Operation } from '@respool/kafka/memory';
import type { Answer, TestApi } from '../../test/api.ts';
import { patience } from '../../test/events.ts';
import { kafkaBackend, setKafkaThere, startQueueWorld } from '../../test/queue-world.ts';
import { until } from '../../test/until.ts';

const topics = '/v1/tenants/acme/topics';

class World {
  readonly api: TestApi;
  readonly kafka: MemoryKafka;

  private constructor(api: TestApi, kafka: MemoryKafka) {
    this.api = api;
    this.kafka = kafka;
  }

  /** Tenant acme with user app, and the Kafka backend. */
  static async start(t: { after(end: () => Promise<void>): void }): Promise<World> {
    const { api, kafka } = await startQueueWorld(t, ['app']);
    return new World(api, kafka);
  }

  put(body: object, name = 'orders'): Promise<Answer> {
    return this.api.call('PUT', `${topics}/${name}`, { backend: 'queues', ...body });
  }

  get sequence(): number {
    return this.api.stage.follower.state().snapshot.sequence;
  }

  tries(operation: Operation): number {
    return this.kafka.tries.get(operation) ?? 0;
  }

  /** How many partitions Kafka has of it, and its own retention. */
  shape(name = 'acme.orders'): [partitions: number, retentionMs: string | null] {
    const found = this.kafka.settings(name, ['retention.ms']).get('retention.ms');
    const own = found?.isOwn === true ? found.value : null;
    return [this.kafka.topic(name).partitions.length, own];
  }

  /** The request is refused, and the log stays where it is. */
  async refused(call: Promise<Answer>, status: number, code: string, field?: string) {
    const before = this.sequence;
    const answer = await call;
    const { error } = errorAnswer.parse(answer.body);
    assert.deepEqual([answer.status, error.code], [status, code], error.message);
    if (field !== undefined) assert.equal(error.fields?.[0]?.field, field, error.message);
    assert.equal(this.sequence, before);
    assert.equal(await this.api.log.head(patience()), before);
    return { ...error, headers: answer.headers };
  }
}

const ok = (answer: Answer) => {
  assert.equal(answer.status, 200, answer.text);
  return writeAnswer.parse(answer.body);
};

test('a topic is there in Kafka, as it was wished, when the event is', async (t) => {
  const world = await World.start(t);
  ok(await world.put({ partitions: 3, replication: 2, retentionMs: 60_000 }));
  assert.deepEqual(world.shape(), [3, '60000']);
  assert.equal(world.kafka.topic('acme.orders').partitions[0]?.replicas.length, 2);
  ok(await world.put({ kafkaName: 'legacy-name' }, 'plain'));
  assert.deepEqual(world.shape('legacy-name'), [1, null]);
});

test('a topic that Kafka has already in that shape is taken, also after a lost answer', async (t) => {
  const world = await World.start(t);
  world.kafka.create({ name: 'acme.orders', partitions: 3 });
  ok(await world.put({ partitions: 3 }));
  world.kafka.fail({ operation: 'createTopic', kind: 'lose' });
  ok(await world.put({ partitions: 2 }, 'lost'));
  assert.equal(world.kafka.topic('acme.lost').partitions.length, 2);
  const last = world.sequence;
  assert.equal(ok(await world.put({ partitions: 2 }, 'lost')).changed, false);
  assert.equal(world.sequence, last);
});

test('a topic in another shape grows where that is wished, and is refused otherwise', async (t) => {
  const world = await World.start(t);
  world.kafka.create({ name: 'acme.orders', partitions: 3 });
  const { message } = await world.refused(
    world.put({ partitions: 2 }),
    ...([409, 'conflict-topic', 'partitions'] as const),
  );
  assert.match(message, /has 3 partitions, more than the 2 wished/);
  await world.refused(world.put({ partitions: 3, replication: 3 }), 409, 'conflict-topic');
  ok(await world.put({ partitions: 5, retentionMs: 1_000 }));
  assert.deepEqual(world.shape(), [5, '1000']);
  world.kafka.fail({ operation: 'addPartitions', kind: 'lose' });
  ok(await world.api.call('PATCH', `${topics}/orders`, { partitions: 6 }));
  assert.deepEqual(world.shape(), [6, '1000']);
});

test('retention is set, changed and given back; what is no matter of Kafka asks it nothing', async (t) => {
  const world = await World.start(t);
  ok(await world.put({}));
  const patch = (body: object) => world.api.call('PATCH', `${topics}/orders`, body);
  ok(await patch({ retentionMs: 5_000 }));
  assert.deepEqual(world.shape(), [1, '5000']);
  ok(await patch({ retentionMs: null }));
  assert.deepEqual(world.shape(), [1, null]);
  setKafkaThere(world, false);
  ok(await patch({ window: 5, grants: [{ user: 'app', consume: true }] }));
  ok(await world.api.call('DELETE', `${topics}/orders`));
});

test('what is adopted must be there, is left as it is, and the refusal says what to do', async (t) => {
  const world = await World.start(t);
  const adopt = { origin: 'adopted', kafkaName: 'theirs' };
  const { message } = await world.refused(
    world.put(adopt),
    409,
    'kafka-topic-unknown',
    'kafkaName',
  );
  assert.match(message, /no topic theirs: create it there first, or leave out origin/);
  world.kafka.create({ name: 'theirs', partitions: 7 });
  ok(await world.put(adopt));
  assert.deepEqual(world.shape('theirs'), [7, null]);
  const kept = world.api.call('DELETE', `${topics}/orders?purge=true`);
  await world.refused(kept, 409, 'conflict-topic', 'purge');
  ok(await world.api.call('DELETE', `${topics}/orders`));
  assert.deepEqual(world.kafka.names, ['theirs']);
});

test('a Kafka that is away or says nothing is told in time, and nothing is appended', async (t) => {
  const world = await World.start(t);
  setKafkaThere(world, false);
  const away = await world.refused(world.put({}), 503, 'kafka-unavailable');
  assert.match(away.message, /topic acme\/orders was not changed: Kafka backend queues does not/);
  assert.deepEqual([away.headers['retry-after'], away.retryAfterMs], ['1', 1_000]);
  world.kafka.isReachable = true;
  world.kafka.fail({ operation: 'createTopic', kind: 'stall' });
  await world.refused(world.put({}), 503, 'kafka-unavailable');
  setKafkaThere(world, true);
  ok(await world.put({}));
});

test('what Kafka does not allow, or cannot do, has a name of its own', async (t) => {
  const world = await World.start(t);
  world.kafka.fail({ operation: 'createTopic', kind: 'refuse', code: 'not-authorized' });
  await world.refused(world.put({}), 502, 'kafka-denied');
  world.kafka.fail({ operation: 'createTopic', kind: 'refuse', code: 'authentication-failed' });
  await world.refused(world.put({}), 502, 'kafka-denied');
  world.kafka.fail({ operation: 'createTopic', kind: 'refuse', code: 'topic-invalid' });
  await world.refused(world.put({ replication: 7 }), 409, 'conflict-topic');
  world.kafka.fail({ operation: 'createTopic', kind: 'refuse', code: 'refused' });
  await world.refused(world.put({}), 502, 'kafka-refused');
});

test('who may not create takes what is there, and a topic that Kafka lost is made again', async (t) => {
  const world = await World.start(t);
  world.kafka.create({ name: 'acme.orders', partitions: 2 });
  world.kafka.fail({ operation: 'createTopic', kind: 'refuse', code: 'not-authorized' });
  ok(await world.put({ partitions: 2 }));
  world.kafka.remove('acme.orders');
  ok(await world.api.call('PATCH', `${topics}/orders`, { retentionMs: 5_000 }));
  assert.deepEqual(world.shape(), [2, '5000']);
});

test('a change-set is made with its backend and all its topics, or not at all', async (t) => {
  const world = await World.start(t);
  const on = { op: 'put', kind: 'topic', tenant: 'acme' };
  const changes = [
    { op: 'put', kind: 'backend', id: 'more', value: kafkaBackend },
    ...['a', 'b', 'c'].map((id) => ({ ...on, id, value: { backend: 'more', partitions: 2 } })),
  ];
  world.kafka.create({ name: 'acme.b', partitions: 9 });
  const set = () => world.api.call('POST', '/v1/changes', { changes });
  await world.refused(set(), 409, 'conflict-topic');
  world.kafka.remove('acme.b');
  assert.equal(ok(await set()).changes.length, 4);
  assert.deepEqual(world.kafka.names, ['acme.a', 'acme.b', 'acme.c']);
});

test('a change too large for one event makes nothing in Kafka', async (t) => {
  const world = await World.start(t);
  const offsets = Array.from({ length: 4_096 }, (_, partition) => ({ partition, offset: 2 ** 50 }));
  const at = { op: 'put', kind: 'position', tenant: 'acme', topic: 'huge' };
  const value = { backend: 'queues', partitions: 4_096 };
  const changes = [
    { op: 'put', kind: 'topic', tenant: 'acme', id: 'huge', value },
    ...['a', 'b', 'c', 'd'].map((id) => ({ ...at, id, value: { to: { offsets } } })),
  ];
  const set = world.api.call('POST', '/v1/changes', { changes });
  await world.refused(set, 413, 'event-too-large');
  assert.deepEqual(world.kafka.names, []);
});

test('a revert that brings a topic back makes it in Kafka again', async (t) => {
  const world = await World.start(t);
  ok(await world.put({ partitions: 3, retentionMs: 9_000 }));
  const { sequence } = world;
  const { purged } = ok(await world.api.call('DELETE', `${topics}/orders?purge=true`));
  assert.deepEqual(purged, { kafkaName: 'acme.orders', done: true });
  assert.deepEqual(world.kafka.names, []);
  setKafkaThere(world, false);
  const revert = () => world.api.call('POST', '/v1/revert', { to: sequence });
  await world.refused(revert(), 503, 'kafka-unavailable');
  setKafkaThere(world, true);
  ok(await revert());
  assert.deepEqual(world.shape(), [3, '9000']);
});

test('a deleted topic stays in Kafka unless it is purged, and a failed purge says so', async (t) => {
  const world = await World.start(t);
  ok(await world.put({}));
  assert.equal(ok(await world.api.call('DELETE', `${topics}/orders`)).purged, undefined);
  assert.deepEqual(world.kafka.names, ['acme.orders']);
  ok(await world.put({}));
  setKafkaThere(world, false);
  const headers = { 'idempotency-key': 'delete-1' };
  const remove = (query: string) =>
    world.api.call('DELETE', `${topics}/orders${query}`, undefined, { headers });
  const first = ok(await remove('?purge=true'));
  assert.deepEqual(
    [first.changed, first.purged?.done, first.purged?.error?.code],
    [true, false, 'kafka-unavailable'],
  );
  await world.refused(remove(''), 422, 'idempotency-reused');
  setKafkaThere(world, true);
  const again = ok(await remove('?purge=true'));
  assert.deepEqual([again.changed, again.purged?.done], [false, true]);
  assert.deepEqual(world.kafka.names, []);
  ok(await world.put({}));
  const used = ok(await remove('?purge=true'));
  assert.deepEqual([used.purged?.done, world.kafka.names], [false, ['acme.orders']]);
});

test('a change waits for no Kafka of another, and what changed meanwhile is decided again', async (t) => {
  const world = await World.start(t);
  const deleted = Promise.withResolvers<void>();
  world.kafka.fail({ operation: 'createTopic', kind: 'delay', until: deleted.promise });
  const slow = world.put({ grants: [{ user: 'app', produce: true }] });
  await until('Kafka to be asked', () => world.tries('createTopic') > 0);
  await world.api.ok('DELETE', '/v1/tenants/acme/users/app');
  deleted.resolve();
  await world.refused(slow, 409, 'conflict-reference', 'grants');
});
