/** Which commands a tenant has, and how they are done: what may be said of it, and where. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changed,
  changesOf,
  cluster,
  db,
  dedicated,
  given,
  prefix,
  refused,
  remove,
  route,
  standalone,
  tenant,
  user,
} from '../../test/given.ts';
import type { Draft } from '../draft.ts';
import { decide, decideRevert } from './decide.ts';

const patch = (draft: Draft, value: object) => ({ ...draft, op: 'patch', value }) as Draft;
const onRoute = remove('route', 'acme/main');
const onUser = remove('user', 'acme/app');
const onTenant = remove('tenant', 'acme');
const onBackend = remove('backend', 'store');

const spread = [tenant('acme'), cluster('store'), route('acme/main', 'store', true, 'nearest')];

test('reads of a route to a cluster may go anywhere, and to a standalone backend only to it', () => {
  for (const readFrom of ['primary', 'replica', 'any', 'nearest'] as const) {
    const state = given([tenant('acme'), cluster('store'), standalone('cache')]);
    changed(state, decide(state, [route('acme/main', 'store', true, readFrom)]));
    const decision = decide(state, [route('acme/main', 'cache', true, readFrom)]);
    if (readFrom === 'primary') changed(state, decision);
    else refused(decision, 'conflict-reference', /main cannot read from ".*cache is standalone/);
  }
});

test('a route that reads from replicas moves to a standalone backend only without that', () => {
  const state = given(spread, [standalone('cache')]);
  const move = patch(onRoute, { backend: 'cache' });
  refused(decide(state, [move]), 'conflict-reference', /cannot read from "nearest"/);
  const both = patch(onRoute, { backend: 'cache', readFrom: 'primary' });
  const after = changed(state, decide(state, [both]));
  assert.equal(after.tenants['acme']?.routes['main']?.value.readFrom, 'primary');
});

test('a cluster becomes a standalone backend only when no route reads from its replicas', () => {
  const state = given(spread, [tenant('beta'), route('beta/main', 'store', true, 'any')]);
  const decision = decide(state, [standalone('store')]);
  refused(decision, 'conflict-reference', /route acme\/main cannot.* \(and 1 more\)/);
  assert.deepEqual(decision.kind === 'refused' && decision.fields.map((one) => one.field), [
    'readFrom',
    'readFrom',
  ]);
  const primary = ['acme/main', 'beta/main'].map((name) => route(name, 'store'));
  changed(state, decide(state, [standalone('store'), ...primary]));
});

test('a route that is put without saying so reads from primaries, one that is patched stays', () => {
  const state = given(spread);
  const patched = decide(state, [patch(onRoute, { default: true })]);
  assert.equal(patched.kind, 'unchanged');
  const after = changed(state, decide(state, [route('acme/main', 'store')]));
  assert.equal(after.tenants['acme']?.routes['main']?.value.readFrom, 'primary');
});

test('pass-through is granted in dedicated isolation and nowhere else', () => {
  for (const isolation of [db, prefix('a:')]) {
    const state = given([tenant('acme', isolation)]);
    const grant = decide(state, [user('acme/app', null, true)]);
    refused(grant, 'conflict-isolation', /app: passThrough needs .* acme is isolated by (db|pre)/);
    const at = grant.kind === 'refused' ? grant.fields[0]?.field : null;
    assert.equal(at, 'passThrough');
  }
  const state = given([tenant('acme', dedicated)]);
  const after = changed(state, decide(state, [user('acme/app', null, true)]));
  assert.equal(after.tenants['acme']?.users['app']?.value.passThrough, true);
  const withdrawn = decide(after, [patch(onUser, { passThrough: false })]);
  changed(after, withdrawn);
});

test('a tenant stays dedicated as long as one of its users has the grant', () => {
  const state = given([tenant('acme', dedicated), user('acme/app', null, true)]);
  refused(decide(state, [patch(onTenant, { isolation: db })]), 'conflict-isolation', /app: pass/);
  const both = [patch(onTenant, { isolation: db }), patch(onUser, { passThrough: false })];
  changed(state, decide(state, both));
  changed(state, decide(state, [tenant('acme', prefix('a:')), remove('user', 'acme/app')]));
});

test('the grant may stand beside routes to a cluster', () => {
  const state = given([
    ...[tenant('acme', dedicated), cluster('store'), standalone('cache')],
    ...[route('acme/one', 'store', true), route('acme/two', 'cache'), user('acme/app', null, true)],
  ]);
  assert.equal(state.tenants['acme']?.users['app']?.value.passThrough, true);
});

test('commands of a backend stay when it becomes one of the other kind', () => {
  const commands = [{ name: 'json.get', key: 1, writes: false }];
  const state = given([cluster('store', commands)]);
  const address = { host: 'h', port: 1 };
  const whole = { kind: 'standalone', address, databases: 16 };
  const after = changed(state, decide(state, [patch(onBackend, whole)]));
  assert.deepEqual(commandsOf(after), commands);
  const twice = patch(onBackend, { commands: [...commands, ...commands] });
  refused(decide(state, [twice]), 'body-invalid', /json\.get is named twice/);
});

test('each of the fields is changed by itself and comes back by a revert', () => {
  const commands = [{ name: 'json.get', key: 1, writes: false }];
  const old = given([
    ...[tenant('acme', dedicated), cluster('store'), user('acme/app')],
    route('acme/main', 'store', true),
  ]);
  const wishes = [
    patch(onTenant, { crossSlot: 'refuse' }),
    patch(onUser, { passThrough: true }),
    patch(onRoute, { readFrom: 'replica' }),
    patch(onBackend, { commands }),
  ];
  const lines = [
    'put tenant acme',
    'put user acme/app',
    'put route acme/main',
    'put backend store',
  ];
  for (const [at, one] of wishes.entries()) {
    const decision = decide(old, [one]);
    assert.deepEqual(changesOf(decision), [lines[at]]);
    const now = changed(old, decision);
    assert.equal(decide(now, [one]).kind, 'unchanged');
    const back = changed(now, decideRevert(now, old, undefined));
    assert.deepEqual(valuesOf(back), valuesOf(old));
  }
  const now = changed(old, decide(old, wishes));
  const back = changed(now, decideRevert(now, old, { tenant: 'acme' } as never));
  assert.deepEqual(commandsOf(back), commands, 'out of scope');
  assert.equal(back.tenants['acme']?.tenant.value.crossSlot, 'emulate');
});

function commandsOf(state: ReturnType<typeof given>): unknown {
  const store = state.backends['store']?.value;
  return store && 'commands' in store ? store.commands : null;
}

/** What stands there, without the revisions. */
function valuesOf(state: ReturnType<typeof given>): unknown {
  const backends = Object.values(state.backends).map((held) => held.value);
  const tenants = Object.values(state.tenants).map(({ tenant, users, routes }) => {
    const owned = [...Object.values(users), ...Object.values(routes)].map((held) => held.value);
    return [tenant.value, ...owned];
  });
  return [backends, tenants];
}
