/** Slots as the Redis Cluster specification gives them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc16, slotOf } from './slot.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const slot = (key: string): number => slotOf(bytesOf(key), 0, bytesOf(key).length, 0);

/** Bit by bit, as the polynomial is defined. */
function plainCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  }
  return crc & 0xffff;
}

test('the vectors of the Redis Cluster specification', () => {
  assert.equal(crc16(bytesOf('123456789'), 0, 9), 0x31c3);
  assert.equal(slot('foo'), 12_182);
  assert.equal(slot('123456789'), 0x31c3 & 16_383);
  assert.equal(slot(''), 0);
});

test('a hash tag alone decides: first brace, first closing brace behind it, if anything is between', () => {
  assert.equal(slot('{user1000}.following'), slot('user1000'));
  assert.equal(slot('foo{{bar}}zap'), slot('{bar'));
  assert.equal(slot('foo{bar}{zap}'), slot('bar'));
  assert.equal(slot('foo{}{bar}'), crc16(bytesOf('foo{}{bar}'), 0, 10) & 16_383);
  assert.equal(slot('foo{bar'), crc16(bytesOf('foo{bar'), 0, 7) & 16_383);
  assert.equal(slot('}foo{a}'), slot('a'));
});

test('the table gives what the polynomial says, at any place in a buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(9), (bytes, before) => {
      const placed = Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(3, 9)]);
      assert.equal(crc16(placed, before, before + bytes.length), plainCrc(bytes));
    }),
  );
});

test('a prefix continues into the key, and a hash tag makes it count for nothing', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '{', '}', ':'), maxLength: 12 });
  fc.assert(
    fc.property(key, fc.stringMatching(/^[a-z:._-]{1,20}$/), (name, prefix) => {
      const crc = crc16(bytesOf(prefix), 0, prefix.length);
      assert.equal(slotOf(bytesOf(name), 0, name.length, crc), slot(prefix + name));
    }),
  );
});
