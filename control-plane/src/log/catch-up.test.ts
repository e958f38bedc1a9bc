/** How soon a follower is level: it looks again at once, and need not read what was acknowledged. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { changeBytes, collect, patience, Writer } from '../../test/events.ts';
import { until } from '../../test/until.ts';
import { LogFollower } from './follower.ts';
import { MemoryLog } from './memory.ts';

/** No poll comes in the time of a test. */
async function follow(t: TestContext, log: MemoryLog): Promise<LogFollower> {
  const options = { clock: systemClock, signal: patience(), pollMs: 60_000 };
  const follower = await LogFollower.start(log, options);
  t.after(() => follower.stop());
  return follower;
}

test('a pull that was under way when an event was made is followed by another one at once', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  const read = log.read.bind(log);
  const underWay = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  log.read = async function* (...args) {
    const events = await collect(read(...args));
    if (++reads === 2) {
      underWay.resolve();
      await gate.promise;
    }
    yield* events;
  };
  const follower = await follow(t, log);
  // No pause ever ends.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const caughtUp = follower.catchUp(2, patience());
  await underWay.promise;
  await writer.change();
  gate.resolve();
  assert.equal((await caughtUp).snapshot.sequence, 2);
});

test('what was acknowledged and offered stands at once, and is compared with the log later', async (t) => {
  const log = new MemoryLog();
  const writer = await Writer.start(log);
  const follower = await follow(t, log);
  const bytes = changeBytes(writer.hash);
  follower.offer(3, bytes);
  assert.equal(follower.state().snapshot.sequence, 1);
  follower.offer(2, bytes);
  follower.offer(2, bytes);
  assert.equal(follower.state().snapshot.sequence, 2);
  await writer.change();
  await until('the difference to be noticed', () => follower.health().corrupt !== null);
  assert.match(follower.health().corrupt ?? '', /event 2 is not the one/);
});
