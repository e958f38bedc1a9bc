/** The cursor of a cluster's scan keeps what is put into it, as one number every client can hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeCursor,
  encodeCursor,
  markMax,
  nodeCursorMax,
  readCursor,
  type ScanCursor,
} from './scan-cursor.ts';

const cursors = fc
  .tuple(fc.nat(16_383), fc.boolean(), fc.nat(markMax), fc.bigInt({ min: 0n, max: nodeCursorMax }))
  .map(([slot, moved, mark, node]): ScanCursor => ({ slot, moved, mark, node }));

test('what is written is read back, for any cursor', () => {
  fc.assert(
    fc.property(cursors, (cursor) => {
      const written = encodeCursor(cursor);
      assert.ok(written >= 0n && written < 1n << 64n);
      assert.deepEqual(decodeCursor(readCursor(written.toString()) as bigint), cursor);
    }),
  );
});

test('a double holds it while a node has no more than 16 million buckets', () => {
  const largest = { slot: 16_383, moved: true, mark: markMax, node: 2n ** 24n - 1n };
  assert.ok(encodeCursor(largest) <= BigInt(Number.MAX_SAFE_INTEGER));
});

test('what is no number below 2^64 is no cursor', () => {
  for (const text of ['', '-1', 'x', '1x', ' 1', '1.5', '18446744073709551616', '0'.repeat(21)]) {
    assert.equal(readCursor(text), null, text);
  }
  assert.equal(readCursor('18446744073709551615'), (1n << 64n) - 1n);
});
