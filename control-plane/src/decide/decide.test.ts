/** What a change-set may do: given a state, when drafts are decided, then this is the outcome. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changed,
  changesOf,
  dedicated,
  given,
  refused,
  remove,
  route,
  standalone,
  tenant,
  user,
} from '../../test/given.ts';
import type { Draft } from '../draft.ts';
import { decide, decideRevert } from './decide.ts';

const acme = [tenant('acme'), standalone('cache'), route('acme/main', 'cache'), user('acme/app')];

test('a change-set comes out in an order the fold can apply, whatever order it came in', () => {
  const decision = decide(given(), [...acme].reverse());
  assert.deepEqual(changesOf(decision), [
    'put tenant acme',
    'put backend cache',
    'put user acme/app',
    'put route acme/main',
  ]);
});

test('writing what stands there already changes nothing', () => {
  assert.deepEqual(decide(given(acme), acme), { kind: 'unchanged' });
});

test('a tenant with users or routes is deleted only together with them', () => {
  const state = given(acme);
  refused(
    decide(state, [remove('tenant', 'acme')]),
    'conflict-reference',
    /1 users, 1 routes and 0 topics/,
  );
  const all = [remove('tenant', 'acme'), remove('route', 'acme/main'), remove('user', 'acme/app')];
  assert.deepEqual(changesOf(decide(state, all)), [
    'delete user acme/app',
    'delete route acme/main',
    'delete tenant acme',
  ]);
});

test('a backend with routes is deleted only together with them', () => {
  const state = given(acme);
  const decision = decide(state, [remove('backend', 'cache')]);
  refused(decision, 'conflict-reference', /backend cache cannot be deleted: route acme\/main/);
  changed(state, decide(state, [remove('backend', 'cache'), remove('route', 'acme/main')]));
});

test('a backend may be replaced by another one under all its routes at once', () => {
  const state = given(acme);
  const moved = [remove('backend', 'cache'), standalone('store'), route('acme/main', 'store')];
  assert.equal(changed(state, decide(state, moved)).backends['cache'], undefined);
});

test('users and routes of an unknown tenant are refused', () => {
  refused(decide(given(), [user('ghost/app')]), 'not-found', /tenant ghost does not exist/);
  const state = given([standalone('cache')]);
  refused(decide(state, [route('ghost/main', 'cache')]), 'not-found', /tenant ghost/);
});

test('a route to an unknown backend is refused, and every such route is named', () => {
  const decision = decide(given([tenant('acme')]), [
    route('acme/a', 'nowhere', true),
    route('acme/b', 'elsewhere'),
  ]);
  refused(decision, 'conflict-reference', /backend nowhere, which does not exist \(and 1 more\)/);
  assert.equal(decision.kind === 'refused' && decision.fields.length, 2);
});

test('deleting or patching what is not there is refused', () => {
  for (const kind of ['tenant', 'user', 'backend', 'route'] as const) {
    const name = kind === 'user' || kind === 'route' ? 'acme/ghost' : 'ghost';
    refused(decide(given(acme), [remove(kind, name)]), 'not-found', /ghost does not exist/);
    const patch = { ...remove(kind, name), op: 'patch', value: {} } as Draft;
    refused(decide(given(acme), [patch]), 'not-found', /ghost does not exist/);
  }
});

test('two drafts for one entity are refused', () => {
  const decision = decide(given(), [tenant('acme'), tenant('acme', dedicated)]);
  refused(decision, 'body-invalid', /tenant acme is named twice/);
});

test('a change on a stale revision is refused, one on the present revision is not', () => {
  const state = given(acme);
  const stale = { ...tenant('acme', dedicated), expectedRevision: 1 };
  refused(decide(state, [stale]), 'etag-mismatch', /at revision 2, not 1/);
  changed(state, decide(state, [{ ...stale, expectedRevision: 2 }]));
  changed(state, decide(state, [{ ...stale, expectedRevision: 'any' }]));
  refused(decide(state, [{ ...stale, expectedRevision: 0 }]), 'already-exists', /already exists/);
  const ghost = { ...tenant('ghost'), expectedRevision: 'any' as const };
  refused(decide(state, [ghost]), 'etag-mismatch', /ghost does not exist/);
  changed(state, decide(state, [{ ...ghost, expectedRevision: 0 }]));
});

test('a user may be allowed only backends its tenant has a route to', () => {
  const state = given(acme);
  const decision = decide(state, [user('acme/app', ['cache', 'other'])]);
  refused(decision, 'conflict-reference', /user acme\/app may reach other/);
  const allowed = changed(state, decide(state, [user('acme/app', ['cache'])]));
  refused(decide(allowed, [remove('route', 'acme/main')]), 'conflict-reference', /may reach cache/);
});

test('a new user needs a secret, a known one keeps its own', () => {
  const state = given(acme);
  const bare = user('acme/app') as Extract<Draft, { kind: 'user'; op: 'put' }>;
  const { verifier: _none, ...value } = bare.value;
  const fresh = { ...user('acme/new'), value } as Draft;
  refused(decide(state, [fresh]), 'body-invalid', /is new, so it needs a secret/);
  assert.equal(decide(state, [{ ...bare, value }]).kind, 'unchanged');
});

test('a patch changes the fields it names and no other', () => {
  const state = given(acme);
  const patch = { ...remove('user', 'acme/app'), op: 'patch', value: { readOnly: true } } as Draft;
  const after = changed(state, decide(state, [patch])).tenants['acme']?.users['app']?.value;
  assert.deepEqual(after, { ...state.tenants['acme']?.users['app']?.value, readOnly: true });
});

test('a patch may turn a standalone backend into a cluster if it brings what a cluster needs', () => {
  const state = given(acme);
  const patch = (value: object) => ({ ...remove('backend', 'cache'), op: 'patch', value }) as Draft;
  refused(decide(state, [patch({ kind: 'cluster' })]), 'body-invalid', /backend cache/);
  const seeds = [{ host: 'h', port: 1 }];
  const after = changed(state, decide(state, [patch({ kind: 'cluster', seeds })]));
  assert.equal(after.backends['cache']?.value.kind, 'cluster');
  refused(decide(state, [patch({ seeds })]), 'body-invalid', /Unrecognized key/);
});

test('a name that every object inherits is a name like any other', () => {
  const state = given([
    tenant('constructor'),
    standalone('constructor'),
    user('constructor/constructor'),
  ]);
  assert.equal(state.tenants['constructor']?.tenant.value.id, 'constructor');
  refused(decide(given(), [user('constructor/app')]), 'not-found', /tenant constructor/);
});

test('a revert brings back the state of a sequence, or one tenant or backend of it', () => {
  const old = given(acme, [tenant('beta')]);
  const now = changed(
    old,
    decide(old, [
      tenant('acme', dedicated),
      remove('tenant', 'beta'),
      remove('user', 'acme/app'),
      standalone('cache', 4),
    ]),
  );
  assert.equal(decideRevert(now, now, undefined).kind, 'unchanged');
  assert.equal(decideRevert(now, old, { backend: 'cache' } as never).kind, 'changes');
  assert.deepEqual(changesOf(decideRevert(now, old, { backend: 'cache' } as never)), [
    'put backend cache',
  ]);
  assert.deepEqual(changesOf(decideRevert(now, old, { tenant: 'acme' } as never)), [
    'put tenant acme',
    'put user acme/app',
  ]);
  assert.equal(changesOf(decideRevert(now, old, undefined)).length, 4);
});

test('a revert whose result would not be valid is refused with the reasons', () => {
  const old = given(acme);
  const now = changed(old, decide(old, [remove('route', 'acme/main'), remove('backend', 'cache')]));
  const decision = decideRevert(now, old, { tenant: 'acme' } as never);
  refused(decision, 'conflict-reference', /names backend cache, which does not exist/);
});
