/** Keys are sorted by slot and keep their order inside one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandOf } from '../test/commands.ts';
import { slotOf } from './slot.ts';
import { Split } from './split.ts';

test('every key stands in the fragment of its slot, in the client’s order, for any keys', () => {
  const split = new Split();
  const keys = fc.array(fc.constantFrom('a', 'b', '{a}1', '{a}2', 'long:key', '', 'c'), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(keys, fc.constantFrom(1, 2), (names, step) => {
      const words = names.flatMap((name) => (step === 2 ? [name, 'v'] : [name]));
      split.sort(commandOf(step === 2 ? 'MSET' : 'MGET', ...words), 1, step, names.length, 0);
      const bySlot = new Map<number, number[]>();
      for (const [index, name] of names.entries()) {
        const slot = slotOf(Buffer.from(name), 0, name.length, 0);
        bySlot.set(slot, [...(bySlot.get(slot) ?? []), index]);
      }
      const seen = Array.from({ length: split.fragments }, (_, f) => [
        split.slots[f],
        [...split.keyOrder.subarray(split.starts[f], split.starts[f + 1])],
      ]);
      assert.deepEqual(seen, [...bySlot]);
    }),
  );
});
