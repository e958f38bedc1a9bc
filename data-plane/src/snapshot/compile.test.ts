/** A snapshot becomes a state, and unchanged tenants stay the same object. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantState } from '@respool/contracts/snapshot';
import type { BackendView, KafkaView } from '../state.ts';
import { meter } from '../test/fakes.ts';
import { snapshotOf, type TestTenant, tenantState } from '../test/tenant-state.ts';
import { type Compiled, compile } from './compile.ts';

const view = (id: string): BackendView => ({ id }) as BackendView;
const dedicated: TestTenant = { backend: 'main', isolation: { mode: 'dedicated' } };
const meterOf = () => meter;

test('tenants that did not change are kept as they are; those that did, or whose backend did, are new', () => {
  const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((id) => {
    return tenantState(id, id === 'cid' ? { ...dedicated, backend: 'other' } : dedicated);
  });
  const backends = new Map([view('main'), view('other')].map((one) => [one.id, one]));
  const first = compile(snapshotOf({ ann, bob, cid } as never), backends, meterOf, null);
  const changed = tenantState('bob', { ...dedicated, readOnly: true });
  const second = compile(
    snapshotOf({ ann, bob: changed, cid } as never, {}, 2),
    backends,
    meterOf,
    first,
  );
  const same = (id: string): boolean =>
    second.state.tenants.get(id) === first.state.tenants.get(id);
  assert.deepEqual([same('ann'), same('bob'), same('cid')], [true, false, true]);
  assert.equal(second.state.sequence, 2);
  const reopened = new Map([...backends, ['other', view('other')]]);
  const third = compile(
    snapshotOf({ ann, bob: changed, cid } as never, {}, 3),
    reopened,
    meterOf,
    second,
  );
  assert.equal(third.state.tenants.get('ann'), first.state.tenants.get('ann'));
  assert.notEqual(third.state.tenants.get('cid'), first.state.tenants.get('cid'));
  const fourth = compile(snapshotOf({ ann } as never, {}, 4), reopened, meterOf, third);
  assert.deepEqual([...fourth.state.tenants.keys()], ['ann']);
});

test('names are resolved: routes to backends, prefixes to bytes, tokens to users', () => {
  const tenants = {
    pre: tenantState('pre', {
      backend: 'main',
      isolation: { mode: 'prefix', prefix: 'p:' },
      verifier: { scheme: 'hmac-sha256', digest: 'ZGlnZXN0' },
    }),
    db: tenantState('db', { backend: 'main', isolation: { mode: 'db' }, database: 7 }),
    lost: tenantState('lost', { backend: 'gone', isolation: { mode: 'dedicated' } }),
  };
  const main = view('main');
  const { state } = compile(snapshotOf(tenants), new Map([['main', main]]), meterOf, null);
  const [pre, db, lost] = ['pre', 'db', 'lost'].map((id) => state.tenants.get(id)!);
  assert.deepEqual(pre!.prefix, Buffer.from('p:'));
  assert.deepEqual(pre!.defaultRoute, {
    ...{ id: 'pre-route', backend: main, database: 0, readFrom: 'primary' },
  });
  assert.equal(state.tokens.get('ZGlnZXN0'), pre!.users.get('default'));
  const route = { id: 'db-route', backend: main, database: 7, readFrom: 'primary' };
  assert.deepEqual([db!.prefix, db!.defaultRoute], [null, route]);
  assert.deepEqual([lost!.defaultRoute, lost!.routes.size], [null, 0]);
});

test('another secret is another credential, and the credential is not the secret', () => {
  const credential = (digest: string): string => {
    const one = tenantState('one', { ...dedicated, verifier: { scheme: 'hmac-sha256', digest } });
    const { state } = compile(snapshotOf({ one }), new Map(), meterOf, null);
    return state.tenants.get('one')!.users.get('default')!.credential;
  };
  assert.equal(credential('YQ=='), credential('YQ=='));
  assert.notEqual(credential('YQ=='), credential('Yg=='));
  assert.ok(!credential('YQ==').includes('YQ=='));
});

test('what was said of the command surface stands where the hot path looks for it', () => {
  const said = { crossSlot: 'refuse', passThrough: true, readFrom: 'nearest' } as const;
  const tenants = {
    plain: tenantState('plain', dedicated),
    said: tenantState('said', { ...dedicated, ...said }),
  };
  const { state } = compile(snapshotOf(tenants), new Map([['main', view('main')]]), meterOf, null);
  const surface = Object.keys(tenants).map((id) => {
    const tenant = state.tenants.get(id)!;
    const { passThrough } = tenant.users.get('default')!;
    return [tenant.crossSlot, passThrough, tenant.defaultRoute!.readFrom];
  });
  assert.deepEqual(surface, [
    ['emulate', false, 'primary'],
    ['refuse', true, 'nearest'],
  ]);
});

const queue = { id: 'queues', kind: 'kafka' } as KafkaView;

/** A tenant with the topics and positions of `said`, which hold what a test looks at. */
function withQueues(id: string, said: { topics: object; positions?: object }): TenantState {
  const held = (values: object) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, { revision: 1, value }]),
    );
  const topics = Object.fromEntries(
    Object.entries(said.topics).map(([name, topic]) => {
      return [name, { name, backend: 'queues', deadLetter: null, grants: [], ...topic }];
    }),
  );
  const positions = held(said.positions ?? {});
  return { ...tenantState(id, dedicated), topics: held(topics), positions } as TenantState;
}

test('topics are resolved: backend, dead letter, grants by name, seeks by consumer', () => {
  const grants = [
    { user: 'app', produce: true, consume: false, seek: false },
    { user: 'all', produce: true, consume: true, seek: true },
    { user: 'none', produce: false, consume: false, seek: false },
  ];
  const position = { topic: 'orders', consumer: 'app', generation: 7, to: 'latest' };
  const one = withQueues('one', {
    topics: {
      orders: { kafkaName: 'one.orders', window: 9, deadLetter: 'dead', grants },
      dead: {},
    },
    positions: { 'orders/app': position },
  });
  const { state } = compile(snapshotOf({ one }), new Map([['queues', queue]]), meterOf, null);
  const tenant = state.tenants.get('one')!;
  const [orders, dead] = [tenant.topics.get('orders')!, tenant.topics.get('dead')!];
  assert.deepEqual([orders.kafkaName, orders.window], ['one.orders', 9]);
  assert.deepEqual([orders.tenant, orders.backend], [tenant, queue]);
  assert.deepEqual([orders.deadLetter, dead.deadLetter], [dead, null]);
  assert.deepEqual([...orders.producers, '|', ...orders.consumers], ['app', 'all', '|', 'all']);
  assert.deepEqual([...orders.seekers], ['all']);
  assert.deepEqual([...orders.seeks], [['app', { generation: 7, to: 'latest' }]]);
  assert.deepEqual([dead.seeks.size, dead.producers.size], [0, 0]);
});

test('a topic has no backend where none is open, and never one of Redis', () => {
  const one = withQueues('one', { topics: { a: {}, b: { backend: 'main' } } });
  const backends = new Map([['main', view('main')]]);
  const { topics } = compile(snapshotOf({ one }), backends, meterOf, null).state.tenants.get(
    'one',
  )!;
  assert.deepEqual([topics.get('a')!.backend, topics.get('b')!.backend], [null, null]);
});

test('a tenant is made anew when the Kafka backend of a topic is another one', () => {
  const one = withQueues('one', { topics: { a: {} } });
  const at = (backend: KafkaView, before: Compiled | null) =>
    compile(snapshotOf({ one }), new Map([['queues', backend]]), meterOf, before);
  const first = at(queue, null);
  const same = at(queue, first);
  assert.equal(same.state.tenants.get('one'), first.state.tenants.get('one'));
  const reopened: KafkaView = { ...queue };
  const another = at(reopened, same).state.tenants.get('one')!;
  assert.equal(another.topics.get('a')!.backend, reopened);
});
