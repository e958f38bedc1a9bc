/** Events as stored: what was ever written can be read for ever, and nothing else can. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  backendOf,
  buildLog,
  fold,
  kafkaOf,
  positionOf,
  put,
  topicOf,
  userOf,
} from '../test/log-builder.ts';
import { readStored } from './chain.ts';
import { event, readEvent, UnreadableEvent, writeEvent } from './events.ts';
import { upcastSnapshot } from './upcast.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, fixtures));
const logs = readdirSync(fixtures).filter((name) => name.endsWith('.jsonl'));

test('every log ever written still folds to the state it folded to then', () => {
  assert.notEqual(logs.length, 0);
  for (const name of logs) {
    const lines = fixture(name).toString().trimEnd().split('\n');
    const events = lines.map((line, place) => readStored(place + 1, Buffer.from(line)));
    const expected = JSON.parse(
      fixture(name.replace('log.', 'snapshot.').replace('jsonl', 'json')).toString(),
    );
    assert.deepEqual(fold(events), upcastSnapshot(expected), name);
  }
});

test('every version of every event type has a fixture, which is read as the current one', () => {
  for (const option of event.options) {
    const type = option.shape.type.value;
    const current = option.shape.version.value;
    const kebab = type.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
    for (let version = 1; version <= current; version++) {
      const stored = fixture(`${kebab}.v${version}.json`);
      assert.equal(JSON.parse(stored.toString()).version, version);
      const read = readEvent(stored);
      assert.deepEqual([read.type, read.version], [type, current]);
    }
  }
});

test('an event of the current version, read and written again, has the same bytes', () => {
  const lines = fixture('log.v3.jsonl').toString().trimEnd().split('\n');
  const current = lines.filter((line) => !/"ConfigurationChanged","version":1/.test(line));
  assert.equal(current.length, 8);
  for (const line of current) {
    assert.equal(Buffer.from(writeEvent(readEvent(Buffer.from(line)))).toString(), line);
  }
});

const line = fixture('log.v2.jsonl').toString().split('\n')[3] ?? '';
const stored: Record<string, unknown> = JSON.parse(line);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value));

test('an event of an unknown type or a later version is refused by name, never guessed at', () => {
  const future = /ConfigurationChanged version 3/;
  assert.throws(() => readEvent(encode({ ...stored, version: 3 })), future);
  assert.throws(() => readEvent(encode({ ...stored, type: 'Moved' })), /Moved version 2/);
  for (const version of ['1', '2', 0, 1.5, null, undefined, [1]]) {
    assert.throws(() => readEvent(encode({ ...stored, version })), UnreadableEvent);
  }
});

test('an unreadable event names the field at fault', () => {
  const fieldOf = (value: unknown) => {
    try {
      readEvent(encode(value));
    } catch (error) {
      assert(error instanceof UnreadableEvent);
      return error.field;
    }
    return assert.fail('it was read');
  };
  assert.equal(fieldOf({ ...stored, prev: 'x' }), 'prev');
  assert.equal(fieldOf({ ...stored, at: 'yesterday' }), 'at');
  assert.equal(fieldOf({ ...stored, changes: [] }), 'changes');
  assert.match(fieldOf({ ...stored, changes: [{ op: 'put', kind: 'ghost' }] }), /^changes\.0/);
});

test('a change whose id names another entity than it holds is refused', () => {
  const log = buildLog([[put(userOf('a', 'u'), userOf('a', 'u', true)), put(backendOf('b'))]]);
  const good = JSON.parse(Buffer.from(log[1] ?? '').toString());
  const [user, backend] = good.changes;
  for (const wrong of [
    { ...user, id: 'a/v' },
    { ...user, id: 'u' },
    { ...user, before: { ...user.before, tenant: 'b' } },
    { ...backend, id: '__proto__' },
    { ...backend, id: 'b/b' },
  ]) {
    const bytes = encode({ ...good, changes: [wrong] });
    assert.throws(() => readEvent(bytes), { name: 'UnreadableEvent', field: 'changes.0.id' });
  }
  assert.doesNotThrow(() => readEvent(encode(good)));
});

test('a position is named by tenant, topic and consumer, a topic as users and routes are', () => {
  const position = positionOf('a', 'orders/billing', 'earliest');
  const entities = [put(topicOf('a', 'orders')), put(position), put(kafkaOf('queues'))];
  const [, bytes] = buildLog([entities]);
  const read = readEvent(bytes ?? new Uint8Array());
  assert(read.type === 'ConfigurationChanged');
  const ids = read.changes.map(({ id }) => id);
  assert.deepEqual(ids, ['a/orders', 'a/orders/billing', 'queues']);
  for (const id of ['a/orders', 'a/billing', 'orders/billing', 'a/orders/other']) {
    const forged = buildLog([[{ ...put(position), id } as never]])[1] ?? new Uint8Array();
    assert.throws(() => readEvent(forged), { name: 'UnreadableEvent', field: 'changes.0.id' });
  }
});

test('what is no JSON object in UTF-8 is refused', () => {
  const texts = ['', '{', 'null', '[]', '"x"', '7', `\ufeff${line}x`];
  const bytes = [...texts.map((text) => Buffer.from(text)), Buffer.from([0x7b, 0xff, 0x7d])];
  for (const one of bytes) assert.throws(() => readEvent(one), UnreadableEvent);
});
