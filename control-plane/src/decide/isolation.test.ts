/** Tenants on one backend stay apart: databases, prefixes, exclusivity. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changed,
  cluster,
  databaseOf,
  db,
  dedicated,
  given,
  prefix,
  refused,
  remove,
  route,
  standalone,
  tenant,
} from '../../test/given.ts';
import type { Draft } from '../draft.ts';
import { decide, decideRevert } from './decide.ts';

function inDb(...names: readonly string[]): Draft[] {
  return names.flatMap((name) => [tenant(name, db), route(`${name}/main`, 'cache')]);
}

test('a tenant in db mode gets the lowest free database, and never database 0', () => {
  const state = given([standalone('cache'), ...inDb('a', 'b', 'c')]);
  const held = ['a', 'b', 'c'].map((name) => databaseOf(state, `${name}/main`));
  assert.deepEqual(held, [1, 2, 3]);
  const freed = changed(state, decide(state, [remove('route', 'b/main')]));
  const next = changed(freed, decide(freed, inDb('d')));
  assert.equal(databaseOf(next, 'd/main'), 2);
});

test('a database freed by a change-set can be taken by the same one', () => {
  const state = given([standalone('cache', 2), ...inDb('a')]);
  const decision = decide(state, [remove('route', 'a/main'), ...inDb('b')]);
  assert.equal(databaseOf(changed(state, decision), 'b/main'), 1);
});

test('a route keeps its database when it is written again and gets another one on another backend', () => {
  const state = given([standalone('cache'), standalone('store'), ...inDb('a', 'b')]);
  assert.equal(decide(state, [route('b/main', 'cache', true)]).kind, 'unchanged');
  const moved = changed(state, decide(state, [route('b/main', 'store')]));
  assert.equal(databaseOf(moved, 'b/main'), 1);
  assert.equal(databaseOf(moved, 'a/main'), 1);
});

test('when all databases are held the refusal says so', () => {
  const state = given([standalone('cache', 3), ...inDb('a', 'b')]);
  refused(
    decide(state, inDb('c')),
    'databases-exhausted',
    /3 databases and none is free for route c\/main/,
  );
  const one = given([standalone('cache', 1)]);
  refused(decide(one, inDb('a')), 'databases-exhausted', /none is free/);
});

test('db mode on a cluster is refused, from whichever side it comes', () => {
  refused(decide(given([cluster('cache')]), inDb('a')), 'conflict-isolation', /is a cluster/);
  const state = given([standalone('cache'), ...inDb('a')]);
  refused(decide(state, [cluster('cache')]), 'conflict-isolation', /is a cluster/);
});

test('a backend cannot lose databases that routes hold', () => {
  const state = given([standalone('cache'), ...inDb('a', 'b')]);
  refused(decide(state, [standalone('cache', 2)]), 'conflict-isolation', /no database 2/);
  changed(state, decide(state, [standalone('cache', 3)]));
});

test('leaving db mode gives the database back, entering it takes one', () => {
  const state = given([standalone('cache'), ...inDb('a')]);
  const left = changed(state, decide(state, [tenant('a')]));
  assert.equal(databaseOf(left, 'a/main'), null);
  assert.equal(databaseOf(changed(left, decide(left, [tenant('a', db)])), 'a/main'), 1);
});

test('a dedicated tenant shares its backend with no other tenant', () => {
  const host = [standalone('cache'), tenant('host', dedicated), route('host/main', 'cache')];
  const state = given(host);
  const guest = [tenant('guest'), route('guest/main', 'cache')];
  refused(decide(state, guest), 'conflict-isolation', /dedicated to tenant host, so tenant guest/);
  const shared = given([standalone('cache'), tenant('host'), route('host/main', 'cache')], guest);
  refused(decide(shared, [tenant('host', dedicated)]), 'conflict-isolation', /dedicated to tenant/);
  changed(shared, decide(shared, [tenant('host', dedicated), remove('route', 'guest/main')]));
});

test("no prefix on a backend equals or starts with another tenant's", () => {
  const on = (name: string, text: string) => [
    tenant(name, prefix(text)),
    route(`${name}/main`, 'cache'),
  ];
  const state = given([standalone('cache'), ...on('a', 'app:')]);
  refused(decide(state, on('b', 'app:')), 'conflict-isolation', /starts with app:/);
  refused(
    decide(state, on('b', 'app:b:')),
    'conflict-isolation',
    /app:b: of tenant b starts with app: of tenant a/,
  );
  refused(
    decide(state, on('b', 'ap')),
    'conflict-isolation',
    /app: of tenant a starts with ap of tenant b/,
  );
  const apart = changed(state, decide(state, on('b', 'bpp:')));
  refused(decide(apart, [tenant('b', prefix('app:x'))]), 'conflict-isolation', /starts with/);
});

test('a prefix that lies between two others is still found to begin with the first', () => {
  const on = (name: string, text: string) => [
    tenant(name, prefix(text)),
    route(`${name}/main`, 'cache'),
  ];
  const state = given([standalone('cache'), ...on('a', 'k:'), ...on('c', 'z:')]);
  refused(decide(state, on('b', 'k:zz')), 'conflict-isolation', /k:zz of tenant b/);
});

test('equal prefixes on different backends are no conflict', () => {
  const ground = [standalone('one'), standalone('two')];
  given(
    [...ground, tenant('a', prefix('x:')), tenant('b', prefix('x:'))],
    [route('a/main', 'one'), route('b/main', 'two')],
  );
});

test('a revert brings a database back, and is refused when another tenant holds it now', () => {
  const old = given([standalone('cache'), ...inDb('a', 'b')]);
  const gone = changed(old, decide(old, [remove('route', 'b/main')]));
  assert.equal(databaseOf(changed(gone, decideRevert(gone, old, undefined)), 'b/main'), 2);
  const taken = changed(gone, decide(gone, inDb('c')));
  const decision = decideRevert(taken, old, { tenant: 'b' } as never);
  refused(
    decision,
    'conflict-isolation',
    /database 2 of backend cache is held by route b\/main and by c\/main/,
  );
});
