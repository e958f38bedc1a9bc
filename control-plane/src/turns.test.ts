/** Turns come one at a time, in order, and those who leave do not hold up the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoTurn, Turns } from './turns.ts';

const never = new AbortController().signal;

test('work is done one at a time in the order it came, failures included', async () => {
  const turns = new Turns(10);
  const done: number[] = [];
  let busy = 0;
  const work = (id: number) => async () => {
    busy += 1;
    assert.equal(busy, 1);
    await new Promise(setImmediate);
    busy -= 1;
    done.push(id);
    if (id === 1) throw new Error('broken');
  };
  const results = await Promise.allSettled([0, 1, 2, 3].map((id) => turns.take(never, work(id))));
  assert.deepEqual(done, [0, 1, 2, 3]);
  assert.deepEqual(
    results.map((one) => one.status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
});

test('one that gives up while it waits leaves the queue', async () => {
  const turns = new Turns(10);
  const open = Promise.withResolvers<void>();
  const first = turns.take(never, () => open.promise);
  const leaving = new AbortController();
  const second = turns.take(leaving.signal, async () => assert.fail('it left'));
  const third = turns.take(never, async () => 'third');
  leaving.abort();
  await assert.rejects(second, NoTurn);
  open.resolve();
  await first;
  assert.equal(await third, 'third');
});

test('more than may wait are refused at once, and so are those who are late already', async () => {
  const turns = new Turns(1);
  const open = Promise.withResolvers<void>();
  const first = turns.take(never, () => open.promise);
  const second = turns.take(never, async () => undefined);
  await assert.rejects(
    turns.take(never, async () => undefined),
    /1 changes wait already/,
  );
  await assert.rejects(
    turns.take(AbortSignal.abort(), async () => undefined),
    NoTurn,
  );
  open.resolve();
  await Promise.all([first, second]);
});
