/** Which leader had what lies before an offset. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaderEpochs } from './leader-epochs.ts';

test('a position has the epoch under which the record before it was read', () => {
  const epochs = new LeaderEpochs(3);
  epochs.read(10, 3);
  epochs.read(20, 5);
  epochs.read(30, 5);
  epochs.read(40, 6);
  const offsets = [10, 20, 21, 40, 41];
  assert.deepEqual(
    offsets.map((offset) => epochs.before(offset)),
    [3, 3, 5, 5, 6],
  );
  assert.equal(epochs.last, 6);
});

test('what was read again has the epoch of the last time', () => {
  const epochs = new LeaderEpochs(null);
  epochs.read(10, 1);
  epochs.read(20, 2);
  epochs.read(15, 3);
  assert.deepEqual([epochs.before(10), epochs.before(15), epochs.before(30)], [null, 1, 3]);
});

test('leaders that change all the time are remembered up to a bound', () => {
  const epochs = new LeaderEpochs(0);
  for (let at = 1; at <= 1_000; at++) epochs.read(at, at);
  assert.deepEqual([epochs.before(1_000), epochs.before(1_001)], [999, 1_000]);
});
