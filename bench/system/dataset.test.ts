/** Keys as redis-benchmark asks for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyName, parseMisses } from './dataset.ts';

test('a key has the twelve digits redis-benchmark writes', () => {
  assert.equal(keyName(42), 'key:000000000042');
});

test('reads the misses from INFO stats', () => {
  assert.equal(parseMisses('# Stats\r\nkeyspace_hits:5\r\nkeyspace_misses:17\r\n'), 17);
  assert.throws(() => parseMisses('# Stats\r\n'), /keyspace_misses/);
});
