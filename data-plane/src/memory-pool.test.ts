/** What a pool keeps, what it hands out again, and what it lets go of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryPool } from './memory-pool.ts';

test('what was given back is handed out again, and of that no more is kept than was said', () => {
  const pool = new MemoryPool(16, 2);
  const pieces = [pool.take(), pool.take(), pool.take()];
  assert.equal(new Set(pieces).size, 3);
  for (const piece of pieces) pool.give(piece);
  assert.equal(pool.kept, 2);
  assert.deepEqual(new Set([pool.take(), pool.take()]), new Set(pieces.slice(0, 2)));
  assert.equal(pool.take().length, 16);
});

test('what a burst left is let go of while others go on, and what they need stays', () => {
  const pool = new MemoryPool(16, 100);
  const burst = Array.from({ length: 100 }, () => pool.take());
  for (const piece of burst) pool.give(piece);
  const most: number[] = [];
  for (let round = 0; round < 20_000; round++) {
    const used = [pool.take(), pool.take()];
    for (const piece of used) pool.give(piece);
    most.push(pool.kept);
  }
  assert.ok(most.every((kept, at) => at === 0 || kept <= most[at - 1]!));
  assert.ok(pool.kept <= 3, `${pool.kept} are kept where 2 are used`);
  assert.ok(pool.kept >= 2);
});
