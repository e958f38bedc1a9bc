/** The cadence: after so many events or so much time, one act at a time, again after a failure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptySnapshot } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { Cadence } from './cadence.ts';

const at = (sequence: number): Snapshot => ({ ...emptySnapshot, sequence });

function rig(covered = 0) {
  const clock = new VirtualClock();
  const acts: number[] = [];
  const warnings: unknown[] = [];
  let outcome: (sequence: number) => Promise<number> = async (sequence) => sequence;
  const cadence = new Cadence(covered, {
    clock,
    everyEvents: 10,
    afterMs: 1_000,
    act(snapshot) {
      acts.push(snapshot.sequence);
      return outcome(snapshot.sequence);
    },
    warn: (cause) => warnings.push(cause),
  });
  return { clock, acts, warnings, cadence, set: (next: typeof outcome) => (outcome = next) };
}

test('it acts at once when enough events came', async () => {
  const { cadence, acts } = rig();
  for (let sequence = 1; sequence <= 10; sequence++) cadence.advance(at(sequence));
  await cadence.settled();
  assert.deepEqual(acts, [10]);
});

test('it acts some time after a change, on the newest state, and not without one', async () => {
  const { cadence, acts, clock } = rig();
  clock.advance(10_000);
  cadence.advance(at(1));
  clock.advance(999);
  cadence.advance(at(2));
  assert.deepEqual(acts, []);
  clock.advance(1);
  await cadence.settled();
  clock.advance(10_000);
  assert.deepEqual(acts, [2]);
});

test('it does nothing for what is covered already, by itself or by another', async () => {
  const { cadence, acts, clock, set } = rig(100);
  cadence.advance(at(100));
  clock.advance(5_000);
  assert.deepEqual(acts, []);
  set(async () => 150);
  cadence.advance(at(110));
  await cadence.settled();
  cadence.advance(at(150));
  clock.advance(5_000);
  assert.deepEqual(acts, [110]);
});

test('what comes during an act is covered by the next one, never by two at once', async () => {
  const { cadence, acts, set } = rig();
  const { promise, resolve } = Promise.withResolvers<number>();
  set(() => promise);
  cadence.advance(at(10));
  cadence.advance(at(25));
  cadence.advance(at(40));
  assert.deepEqual(acts, [10]);
  set(async (sequence) => sequence);
  resolve(10);
  await cadence.settled();
  await cadence.settled();
  assert.deepEqual(acts, [10, 40]);
});

test('a failed act is told, and tried again after a while, however many events come', async () => {
  const { cadence, acts, warnings, clock, set } = rig();
  set(() => Promise.reject(new Error('no space')));
  cadence.advance(at(10));
  await cadence.settled();
  for (let sequence = 11; sequence <= 60; sequence++) cadence.advance(at(sequence));
  assert.deepEqual(acts, [10]);
  assert.equal(warnings.length, 1);
  set(async (sequence) => sequence);
  clock.advance(10_000);
  await cadence.settled();
  assert.deepEqual(acts, [10, 60]);
});

test('stopped, it finishes what is under way and starts nothing', async () => {
  const { cadence, acts, clock, set } = rig();
  const { promise, resolve } = Promise.withResolvers<number>();
  set(() => promise);
  cadence.advance(at(10));
  const stopped = cadence.stop();
  cadence.advance(at(40));
  resolve(10);
  await stopped;
  clock.advance(60_000);
  assert.deepEqual(acts, [10]);
});
