/**
 * Random change-sets, one after the other, on few names, so that they collide often. Whatever is
 * decided must be readable and foldable, keep every rule, and be the same when it is asked for
 * again; and the way back to any earlier state is always open. fast-check prints the seed of a
 * failure.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Snapshot, snapshot as snapshotSchema } from '@respool/contracts/snapshot';
import fc from 'fast-check';
import {
  appended,
  cluster,
  db,
  dedicated,
  given,
  kafka,
  prefix,
  remove,
  route,
  seek,
  standalone,
  tenant,
  topic,
  user,
} from '../../test/given.ts';
import { difference } from '../difference.ts';
import type { Draft } from '../draft.ts';
import { decide, decideRevert } from './decide.ts';

const tenantName = fc.constantFrom('a', 'b', 'c');
const backendName = fc.constantFrom('one', 'two', 'three');
const childName = fc.tuple(tenantName, fc.constantFrom('x', 'y')).map((parts) => parts.join('/'));
const isolation = fc.oneof(
  { weight: 3, arbitrary: fc.constant(db) },
  { weight: 1, arbitrary: fc.constant(dedicated) },
  { weight: 3, arbitrary: fc.constantFrom('p:', 'p:q', 'r:').map(prefix) },
);

const crossSlot = fc.constantFrom('emulate' as const, 'refuse' as const);
const readFrom = fc.oneof(
  { weight: 3, arbitrary: fc.constant('primary' as const) },
  { weight: 2, arbitrary: fc.constantFrom('replica' as const, 'any', 'nearest') },
);
const commands = fc.subarray([
  { name: 'json.get', key: 1, writes: false },
  { name: 'json.set', key: 1, writes: true },
]);
const passThrough = fc.oneof(
  { weight: 3, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);

const topicName = fc.tuple(tenantName, fc.constantFrom('t', 'u')).map((parts) => parts.join('/'));
/** Mostly one field at a time, so that most of them are good. */
const topicSaid = fc.oneof(
  fc.constant({}),
  fc.record({ kafkaName: fc.constantFrom('a.t', 'b_t', 'shared') }),
  fc.record({ backend: fc.constantFrom('queues', 'more', 'one') }),
  fc.record({ partitions: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ deadLetter: fc.constantFrom('t', 'u') }),
  fc.record({ grants: fc.subarray([{ user: 'x', consume: true }, { user: 'y' }]) }),
);
const target = fc.oneof(
  fc.constantFrom('earliest' as const, 'latest' as const),
  fc.nat(2).map((partition) => ({ offsets: [{ partition, offset: 5 }] })),
);

const redisDraft: fc.Arbitrary<Draft> = fc.oneof(
  fc.tuple(tenantName, isolation, crossSlot).map((said) => tenant(...said)),
  fc.tuple(backendName, fc.integer({ min: 1, max: 4 }), commands).map((one) => standalone(...one)),
  fc.tuple(backendName, commands).map((said) => cluster(...said)),
  fc
    .tuple(childName, backendName, fc.constantFrom(true, false, undefined), readFrom)
    .map((said) => route(...said)),
  fc
    .tuple(childName, fc.option(fc.uniqueArray(backendName)), passThrough)
    .map((said) => user(...said)),
  tenantName.map((name) => remove('tenant', name)),
  backendName.map((name) => remove('backend', name)),
  childName.map((name) => remove('route', name)),
  childName.map((name) => remove('user', name)),
);
const queueDraft: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(topicName, topicSaid).map((said) => topic(...said)) },
  {
    weight: 2,
    arbitrary: fc.tuple(topicName, target).map(([name, to]) => seek(`${name}/worker`, to)),
  },
  { weight: 2, arbitrary: topicName.map((name) => remove('topic', name)) },
  { weight: 1, arbitrary: topicName.map((name) => remove('position', `${name}/worker`)) },
  { weight: 1, arbitrary: fc.constantFrom('queues', 'more', 'one').map((id) => kafka(id)) },
);
const draft = fc.oneof(redisDraft, queueDraft);
const drafts = fc.array(draft, { minLength: 1, maxLength: 4 });
const history = fc.array(drafts, { minLength: 4, maxLength: 16 });

const ground = [
  ...['a', 'b'].map((name) => tenant(name, db)),
  tenant('c', prefix('p:')),
  ...['one', 'two', 'three'].map((name) => standalone(name, 4)),
  ...[kafka('queues'), topic('a/t'), topic('b/t', { partitions: 2 }), topic('b/u'), user('b/x')],
];

/** States after each accepted change-set, the ground first. */
function walk(
  sets: readonly Draft[][],
  look: (state: Snapshot, set: readonly Draft[]) => void,
): Snapshot[] {
  const states = [given(ground)];
  for (const set of sets) {
    const state = states.at(-1) as Snapshot;
    const decision = decide(state, set);
    if (decision.kind !== 'changes') continue;
    const next = appended(state, decision.changes);
    states.push(next);
    look(next, set);
  }
  return states;
}

test('what is decided can be stored, folded and read as a snapshot, and keeps every rule', () => {
  let accepted = 0;
  let sought = 0;
  fc.assert(
    fc.property(history, (sets) => {
      walk(sets, (state) => {
        accepted += 1;
        const { tenants } = state;
        if (Object.values(tenants).some((one) => Object.keys(one.positions)[0])) sought += 1;
        snapshotSchema.parse(state);
        assertRules(state);
      });
    }),
    { numRuns: 300 },
  );
  assert.ok(accepted > 300, `only ${accepted} change-sets were accepted, so little was tested`);
  assert.ok(sought > 30, `only ${sought} states had a position, so little was tested of queues`);
});

test('a change-set that was accepted and deletes nothing changes nothing the second time', () => {
  fc.assert(
    fc.property(history, (sets) => {
      walk(sets, (state, set) => {
        if (set.some((one) => one.op === 'delete')) return;
        // Every seek is another one.
        const lasting = set.filter((one) => one.kind !== 'position');
        assert.equal(decide(state, lasting).kind, 'unchanged');
      });
    }),
    { numRuns: 150 },
  );
});

test('the order of drafts inside a change-set has no meaning', () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (sets, luck) => {
      walk(sets, () => undefined).forEach((state, at) => {
        const set = sets[at % sets.length] as Draft[];
        const shuffled = set
          .map((one) => ({ one, place: luck.next().value as number }))
          .sort((a, b) => a.place - b.place)
          .map(({ one }) => one);
        const [asked, otherwise] = [decide(state, set), decide(state, shuffled)];
        assert.equal(otherwise.kind, asked.kind);
        if (asked.kind === 'changes') assert.deepEqual(otherwise, asked);
      });
    }),
    { numRuns: 150 },
  );
});

test('the way back to an earlier state is open, unless Kafka could not go it, and leads there', () => {
  let refusals = 0;
  fc.assert(
    fc.property(history, fc.nat(), (sets, pick) => {
      const states = walk(sets, () => undefined);
      const now = states.at(-1) as Snapshot;
      const target = states[pick % states.length] as Snapshot;
      const decision = decideRevert(now, target, undefined);
      assert.equal(decision.kind === 'refused', isOneWay(now, target), JSON.stringify(decision));
      if (decision.kind === 'refused') {
        refusals += 1;
        assert.equal(decision.code, 'conflict-topic');
        return;
      }
      const after = decision.kind === 'changes' ? appended(now, decision.changes) : now;
      assert.deepEqual(difference(after, target), []);
    }),
    { numRuns: 200 },
  );
  assert.ok(refusals < 100, `${refusals} of 200 ways back were refused, so little was tested`);
});

/** Whether a topic would get another log, or fewer partitions. */
function isOneWay(now: Snapshot, target: Snapshot): boolean {
  return Object.entries(target.tenants).some(([id, { topics }]) =>
    Object.entries(topics).some(([name, { value: then }]) => {
      const held = now.tenants[id]?.topics[name]?.value;
      if (held === undefined) return false;
      const isAnother = held.kafkaName !== then.kafkaName || held.backend !== then.backend;
      return isAnother || Number(then.partitions) < Number(held.partitions);
    }),
  );
}

/** The rules of issue text and brief, written a second time and more simply. */
function assertRules(state: Snapshot): void {
  const guests = new Map<
    string,
    { tenant: string; mode: string; prefix: string; database: number | null }[]
  >();
  for (const [id, { tenant: owner, users, routes }] of Object.entries(state.tenants)) {
    const held = Object.values(routes).map((one) => one.value);
    if (held.length > 0) assert.equal(held.filter((one) => one.default).length, 1);
    const reached = held.map((one) => one.backend);
    for (const { value } of Object.values(users)) {
      for (const backend of value.backends ?? []) assert.ok(reached.includes(backend));
      if (value.passThrough) assert.equal(owner.value.isolation.mode, 'dedicated');
    }
    const how = owner.value.isolation;
    for (const one of held) {
      const backend = state.backends[one.backend]?.value;
      assert.ok(backend, `route to unknown backend ${one.backend}`);
      assert.notEqual(backend.kind, 'kafka');
      assert.equal(one.database !== null, how.mode === 'db');
      if (backend.kind === 'standalone') assert.equal(one.readFrom, 'primary');
      if (one.database !== null) {
        assert.ok(backend.kind === 'standalone');
        assert.ok(one.database >= 1 && one.database < backend.databases);
      }
      const list = guests.get(one.backend) ?? [];
      const text = how.mode === 'prefix' ? how.prefix : '';
      list.push({ tenant: id, mode: how.mode, prefix: text, database: one.database });
      guests.set(one.backend, list);
    }
  }
  assertQueueRules(state);
  for (const list of guests.values()) {
    for (const a of list) {
      for (const b of list) {
        if (a.tenant === b.tenant) continue;
        assert.ok(a.mode !== 'dedicated', 'a dedicated backend is shared');
        if (a.mode === 'prefix' && b.mode === 'prefix') assert.ok(!a.prefix.startsWith(b.prefix));
        if (a.database !== null) assert.notEqual(a.database, b.database);
      }
    }
  }
}

function assertQueueRules(state: Snapshot): void {
  const logs: string[] = [];
  for (const { users, topics, positions } of Object.values(state.tenants)) {
    for (const { value } of Object.values(topics)) {
      assert.equal(state.backends[value.backend]?.value.kind, 'kafka');
      logs.push(`${value.backend}/${value.kafkaName.replaceAll('.', '_')}`);
      for (const { user } of value.grants) assert.ok(users[user], `a grant for ${user}`);
      const seen = new Set<string>();
      for (let next: string | null = value.name; next !== null; ) {
        assert.ok(topics[next] && !seen.has(next), `the way of dead letters breaks at ${next}`);
        seen.add(next);
        next = topics[next]?.value.deadLetter ?? null;
      }
    }
    for (const { value, revision } of Object.values(positions)) {
      const partitions = topics[value.topic]?.value.partitions ?? 0;
      assert.ok(partitions > 0, `a position in ${value.topic}`);
      assert.ok(value.generation <= revision);
      if (typeof value.to === 'string' || !('offsets' in value.to)) continue;
      for (const { partition } of value.to.offsets) assert.ok(partition < partitions);
    }
  }
  assert.equal(new Set(logs).size, logs.length, 'two topics share a log');
}
