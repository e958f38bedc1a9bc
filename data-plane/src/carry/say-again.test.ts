/** Invalidations said again: behind what was owed, and never more than a little kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeRun, newRun, type Run } from '../command/run.ts';
import type { ReplyQueue } from '../listen/reply-queue.ts';
import type { Resp } from '../resp/resp.ts';
import { FakeTaker, meter } from '../test/fakes.ts';
import { SayAgain } from './say-again.ts';

function made() {
  const taker = new FakeTaker();
  const queue = { tail: null as Run | null };
  const said: string[] = [];
  const again = new SayAgain(queue as unknown as ReplyQueue, (keys) => said.push(told(keys)));
  const owe = (): Run => {
    queue.tail = newRun(taker, 0, meter, 0);
    return queue.tail;
  };
  /** Its last reply goes out. */
  const end = (run: Run): void => {
    const { trailer } = run;
    if (queue.tail === run) queue.tail = null;
    freeRun(run);
    for (const work of trailer ?? []) work();
  };
  return { again, said, owe, end };
}

function key(name: string): Resp {
  return { type: 'array', items: [{ type: 'bulk', bytes: Buffer.from(name) }] };
}

function told(keys: Resp): string {
  if (keys.type !== 'array') return 'everything';
  return keys.items.map((one) => (one.type === 'bulk' ? String(one.bytes) : '?')).join();
}

test('where nothing is owed nothing is said again', () => {
  const { again, said, owe, end } = made();
  again.add(key('a'));
  end(owe());
  assert.deepEqual(said, []);
});

test('each is said behind the youngest run there was when it came', () => {
  const { again, said, owe, end } = made();
  const first = owe();
  again.add(key('a'));
  const second = owe();
  again.add(key('b'));
  again.add(key('c'));
  end(first);
  assert.deepEqual(said, ['a']);
  end(second);
  assert.deepEqual(said, ['a', 'b', 'c']);
});

test('a client that waits long is told that everything changed, and little is kept for it', () => {
  const { again, said, owe, end } = made();
  const run = owe();
  for (let n = 0; n < 100_000; n++) again.add(key(`key ${n}`));
  end(run);
  assert.deepEqual(said, ['everything']);
  const next = owe();
  again.add(key('a'));
  end(next);
  assert.deepEqual(said, ['everything', 'a']);
});

test('everything is said again as such', () => {
  const { again, said, owe, end } = made();
  const run = owe();
  again.add(key('a'));
  again.add({ type: 'null', aggregate: false });
  end(run);
  assert.deepEqual(said, ['everything']);
});
