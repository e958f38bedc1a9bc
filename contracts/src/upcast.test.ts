/** What was stored in version 1 means today what it meant then, and nothing else is let through. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  anyFirstLog,
  anyLog,
  buildLog,
  fold,
  kafkaOf,
  put,
  storedEvents,
  tenantOf,
  topicOf,
} from '../test/log-builder.ts';
import { hashOf, readStored } from './chain.ts';
import { UnreadableEvent } from './events.ts';
import { type Snapshot, snapshotSchemaVersion } from './snapshot.ts';
import { NotOfItsVersion, upcastEvent, upcastSnapshot } from './upcast.ts';

/** The fields that version 2 brought, with what version 1 meant by leaving them out. */
const added: Readonly<Record<string, unknown>> = {
  ...{ crossSlot: 'emulate', passThrough: false, readFrom: 'primary', commands: [] },
};
/** What a tenant's state lacked before version 3. */
const ofQueues = ['topics', 'positions'];

/** A value without what version 2 brought, as a build of version 1 would have written it. */
function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([field]) => !Object.hasOwn(added, field) && !ofQueues.includes(field),
  );
  return Object.fromEntries(kept.map(([field, held]) => [field, stripped(held)]));
}

/** A value with each of the fields at what version 1 meant. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const said = ([field, held]: [string, unknown]) => [field, added[field] ?? plain(held)];
  return Object.fromEntries(Object.entries(value).map(said));
}

/** The log, written by a build of version 1, chained anew. */
function inVersion1(log: readonly Uint8Array[]): Uint8Array[] {
  const rewritten: Uint8Array[] = [];
  for (const bytes of log) {
    const event = JSON.parse(Buffer.from(bytes).toString());
    const last = rewritten.at(-1);
    const prev = last === undefined ? event.prev : hashOf(last);
    const changes = event.changes === undefined ? {} : { changes: stripped(event.changes) };
    rewritten.push(Buffer.from(JSON.stringify({ ...event, ...changes, version: 1, prev })));
  }
  return rewritten;
}

/** A state without its place in a chain, which differs wherever the bytes do. */
function standing({ tenants, backends }: Snapshot): string {
  return JSON.stringify({ tenants, backends });
}

test('a log of version 1 folds to what the same log of version 2 says, at every length', () => {
  fc.assert(
    fc.property(anyFirstLog, (log) => {
      const old = storedEvents(inVersion1(log));
      const states = storedEvents(log).map((_, place, events) => fold(events.slice(0, place + 1)));
      for (const [place, state] of states.entries()) {
        const expected = plain(JSON.parse(standing(state)));
        assert.equal(standing(fold(old.slice(0, place + 1))), JSON.stringify(expected));
      }
    }),
    { numRuns: 60 },
  );
});

test('a state stored in version 1 and the same log folded today are one state', () => {
  fc.assert(
    fc.property(anyFirstLog, (log) => {
      const state = fold(storedEvents(inVersion1(log)));
      const { tenants, backends } = state;
      const old = { ...state, schemaVersion: 1, ...(stripped({ tenants, backends }) as object) };
      assert.deepEqual(upcastSnapshot(old), state);
    }),
    { numRuns: 100 },
  );
});

test('a state stored in version 2 has no topics, and is otherwise what it was', () => {
  fc.assert(
    fc.property(anyLog, (log) => {
      const state = fold(storedEvents(log));
      const bare = Object.entries(state.tenants).map(([id, { topics, positions, ...rest }]) => {
        return [id, rest] as const;
      });
      const old = { ...state, schemaVersion: 2, tenants: Object.fromEntries(bare) };
      const none = bare.map(([id, rest]) => [id, { ...rest, topics: {}, positions: {} }] as const);
      assert.deepEqual(upcastSnapshot(old), { ...state, tenants: Object.fromEntries(none) });
    }),
    { numRuns: 100 },
  );
  const tenants = { a: { topics: {} } };
  assert.throws(() => upcastSnapshot({ schemaVersion: 2, tenants }), {
    name: 'NotOfItsVersion',
    field: 'tenants.a.topics',
  });
});

test('version 1 had no queues: an event of it that names one is refused', () => {
  for (const [entity, field, message] of [
    [topicOf('a', 't'), 'changes.1.kind', /kind is not a kind of that version/],
    [kafkaOf('k'), /^changes\.1/, /./],
  ] as const) {
    const [, bytes] = buildLog([[put(tenantOf('a')), put(entity)]]);
    const event = JSON.parse(Buffer.from(bytes ?? '').toString());
    event.changes[0].after = stripped(event.changes[0].after);
    const forged = Buffer.from(JSON.stringify({ ...event, version: 1 }));
    assert.throws(() => readStored(2, forged), { name: 'UnreadableEvent', field, message });
  }
});

test('an event of version 1 that holds a field of version 2 is refused, and the field named', () => {
  const [, bytes] = buildLog([[put(tenantOf('a'))]]);
  const event = JSON.parse(Buffer.from(bytes ?? '').toString());
  const forged = Buffer.from(JSON.stringify({ ...event, version: 1 }));
  assert.throws(
    () => readStored(2, forged),
    (error) => {
      assert(error instanceof UnreadableEvent);
      assert.match(error.message, /ConfigurationChanged version 1: .* is not a field of that/);
      return error.field === 'changes.0.after.crossSlot';
    },
  );
});

test('what is of no known shape is passed on as it is, whatever it is', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('changes', 'tenants', 'backends'), (value, at) => {
      for (const shell of [
        { type: 'ConfigurationChanged', version: 1, [at]: value },
        { type: 'ConfigurationChanged', version: 1, [at]: [value] },
        { type: 'ConfigurationChanged', version: 1, [at]: [{ kind: value, after: value }] },
        { type: 'ConfigurationChanged', version: 1, [at]: [{ kind: 'constructor', after: {} }] },
      ]) {
        const upcast = upcastEvent(shell);
        assert.deepEqual(upcast, { ...shell, version: 2 });
      }
      const state = { schemaVersion: 1, [at]: value };
      assert.equal((upcastSnapshot(state) as Snapshot).schemaVersion, snapshotSchemaVersion);
    }),
    { numRuns: 300 },
  );
  for (const value of [null, 7, [], {}, { schemaVersion: 4 }]) {
    assert.equal(upcastSnapshot(value), value);
  }
  const tenants = { a: { tenant: { revision: 2, value: { crossSlot: 'refuse' } } } };
  assert.throws(() => upcastSnapshot({ schemaVersion: 1, tenants }), NotOfItsVersion);
});
