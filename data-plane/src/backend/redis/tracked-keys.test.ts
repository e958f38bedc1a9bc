/** The table of client-side caching: told once, bounded, the oldest given up first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { entryBytes, type KeyHolder, TrackedKeys } from './tracked-keys.ts';

interface Holder extends KeyHolder {
  readonly name: string;
}

function holder(name: string): Holder {
  return { name, keys: new Set(), bytes: 0 };
}

const keyBytes = entryBytes + 1;

test('a change is told to everybody who read the key, once', () => {
  const table = new TrackedKeys<Holder>({ bytes: 0, bytesMax: 1e6, holderBytesMax: 1e6 });
  const [a, b] = [holder('a'), holder('b')];
  for (const one of [a, b, a]) table.note(one, 'k');
  table.note(a, 'l');
  assert.deepEqual(table.take('k'), [a, b]);
  assert.deepEqual(table.take('k'), []);
  assert.deepEqual([[...a.keys], [...b.keys]], [['l'], []]);
});

test("beyond a bound the oldest keys are given up: its own, then anybody's", () => {
  const held = { bytes: 0, bytesMax: keyBytes * 4, holderBytesMax: keyBytes * 3 };
  const table = new TrackedKeys<Holder>(held);
  const [a, b] = [holder('a'), holder('b')];
  for (const key of '123') assert.deepEqual(table.note(a, key), []);
  assert.deepEqual(table.note(a, '4'), [[a, '1']]);
  assert.deepEqual(table.note(b, '5'), []);
  assert.deepEqual(table.note(b, '6'), [[a, '2']]);
  assert.equal(held.bytes, keyBytes * 4);
});

test('whatever happens, the bytes counted are those held, and everything can be forgotten', () => {
  const action = fc.tuple(fc.constantFrom('note', 'take', 'clear'), fc.nat(2), fc.nat(12));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const held = { bytes: 0, bytesMax: keyBytes * 9, holderBytesMax: keyBytes * 5 };
      const table = new TrackedKeys<Holder>(held);
      const holders = ['a', 'b', 'c'].map(holder);
      for (const [what, who, key] of actions) {
        const one = holders[who] as Holder;
        if (what === 'note') table.note(one, String.fromCharCode(97 + key));
        else if (what === 'take') table.take(String.fromCharCode(97 + key));
        else table.clear(one);
        const sum = holders.reduce((bytes, { keys }) => bytes + keys.size * keyBytes, 0);
        assert.equal(held.bytes, sum);
        assert.ok(held.bytes <= held.bytesMax);
        assert.ok(holders.every(({ bytes, keys }) => bytes === keys.size * keyBytes));
      }
      for (const one of holders) table.clear(one);
      assert.equal(held.bytes, 0);
    }),
  );
});
