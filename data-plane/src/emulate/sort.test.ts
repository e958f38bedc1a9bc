/** SORT in steps: what elements and patterns make together is paid for before it is made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bulk, FakeBacking, list, taskOf } from '../test/fake-backing.ts';
import { sort } from './sort.ts';

test('many elements with many patterns are refused, not gathered', async () => {
  const elements = Array.from({ length: 1000 }, (_, index) => bulk(String(index)));
  const backing = new FakeBacking(() => list(...elements));
  const line = `SORT list BY nosort ${'GET w_* '.repeat(1000)}`.trimEnd();
  await assert.rejects(sort(taskOf(backing, line, [1])), /larger than this proxy may hold/);
  assert.equal(backing.asked.length, 1);
});
