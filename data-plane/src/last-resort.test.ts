/** What happens to faults that nobody caught. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastResort } from './last-resort.ts';
import { ProcessCounters } from './observe/observe.ts';

test('a fault is counted and logged, and only very many in a short time end the process', () => {
  const counters = new ProcessCounters();
  const logged: unknown[] = [];
  let gaveUp = 0;
  let nowMs = 0;
  const take = lastResort({
    counters,
    log: (error) => logged.push(error),
    giveUp: () => gaveUp++,
    now: () => nowMs,
  });
  for (let fault = 0; fault < 99; fault++) take(new Error(`fault ${fault}`));
  nowMs = 61_000;
  for (let fault = 0; fault < 99; fault++) take(new Error('later'));
  assert.equal(gaveUp, 0);
  assert.equal(counters.faults, 198);
  assert.equal(logged.length, 198);
  for (let fault = 0; fault < 10; fault++) take(new Error('more'));
  assert.equal(gaveUp, 1);
});
