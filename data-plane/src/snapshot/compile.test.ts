/** A snapshot becomes a state, and unchanged tenants stay the same object. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendView } from '../state.ts';
import { meter } from '../test/fakes.ts';
import { snapshotOf, type TestTenant, tenantState } from '../test/hot-path.ts';
import { compile } from './compile.ts';

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
  assert.deepEqual(pre!.defaultRoute, { backend: main, database: 0, readFrom: 'primary' });
  assert.equal(state.tokens.get('ZGlnZXN0'), pre!.users.get('default'));
  const route = { backend: main, database: 7, readFrom: 'primary' };
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
