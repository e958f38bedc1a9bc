/** Keys go where the Java client sends them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2 as libraryMurmur2 } from '@platformatic/kafka';
import fc from 'fast-check';
import { murmur2, partitionOfKey } from './partition.ts';

test('hashes as the Java client does', () => {
  // Source: `UtilsTest.testMurmur2` of Kafka.
  const known = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(known)) assert.equal(murmur2(Buffer.from(key)), hash);
});

test('hashes any bytes as the library does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.equal(murmur2(bytes) | 0, Number(libraryMurmur2(Buffer.from(bytes))) | 0);
    }),
  );
});

test('gives every key a partition there is, always the same', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 1_000 }), (key, count) => {
      const partition = partitionOfKey(key, count);
      assert(Number.isInteger(partition) && partition >= 0 && partition < count);
      assert.equal(partitionOfKey(key, count), partition);
    }),
  );
});
