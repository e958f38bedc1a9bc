/** Events read with their place: hash over the bytes as they stand, identity at the start alone. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { buildLog, put, tenantOf } from '../test/log-builder.ts';
import { hashOf, readStored } from './chain.ts';
import { UnreadableEvent } from './events.ts';

const [first, second] = buildLog([[put(tenantOf('a'))]]);
assert(first !== undefined && second !== undefined);

test('the hash is that of the stored bytes, whatever JSON they spell', () => {
  const spaced = Buffer.from(` ${Buffer.from(second).toString()}`);
  const sha = createHash('sha256').update(spaced).digest('hex');
  assert.equal(readStored(2, spaced).hash, sha);
  assert.notEqual(hashOf(second), sha);
  assert.deepEqual(readStored(2, spaced).event, readStored(2, second).event);
});

test('the event that gives the log its identity stands first and nowhere else', () => {
  assert.equal(readStored(1, first).event.type, 'LogCreated');
  assert.throws(() => readStored(2, first), UnreadableEvent);
  assert.throws(() => readStored(1, second), UnreadableEvent);
});
