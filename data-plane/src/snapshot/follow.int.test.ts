/** Following a real log: live, over gaps, and while a state is warmed or refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logFor, proxyFor, sequences } from '../test/follow-rig.ts';
import { fastClock, listenAcks, until, untilServes } from '../test/proxy.ts';
import { RejectedState } from './apply-queue.ts';

test('a change is served as soon as it is in the log, and acknowledged', async (t) => {
  const { nats, admin, log } = await logFor(t);
  const acks = await listenAcks(admin, 'p1');
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  await log.putTenant('shop');
  await untilServes(proxy, log.state);
  assert.deepEqual(proxy.applier.applied.at(-1), log.state);
  assert.equal(proxy.counters.snapshotSequence, 2);
  assert.equal(proxy.follower.status().staleSinceMs, null);
  await until(
    () => acks.at(-1)?.sequence === 2 && acks.at(-1)?.status === 'applied',
    () => acks,
  );
  assert.equal(acks.at(-1)?.logId, log.state.logId);
  assert.equal(acks.at(-1)?.hash, log.state.hash);
});

test('the ack is repeated as a heartbeat', async (t) => {
  const { nats, admin, log } = await logFor(t);
  const proxy = await proxyFor(t, nats, { clock: fastClock(20) });
  await untilServes(proxy, log.state);
  const acks = await listenAcks(admin, 'p1');
  await until(
    () => acks.length >= 2,
    () => acks,
  );
});

test('a dropped live message is fetched from the log once a later one arrives', async (t) => {
  const { nats, log } = await logFor(t, false);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  await log.putTenant('a');
  await log.putTenant('b');
  log.live(3);
  await untilServes(proxy, log.state);
});

test('a lost last message is noticed by the head', async (t) => {
  const { nats, log } = await logFor(t, false);
  // Without the head it would ask the log after minutes of this time.
  const proxy = await proxyFor(t, nats, { clock: fastClock(1 / 20) });
  await untilServes(proxy, log.state);
  await log.putTenant('a');
  await log.head();
  await untilServes(proxy, log.state);
});

test('without any head the log itself is asked', async (t) => {
  const { nats, log } = await logFor(t, false);
  const proxy = await proxyFor(t, nats, { clock: fastClock(20) });
  await untilServes(proxy, log.state);
  await log.putTenant('a');
  await untilServes(proxy, log.state);
});

test('a live message that does not continue the chain is not believed', async (t) => {
  const { nats, log } = await logFor(t, false);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  await log.putTenant('a');
  const [first = new Uint8Array()] = log.stored;
  log.live(2, first);
  await untilServes(proxy, log.state);
  assert.equal(proxy.counters.logAlarms, 0);
});

test('events that arrive while a state is warmed are applied together, the newest only', async (t) => {
  const { nats, admin, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  const acks = await listenAcks(admin, 'p1');
  proxy.applier.hold();
  await log.putTenant('a');
  await until(
    () => proxy.follower.status().state === 'warming',
    () => proxy.follower.status(),
  );
  for (let n = 0; n < 50; n++) await log.putTenant('a', `${n}`);
  await until(
    () => proxy.follower.status().target === 52,
    () => proxy.follower.status(),
  );
  assert.equal(proxy.follower.status().sequence, 1);
  await until(
    () => acks.some((ack) => ack.status === 'warming' && ack.sequence === 1),
    () => acks,
  );
  proxy.applier.release();
  await untilServes(proxy, log.state);
  assert.deepEqual(sequences(proxy), [1, 2, 52]);
});

test('a rejected state keeps the old one, is tried again, and gives way to a newer one', async (t) => {
  const { nats, admin, log } = await logFor(t);
  const proxy = await proxyFor(t, nats, { clock: fastClock(20) });
  await untilServes(proxy, log.state);
  const acks = await listenAcks(admin, 'p1');
  proxy.applier.refusal = new RejectedState('backends.main', 'connection refused');
  await log.putTenant('a');
  await until(
    () => proxy.follower.status().state === 'rejected',
    () => proxy.follower.status(),
  );
  const { sequence, target, error } = proxy.follower.status();
  assert.deepEqual([sequence, target, error?.field], [1, 2, 'backends.main']);
  await until(
    () => acks.at(-1)?.status === 'rejected',
    () => acks,
  );
  const calls = proxy.applier.calls;
  await until(
    () => proxy.applier.calls > calls,
    () => proxy.applier.calls,
  );
  await log.putTenant('b');
  await until(
    () => proxy.follower.status().target === 3,
    () => proxy.follower.status(),
  );
  proxy.applier.refusal = null;
  await untilServes(proxy, log.state);
  assert.deepEqual(sequences(proxy), [1, 3]);
});
