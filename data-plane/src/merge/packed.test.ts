/** Pieces stand where they were put, however the memory grows, and it goes back when they are gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptMemory } from '../memory-pool.ts';
import { Packed } from './packed.ts';

test('pieces of any size stay whole while it grows, and what was large is given back', () => {
  const packed = new Packed();
  const before = keptMemory();
  const pieces = [10, 5_000, 50_000, 1, 400_000, 1_500_000, 3_000_000].map((bytes, at) =>
    Buffer.alloc(bytes, 97 + at),
  );
  const places = pieces.map((piece) => {
    const bait = Buffer.concat([Buffer.from('x'), piece, Buffer.from('y')]);
    return packed.add(bait, 1, bait.length - 1);
  });
  for (const [at, piece] of pieces.entries()) {
    const start = places[at] ?? -1;
    assert.ok(packed.bytes.subarray(start, start + piece.length).equals(piece), `piece ${at}`);
  }
  packed.clear();
  assert.ok(packed.bytes.length <= 64 * 1024);
  assert.ok(keptMemory() > before);
});

test('small memory is kept for the next command', () => {
  const packed = new Packed();
  packed.add(Buffer.alloc(9_000, 'a'), 0, 9_000);
  const { bytes } = packed;
  packed.clear();
  assert.equal(packed.bytes, bytes);
  assert.equal(packed.add(Buffer.from('b'), 0, 1), 0);
});
