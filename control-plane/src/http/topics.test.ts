/** Queues over HTTP: backends of Kafka, topics with their grants, and where consumers are sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backendAnswer,
  diffAnswer,
  errorAnswer,
  eventsAnswer,
  listOf,
  positionAnswer,
  stateAnswer,
  topicAnswer,
  writeAnswer,
} from '@respool/contracts/api-answers';
import { consumerAnswer } from '@respool/contracts/api-live';
import { type Answer, TestApi } from '../../test/api.ts';

const queues = {
  ...{ kind: 'kafka', bootstrap: [{ host: 'k1', port: 9093 }], sasl: 'scram-sha-512' },
  ...{ username: 'respool', password: 'broker-secret-31', tls: {} },
};
const topics = '/v1/tenants/acme/topics';

/** Tenant acme with the users app and report, and the Kafka backend. */
async function started(t: { after(end: () => Promise<void>): void }): Promise<TestApi> {
  const api = await TestApi.start();
  t.after(() => api.close());
  await api.ok('PUT', '/v1/tenants/acme', { isolation: { mode: 'prefix', prefix: 'a:' } });
  for (const name of ['app', 'report']) {
    await api.ok('PUT', `/v1/tenants/acme/users/${name}`, { secret: { none: true } });
  }
  await api.ok('PUT', '/v1/backends/queues', queues);
  return api;
}

const errorOf = (answer: Answer) => {
  const { code, fields } = errorAnswer.parse(answer.body).error;
  return [answer.status, code, fields?.[0]?.field];
};

test('a Kafka backend is shown as it was written, without its password', async (t) => {
  const api = await started(t);
  const { body, text } = await api.ok('GET', '/v1/backends/queues');
  const shown = backendAnswer.parse(body);
  assert(shown.kind === 'kafka');
  assert.deepEqual(
    [shown.bootstrap, shown.sasl, shown.username],
    [queues.bootstrap, 'scram-sha-512', 'respool'],
  );
  assert.ok(!text.includes(queues.password) && shown.password?.fingerprint);
  const { text: events } = await api.ok('GET', '/v1/events?kind=backend');
  assert.ok(!events.includes(queues.password) && !events.includes('cipher'));
  assert.ok(!api.logged.join('').includes(queues.password));
  const commands = { ...queues, commands: [{ name: 'x', key: 1, writes: true }] };
  const refused = await api.call('PUT', '/v1/backends/queues', commands);
  assert.deepEqual(errorOf(refused), [400, 'body-invalid', 'commands']);
  const bare = await api.call('PATCH', '/v1/backends/queues', { sasl: null });
  assert.deepEqual(errorOf(bare), [400, 'body-invalid', 'sasl']);
});

test('a topic is created, read, listed, changed and deleted', async (t) => {
  const api = await started(t);
  const address = `${topics}/Orders_1.eu`;
  const grants = [{ user: 'app', produce: true }];
  const made = await api.ok('PUT', address, { backend: 'queues', partitions: 3, grants });
  const { topic, changes } = writeAnswer.parse(made.body);
  assert.deepEqual(changes, [{ op: 'put', kind: 'topic', id: 'acme/Orders_1.eu' }]);
  assert.deepEqual(topic, {
    ...{ tenant: 'acme', name: 'Orders_1.eu', backend: 'queues', kafkaName: 'acme.Orders_1.eu' },
    ...{ origin: 'created', partitions: 3, replication: null, retentionMs: null, ack: 'auto' },
    ...{ startAt: 'earliest', window: 1_000, ackMs: 30_000, maxDeliveries: 0, deadLetter: null },
    grants: [{ user: 'app', produce: true, consume: false, seek: false }],
    ...{ enabled: true, revision: 6 },
  });
  const read = await api.ok('GET', address);
  assert.deepEqual(topicAnswer.parse(read.body), topic);
  assert.equal(read.headers['etag'], '"6"');
  const same = await api.call('GET', address, undefined, { headers: { 'if-none-match': '"6"' } });
  assert.equal(same.status, 304);
  const patched = await api.ok('PATCH', address, { ack: 'manual', window: 10 });
  const { revision, ack, window, partitions } = topicAnswer.parse(
    writeAnswer.parse(patched.body).topic,
  );
  assert.deepEqual([revision, ack, window, partitions], [7, 'manual', 10, 3]);
  const stale = await api.call('DELETE', address, undefined, { headers: { 'if-match': '"6"' } });
  assert.deepEqual(errorOf(stale), [412, 'etag-mismatch', 'id']);
  await api.ok('PUT', `${topics}/b`, { backend: 'queues' });
  const { items, next } = listOf(topicAnswer).parse(
    (await api.ok('GET', `${topics}?limit=1`)).body,
  );
  assert.deepEqual([items.map(({ name }) => name), next], [['Orders_1.eu'], 'Orders_1.eu']);
  const tenant = (await api.ok('GET', '/v1/tenants/acme')).body as { topics: number };
  assert.equal(tenant.topics, 2);
  await api.ok('DELETE', address);
  assert.equal((await api.call('GET', address)).status, 404);
});

test('what a topic cannot be is refused and the field named', async (t) => {
  const api = await started(t);
  const put = (body: object, name = 'orders') =>
    api.call('PUT', `${topics}/${name}`, { backend: 'queues', ...body });
  await put({ partitions: 3 });
  const grant = { user: 'app', consume: true };
  for (const [body, ...error] of [
    [{ partitions: 2 }, 409, 'conflict-topic', 'partitions'],
    [{ kafkaName: 'other' }, 409, 'conflict-topic', 'kafkaName'],
    [{ deadLetter: 'orders' }, 409, 'conflict-reference', 'deadLetter'],
    [{ grants: [{ user: 'ghost' }] }, 409, 'conflict-reference', 'grants'],
    [{ grants: [grant, grant] }, 400, 'body-invalid', 'grants.1.user'],
    [{ kafkaName: '__consumer_offsets' }, 400, 'body-invalid', 'kafkaName'],
    [{ partitions: 4_097 }, 400, 'body-invalid', 'partitions'],
    [{ window: 0 }, 400, 'body-invalid', 'window'],
    [{ ackMs: 99 }, 400, 'body-invalid', 'ackMs'],
    [{ maxDeliveries: 1_001 }, 400, 'body-invalid', 'maxDeliveries'],
    [{ retention: 1 }, 400, 'body-invalid', 'retention'],
  ] as const) {
    assert.deepEqual(errorOf(await put(body)), error, JSON.stringify(body));
  }
  for (const name of ['a%20b', 'a%2Fb', '__proto__', 'a'.repeat(129)]) {
    assert.deepEqual(errorOf(await put({}, name)).slice(0, 2), [400, 'path-invalid'], name);
  }
});

test('each PUT of a position is another seek, and the same idempotency key is not', async (t) => {
  const api = await started(t);
  await api.ok('PUT', `${topics}/orders`, { backend: 'queues', partitions: 2 });
  const address = `${topics}/orders/positions/app`;
  const to = { offsets: [{ partition: 1, offset: 9_007_199_254_740_991 }] };
  const seek = async (headers = {}) => {
    const { body } = await api.ok('PUT', address, { to }, { headers });
    return positionAnswer.parse(writeAnswer.parse(body).position).generation;
  };
  const generations = [await seek(), await seek(), await seek({ 'idempotency-key': 'one' })];
  assert.deepEqual(generations, [7, 8, 9]);
  assert.equal(await seek({ 'idempotency-key': 'one' }), 9);
  const { body, headers } = await api.ok('GET', address);
  const wish = { generation: 9, to, revision: 9, done: false };
  assert.deepEqual(consumerAnswer.parse(body).wish, wish);
  assert.equal(headers['etag'], '"9"');
  await api.ok('PUT', `${topics}/orders/positions/Report_1`, { to: 'earliest' });
  const list = listOf(consumerAnswer).parse(
    (await api.ok('GET', `${topics}/orders/positions`)).body,
  );
  assert.deepEqual(
    list.items.map(({ consumer }) => consumer),
    ['Report_1', 'app'],
  );
  assert.equal((await api.call('PATCH', address, { to })).status, 405);
  await api.ok('DELETE', address);
  assert.deepEqual(errorOf(await api.call('DELETE', address)).slice(0, 2), [404, 'not-found']);
});

test('a position goes only where there is something', async (t) => {
  const api = await started(t);
  await api.ok('PUT', `${topics}/orders`, { backend: 'queues' });
  const seek = (to: unknown, topic = 'orders') =>
    api.call('PUT', `${topics}/${topic}/positions/app`, { to });
  const offsets = [{ partition: 1, offset: 0 }];
  assert.deepEqual(errorOf(await seek({ offsets })), [409, 'conflict-reference', 'to.offsets']);
  assert.deepEqual(errorOf(await seek('latest', 'ghost')), [404, 'not-found', 'topic']);
  for (const to of ['now', { time: 'soon' }, { offsets: [] }, { offsets, time: '' }, undefined]) {
    assert.deepEqual(errorOf(await seek(to)).slice(0, 2), [400, 'body-invalid']);
  }
  const unknown = await api.call('GET', `${topics}/ghost/positions`);
  assert.deepEqual(errorOf(unknown).slice(0, 2), [404, 'not-found']);
});

test('queues take part in change-sets, events, states, differences and reverts', async (t) => {
  const api = await started(t);
  const on = { kind: 'topic', tenant: 'acme' };
  const sought = { kind: 'position', tenant: 'acme', topic: 'orders', id: 'app' };
  await api.ok('POST', '/v1/changes', {
    changes: [
      { op: 'put', ...sought, value: { to: 'latest' } },
      { op: 'put', ...on, id: 'orders', value: { backend: 'queues', deadLetter: 'dead' } },
      { op: 'put', ...on, id: 'dead', value: { backend: 'queues' } },
    ],
  });
  const found = async (query: string) => {
    const { items } = eventsAnswer.parse((await api.ok('GET', `/v1/events?${query}`)).body);
    return items.map(({ sequence }) => sequence);
  };
  assert.deepEqual(await found('kind=topic'), [6]);
  assert.deepEqual(await found('kind=position&tenant=acme'), [6]);
  assert.deepEqual(await found('id=acme/orders/app'), [6]);
  const { tenants } = stateAnswer.parse((await api.ok('GET', '/v1/state?at=6')).body);
  assert.deepEqual(
    tenants[0]?.topics.map(({ name }) => name),
    ['dead', 'orders'],
  );
  assert.deepEqual(
    tenants[0]?.positions.map(({ generation }) => generation),
    [6],
  );
  await api.ok('POST', '/v1/changes', {
    changes: [
      { op: 'patch', ...on, id: 'dead', value: { enabled: false } },
      { op: 'delete', ...on, id: 'orders', expectedRevision: 6 },
    ],
  });
  const diff = diffAnswer.parse((await api.ok('GET', '/v1/diff?from=7&to=6')).body);
  const lines = diff.changes.map(({ op, id }) => `${op} ${id}`);
  assert.deepEqual(lines, ['put acme/dead', 'put acme/orders', 'put acme/orders/app']);
  const { body } = await api.ok('POST', '/v1/revert', { to: 6, scope: { tenant: 'acme' } });
  assert.deepEqual(
    writeAnswer.parse(body).changes.map(({ op, id }) => `${op} ${id}`),
    lines,
  );
  const { wish } = consumerAnswer.parse(
    (await api.ok('GET', `${topics}/orders/positions/app`)).body,
  );
  assert.deepEqual([wish?.revision, wish?.generation], [8, 6], 'brought back, and no new seek');
});
