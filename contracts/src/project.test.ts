/** The fold: the same state whichever way it is reached, and nothing that breaks the chain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  anyLog,
  backendOf,
  buildLog,
  fold,
  logId,
  put,
  remove,
  routeOf,
  storedEvents,
  tenantOf,
  userOf,
} from '../test/log-builder.ts';
import { hashOf, readStored } from './chain.ts';
import { writeEvent } from './events.ts';
import { BrokenChain, emptySnapshot, project } from './project.ts';
import { snapshot } from './snapshot.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts';

test('folding the whole log equals folding a stored snapshot and the tail, at every cut', async () => {
  const property = fc.asyncProperty(anyLog, fc.nat(60), async (log, at) => {
    const events = storedEvents(log);
    const whole = fold(events);
    const cut = Math.min(at, events.length);
    const { pointer, parts } = await encodeSnapshot(fold(events.slice(0, cut)));
    const stored = await decodeSnapshot({ ...pointer, sequence: cut }, parts);
    assert.deepEqual(fold(events.slice(cut), stored), whole);
    assert.equal(JSON.stringify(fold(events.slice(cut), stored)), JSON.stringify(whole));
  });
  await fc.assert(property, { numRuns: 200 });
});

test('the fold never changes a state it was given', () => {
  fc.assert(
    fc.property(anyLog, (log) => {
      let state = emptySnapshot;
      for (const stored of storedEvents(log)) {
        const before = JSON.stringify(state);
        const next = project(deepFreeze(state), stored);
        assert.equal(JSON.stringify(state), before);
        state = next;
      }
      snapshot.parse(state);
    }),
    { numRuns: 200 },
  );
});

test('a change copies the tenant it touches and shares the others', () => {
  const log = buildLog([
    [put(tenantOf('a')), put(tenantOf('b'))],
    [put(userOf('a', 'u'))],
    [put(userOf('a', 'v'))],
  ]);
  const events = storedEvents(log);
  const before = fold(events.slice(0, 3));
  const after = fold(events.slice(3), before);
  assert.equal(after.tenants['b'], before.tenants['b']);
  assert.equal(after.tenants['a']?.users['u'], before.tenants['a']?.users['u']);
  assert.notEqual(after.tenants['a'], before.tenants['a']);
});

test('an entity carries the sequence of the event that last wrote it', () => {
  const [user, backend] = [userOf('a', 'u'), backendOf('main')];
  const route = routeOf('a', 'main', 'main');
  const log = buildLog([
    [put(tenantOf('a')), put(backend)],
    [put(user), put(route)],
    [put(userOf('a', 'u', true), user)],
  ]);
  const state = fold(storedEvents(log));
  assert.equal(state.sequence, 4);
  assert.equal(state.logId, logId);
  assert.equal(state.tenants['a']?.tenant.revision, 2);
  assert.equal(state.tenants['a']?.users['u']?.revision, 4);
  assert.equal(state.tenants['a']?.users['u']?.value.readOnly, true);
  assert.equal(state.tenants['a']?.routes['main']?.revision, 3);
  assert.equal(state.backends['main']?.revision, 2);
});

test('a deleted entity is gone, and its tenant with all it owns', () => {
  const [user, tenant, backend] = [userOf('a', 'u'), tenantOf('a'), backendOf('main')];
  const log = buildLog([
    [put(tenant), put(backend)],
    [put(user)],
    [remove(user)],
    [remove(tenant)],
  ]);
  const events = storedEvents(log);
  assert.deepEqual(fold(events.slice(0, 4)).tenants['a']?.users, {});
  assert.deepEqual(fold(events).tenants, {});
  assert.deepEqual(Object.keys(fold(events).backends), ['main']);
});

test('an event out of its turn, of another chain or of an unknown tenant is refused', () => {
  const log = buildLog([[put(tenantOf('a'))], [put(tenantOf('b'))]]);
  const [first, second, third] = storedEvents(log);
  assert(first !== undefined && second !== undefined && third !== undefined);
  const state = project(emptySnapshot, first);
  assert.throws(() => project(state, third), BrokenChain);
  assert.throws(() => project(state, first), BrokenChain);
  assert.throws(() => project(state, { ...third, sequence: 2 }), BrokenChain);
  const orphan = buildLog([[put(userOf('nobody', 'u'))]]);
  assert.throws(() => fold(storedEvents(orphan)), BrokenChain);
});

test('one flipped bit anywhere in a stored event is noticed at the next event', () => {
  const log = buildLog([[put(tenantOf('a'))], [put(tenantOf('b'))]]);
  const [, second, third] = log;
  assert(second !== undefined && third !== undefined);
  fc.assert(
    fc.property(fc.nat(second.length - 1), fc.nat(7), (place, bit) => {
      const flipped = Uint8Array.from(second);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << bit);
      const head = { sequence: 2, hash: hashOf(flipped) };
      const state = { ...fold(storedEvents(log.slice(0, 2))), ...head };
      assert.throws(() => project(state, readStored(3, third)), BrokenChain);
    }),
    { numRuns: 100 },
  );
  assert.deepEqual(writeEvent(readStored(3, third).event), third);
});

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
