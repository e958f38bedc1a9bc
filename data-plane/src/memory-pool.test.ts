/** What is kept to be used again, what is handed out, and what is let go of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { giveMemory, holdMemory, keptMemory, takeMemory, trimMemory } from './memory-pool.ts';

const kibi = 1_024;
const piece = 18 * kibi;
const large = piece * 2 ** 8;

test('any size is served by the next power of two and an eighth, up to 4.5 MiB', () => {
  for (let bytes = 1; bytes <= large; bytes = Math.ceil(bytes * 1.01)) {
    const { length } = takeMemory(bytes);
    assert.ok(length >= bytes && (length < 2 * bytes || length === piece), `${bytes}: ${length}`);
  }
  const bounds = [piece, piece + 1, 2 * piece, 2 * piece + 1, large, large + 1];
  assert.deepEqual(
    bounds.map((bytes) => takeMemory(bytes).length),
    [piece, 2 * piece, 2 * piece, 4 * piece, large, large + 1],
  );
});

test('what was given back is handed out again, once', () => {
  const pieces = [takeMemory(piece), takeMemory(piece)];
  for (const one of pieces) giveMemory(one);
  assert.equal(keptMemory(), 2 * piece);
  assert.deepEqual(new Set([takeMemory(piece), takeMemory(piece)]), new Set(pieces));
  assert.equal(keptMemory(), 0);
});

test('what is not from here is not kept, and no more than the bound is', () => {
  giveMemory(Buffer.alloc(large + 1));
  giveMemory(Buffer.alloc(50_000));
  giveMemory(Buffer.alloc(0));
  assert.equal(keptMemory(), 0);
  const pieces = Array.from({ length: 30 }, () => takeMemory(large));
  for (const one of pieces) giveMemory(one);
  assert.ok(keptMemory() <= 128 * kibi * kibi && keptMemory() > 123 * kibi * kibi);
  for (const _ of pieces) takeMemory(large);
  assert.equal(keptMemory(), 0);
});

test('what a burst left is let go of in steps, and what the others need stays', () => {
  const burst = Array.from({ length: 100 }, () => takeMemory(piece));
  for (const one of burst) giveMemory(one);
  for (let step = 0; step < 10; step++) {
    const before = keptMemory();
    const used = [takeMemory(piece), takeMemory(piece)];
    for (const one of used) giveMemory(one);
    trimMemory();
    assert.ok(keptMemory() >= before / 2 && keptMemory() <= before);
  }
  assert.equal(keptMemory(), 2 * piece);
  trimMemory();
  trimMemory();
  assert.equal(keptMemory(), 0, 'nobody needs any');
});

test('what several hold goes back after the last of them', () => {
  const one = takeMemory(piece);
  holdMemory(one);
  holdMemory(one);
  giveMemory(one);
  giveMemory(one);
  assert.equal(keptMemory(), 0);
  giveMemory(one);
  assert.equal(keptMemory(), piece);
  assert.equal(takeMemory(piece), one);
});

test('what neighbours in shared memory do says nothing of who holds a part of it', () => {
  const pushed = Buffer.from('p'.repeat(piece));
  const neighbours = [Buffer.allocUnsafe(100), Buffer.allocUnsafe(100)];
  holdMemory(pushed);
  holdMemory(pushed);
  for (const neighbour of neighbours) giveMemory(neighbour);
  giveMemory(pushed);
  assert.equal(keptMemory(), 0, 'one still reads it');
  giveMemory(pushed);
  assert.equal(keptMemory(), 0, 'its owner gave nothing');
});
