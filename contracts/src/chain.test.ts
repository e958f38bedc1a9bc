/** Events read with their place: hash over the bytes as they stand. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { buildLog, put, tenantOf } from '../test/log-builder.ts';
import { hashOf, readStored } from './chain.ts';

const [, second] = buildLog([[put(tenantOf('a'))]]);
assert(second !== undefined);

test('the hash is that of the stored bytes, whatever JSON they spell', () => {
  const spaced = Buffer.from(` ${Buffer.from(second).toString()}`);
  const sha = createHash('sha256').update(spaced).digest('hex');
  assert.equal(readStored(2, spaced).hash, sha);
  assert.notEqual(hashOf(second), sha);
  assert.deepEqual(readStored(2, spaced).event, readStored(2, second).event);
});
