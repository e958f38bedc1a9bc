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
  positionOf,
  put,
  remove,
  routeOf,
  storedEvents,
  tenantOf,
  topicOf,
  userOf,
} from '../test/log-builder.ts';
import { hashOf, readStored } from './chain.ts';
import { genesisHash, type StoredEvent, writeEvent } from './events.ts';
import { BrokenChain, emptySnapshot, Fold, foldAll, project } from './project.ts';
import { type Snapshot, snapshot } from './snapshot.ts';
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

test('many events folded at once give what they give one by one, wherever the batches are cut', () => {
  fc.assert(
    fc.property(anyLog, fc.array(fc.nat(60), { maxLength: 4 }), (log, cuts) => {
      const events = storedEvents(log);
      const states = [emptySnapshot];
      for (const stored of events) states.push(project(states.at(-1) ?? emptySnapshot, stored));
      let state = emptySnapshot;
      for (const cut of [...cuts, events.length].toSorted((a, b) => a - b)) {
        const next = foldAll(deepFreeze(state), events.slice(state.sequence, cut));
        const expected = states[next.sequence];
        assert.equal(JSON.stringify(next), JSON.stringify(expected));
        assertShared(state, next, events.slice(state.sequence, next.sequence));
        state = next;
      }
      assert.deepEqual(state, states.at(-1));
    }),
    { numRuns: 300 },
  );
});

/** What no event named is the same object in both states. */
function assertShared(before: Snapshot, after: Snapshot, events: readonly StoredEvent[]): void {
  const changes = events.flatMap(({ event }) => ('changes' in event ? event.changes : []));
  const touched = new Set(
    changes.map(({ kind, id }) => `${kind === 'backend'} ${id.split('/')[0]}`),
  );
  for (const [id, state] of Object.entries(before.tenants)) {
    assert.equal(after.tenants[id] === state, !touched.has(`false ${id}`), id);
  }
  for (const [id, held] of Object.entries(before.backends)) {
    assert.equal(after.backends[id] === held, !touched.has(`true ${id}`), id);
  }
}

test('a fold that refuses an event stands where it stood, and goes on from there', () => {
  const log = buildLog([[put(tenantOf('a'))], [put(tenantOf('b')), put(userOf('nobody', 'u'))]]);
  const [first, second, orphan] = storedEvents(log);
  assert(first !== undefined && second !== undefined && orphan !== undefined);
  const fold = new Fold(emptySnapshot);
  for (const stored of [first, second]) fold.take(stored);
  const before = fold.snapshot();
  assert.throws(() => fold.take(orphan), BrokenChain);
  assert.equal(fold.snapshot(), before);
  const next = { ...orphan, event: { ...orphan.event, changes: [put(userOf('a', 'u'))] } };
  fold.take(next as StoredEvent);
  assert.deepEqual(Object.keys(fold.snapshot().tenants), ['a']);
  assert.deepEqual(before.tenants['a']?.users, {});
});

test('a log gets its identity from its first event and never again', () => {
  const [created, changed] = storedEvents(buildLog([[put(tenantOf('a'))]]));
  assert(created !== undefined && changed !== undefined);
  const state = project(emptySnapshot, created);
  const again = { ...created, sequence: 2, event: { ...created.event, prev: state.hash } };
  assert.throws(() => project(state, again), /event 2 must not be LogCreated/);
  const headless = { ...changed, sequence: 1, event: { ...changed.event, prev: genesisHash } };
  assert.throws(() => project(emptySnapshot, headless), /event 1 must not be ConfigurationChanged/);
});

for (const name of ['constructor', 'valueof', 'tostring', '1', 'hasownproperty']) {
  test(`"${name}" is a name like any other`, () => {
    const [user, route] = [userOf(name, name), routeOf(name, name, name)];
    const log = buildLog([[put(tenantOf(name)), put(backendOf(name)), put(user), put(route)]]);
    const state = fold(storedEvents(log));
    assert.deepEqual(Object.keys(state.tenants[name]?.users ?? {}), [name]);
    assert.deepEqual(Object.keys(state.tenants[name]?.routes ?? {}), [name]);
    const orphan = buildLog([[put(userOf(name, 'u'))]]);
    assert.throws(() => fold(storedEvents(orphan)), /unknown tenant/);
  });
}

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

test('topics and positions come and go on their own, and with their tenant', () => {
  const [tenant, topic] = [tenantOf('a'), topicOf('a', 'orders')];
  const position = positionOf('a', 'orders/billing', 'latest');
  const log = buildLog([
    [put(tenant), put(topicOf('a', 'toString'))],
    [put(topic), put(position)],
    [put({ ...tenant, description: 'new' }, tenant)],
    [remove(position)],
    [remove(topic)],
    [remove(tenant)],
  ]);
  const events = storedEvents(log);
  const standing = (length: number) => {
    const { topics = {}, positions = {} } = fold(events.slice(0, length)).tenants['a'] ?? {};
    return [Object.keys(topics), Object.keys(positions)];
  };
  assert.deepEqual(standing(2), [['toString'], []]);
  assert.deepEqual(standing(4), [['toString', 'orders'], ['orders/billing']]);
  assert.deepEqual(standing(5), [['toString', 'orders'], []]);
  assert.deepEqual(standing(6), [['toString'], []]);
  assert.deepEqual(standing(7), [[], []]);
  const orphan = buildLog([[put(positionOf('nobody', 'orders/x', 'latest'))]]);
  assert.throws(() => fold(storedEvents(orphan)), /unknown tenant nobody/);
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
