/** Which route is the default. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changed,
  changesOf,
  given,
  refused,
  remove,
  route,
  standalone,
  tenant,
} from '../../test/given.ts';
import { decide } from './decide.ts';

const ground = [tenant('acme'), standalone('a'), standalone('b'), standalone('c')];

function defaults(state: ReturnType<typeof given>): string[] {
  const routes = Object.values(state.tenants['acme']?.routes ?? {});
  return routes.filter((held) => held.value.default).map((held) => held.value.id);
}

test("a tenant's first route becomes its default by itself", () => {
  assert.deepEqual(defaults(given(ground, [route('acme/one', 'a')])), ['one']);
});

test('a later route does not become the default by itself', () => {
  const state = given(ground, [route('acme/one', 'a')], [route('acme/two', 'b')]);
  assert.deepEqual(defaults(state), ['one']);
});

test('moving the default to another route clears the old one in the same event', () => {
  const state = given(ground, [route('acme/one', 'a')], [route('acme/two', 'b')]);
  const decision = decide(state, [route('acme/two', 'b', true)]);
  assert.deepEqual(changesOf(decision), ['put route acme/one', 'put route acme/two']);
  assert.deepEqual(defaults(changed(state, decision)), ['two']);
});

test('the default cannot be taken away without naming another one', () => {
  const state = given(ground, [route('acme/one', 'a')], [route('acme/two', 'b')]);
  refused(decide(state, [route('acme/one', 'a', false)]), 'conflict-reference', /no default/);
  refused(decide(state, [remove('route', 'acme/one')]), 'conflict-reference', /no default/);
  const both = [remove('route', 'acme/one'), route('acme/two', 'b', true)];
  assert.deepEqual(defaults(changed(state, decide(state, both))), ['two']);
});

test('the last route may go, and the next first one is the default again', () => {
  const state = given(ground, [route('acme/one', 'a')], [remove('route', 'acme/one')]);
  assert.deepEqual(defaults(given(ground, [route('acme/two', 'b')])), ['two']);
  assert.deepEqual(defaults(state), []);
});

test('a first route that must not be the default, two that both want it and two that do not say are refused', () => {
  const state = given(ground);
  refused(decide(state, [route('acme/one', 'a', false)]), 'conflict-reference', /no default/);
  const both = [route('acme/one', 'a', true), route('acme/two', 'b', true)];
  refused(decide(state, both), 'conflict-reference', /2 default routes/);
  const neither = [route('acme/one', 'a'), route('acme/two', 'b')];
  refused(decide(state, neither), 'conflict-reference', /no default/);
});

test('a route that is written without saying so stays the default', () => {
  const state = given(ground, [route('acme/one', 'a')]);
  assert.deepEqual(defaults(changed(state, decide(state, [route('acme/one', 'b')]))), ['one']);
});

test('two routes of one tenant to the same backend are refused', () => {
  const state = given(ground, [route('acme/one', 'a')]);
  refused(decide(state, [route('acme/two', 'a')]), 'conflict-reference', /as route acme\/one does/);
});
