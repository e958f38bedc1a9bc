/** What is marked in one turn leaves at its end, in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turn } from './turn.ts';

const turnOver = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('backends are written first, then clients, then comes the later work', async () => {
  const turn = new Turn();
  const seen: string[] = [];
  turn.later(() => seen.push('later'));
  turn.markClient({ flush: () => seen.push('client') });
  turn.markBackend({ flush: () => seen.push('backend') });
  assert.deepEqual(seen, [], 'nothing leaves before the turn ends');
  await turnOver();
  assert.deepEqual(seen, ['backend', 'client', 'later']);
});

test('what a flush marks is flushed too, and nothing twice', async () => {
  const turn = new Turn();
  const seen: string[] = [];
  const second = { flush: () => void seen.push('second') };
  turn.markBackend({
    flush: () => {
      seen.push('first');
      turn.markBackend(second);
    },
  });
  await turnOver();
  await turnOver();
  assert.deepEqual(seen, ['first', 'second']);
});

test('the clock is read once per turn', async () => {
  let ms = 1;
  const turn = new Turn(() => ms++);
  assert.deepEqual([turn.nowUs(), turn.nowUs()], [1000, 1000]);
  await turnOver();
  assert.deepEqual([turn.nowUs(), turn.nowUs()], [2000, 2000]);
  await turnOver();
});

test('later work that asks for more gets it in another turn', async () => {
  const turn = new Turn();
  const seen: number[] = [];
  turn.later(() => {
    seen.push(1);
    turn.later(() => seen.push(2));
  });
  await turnOver();
  assert.deepEqual(seen, [1]);
  await turnOver();
  assert.deepEqual(seen, [1, 2]);
});
