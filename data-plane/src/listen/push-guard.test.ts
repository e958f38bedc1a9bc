/** Who is cut off for not taking what is pushed, and who is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProcessCounters } from '../observe/observe.ts';
import { PushGuard, type PushLimits } from './push-guard.ts';

const kibi = 1024;
const limits: PushLimits = {
  bytesMax: 1000 * kibi,
  softBytesMax: 100 * kibi,
  softMsMax: 60_000,
  processBytesMax: 4000 * kibi,
  namesBytesMax: 10_000,
};

function made() {
  const counters = new ProcessCounters();
  const clock = { ms: 0 };
  const guard = new PushGuard(limits, counters, () => clock.ms);
  const client = (pendingBytes: number) => ({
    queue: { pendingBytes },
    isCut: false,
    destroy() {
      this.isCut = true;
    },
  });
  return { counters, clock, guard, client };
}

test('beyond the hard limit a client is cut off at once', () => {
  const { guard, client, counters } = made();
  const [fits, bursts] = [client(limits.bytesMax), client(limits.bytesMax + 1)];
  for (const one of [fits, bursts]) guard.pushed(one);
  assert.deepEqual([fits.isCut, bursts.isCut, counters.subscribersDropped], [false, true, 1]);
});

test('beyond the soft limit it is cut off after its time, unless it caught up meanwhile', () => {
  const { guard, client, clock } = made();
  const [slow, recovers] = [client(200 * kibi), client(200 * kibi)];
  for (const one of [slow, recovers]) guard.pushed(one);
  clock.ms = 59_000;
  recovers.queue.pendingBytes = 0;
  guard.tick();
  recovers.queue.pendingBytes = 200 * kibi;
  guard.pushed(recovers);
  clock.ms = 60_001;
  guard.tick();
  assert.deepEqual([slow.isCut, recovers.isCut], [true, false]);
});

test('where the process holds too much, those with more than their share are cut off', () => {
  const { guard, client, counters } = made();
  for (let n = 0; n < 10; n++) guard.enter();
  counters.pendingBytes = limits.processBytesMax + 1;
  const [greedy, modest] = [client(500 * kibi), client(50 * kibi)];
  for (const one of [greedy, modest]) guard.pushed(one);
  assert.deepEqual([greedy.isCut, modest.isCut], [true, false]);
});

test('subscriptions take memory that is bounded and given back', () => {
  const { guard, counters } = made();
  assert.ok(guard.hold(10, 1000));
  assert.ok(!guard.hold(10, 1000));
  assert.equal(counters.subscriptions, 10);
  guard.release(10, 1000);
  assert.ok(guard.hold(10, 1000));
});
