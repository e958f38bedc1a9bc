/** Reading a real log to its end: far ones, large ones, and ones that are not what they were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '@respool/contracts/events';
import { logFor, proxyFor, sequences } from '../test/follow-rig.ts';
import { LogWriter } from '../test/log-writer.ts';
import { fastClock, listenAcks, until, untilServes } from '../test/proxy.ts';

test('another log raises an alarm and the old state is served on', async (t) => {
  const { nats, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await log.putTenant('a');
  await untilServes(proxy, log.state);
  const ours = log.state;
  await nats.kill();
  await nats.forget();
  await nats.start();
  const admin = await nats.admin();
  const acks = await listenAcks(admin, 'p1');
  const other = await LogWriter.create(admin);
  for (const id of ['x', 'y', 'z']) await other.putTenant(id);
  await until(
    () => proxy.follower.status().state === 'alarm',
    () => proxy.follower.status(),
  );
  const { sequence, hash, error } = proxy.follower.status();
  assert.deepEqual([sequence, hash], [ours.sequence, ours.hash]);
  assert.equal(error?.field, 'log');
  assert.match(error?.message ?? '', /is not the one that was applied/);
  assert.equal(proxy.counters.logAlarms, 1);
  await until(
    () => acks.at(-1)?.status === 'rejected',
    () => acks,
  );
  assert.equal(acks.at(-1)?.error?.field, 'log');
});

test('a log that lost its tail raises an alarm', async (t) => {
  const { nats, log } = await logFor(t);
  const proxy = await proxyFor(t, nats, { clock: fastClock(20) });
  for (const id of ['a', 'b', 'c']) await log.putTenant(id);
  await untilServes(proxy, log.state);
  await nats.kill();
  await nats.forget();
  await nats.start();
  await LogWriter.create(await nats.admin());
  await until(
    () => proxy.follower.status().state === 'alarm',
    () => proxy.follower.status(),
  );
  assert.match(proxy.follower.status().error?.message ?? '', /no longer holds 4/);
  assert.equal(proxy.follower.status().sequence, 4);
});

test('a head of another log is checked against the log and then ignored', async (t) => {
  const { nats, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  await log.head({ logId: 'another', sequence: 99 });
  await log.head({ sequence: 0 });
  await log.putTenant('a');
  await untilServes(proxy, log.state);
  assert.equal(proxy.counters.logAlarms, 0);
});

test('an event from the future is refused by its field, and not skipped', async (t) => {
  const { nats, admin, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await log.putTenant('a');
  await untilServes(proxy, log.state);
  const acks = await listenAcks(admin, 'p1');
  await log.appendRaw({ type: 'ConfigurationChanged', version: 7, changes: [] });
  await log.appendRaw({ type: 'ConfigurationChanged', version: 1, changes: [] });
  await until(
    () => proxy.follower.status().state === 'rejected',
    () => proxy.follower.status(),
  );
  const { sequence, target, error } = proxy.follower.status();
  assert.deepEqual([sequence, target, error?.field], [2, 3, 'version']);
  await until(
    () => acks.at(-1)?.status === 'rejected',
    () => acks,
  );
  assert.equal(acks.at(-1)?.target, 3);
  assert.equal(acks.at(-1)?.sequence, 2);
});

test('a thousand events are caught up in one go', async (t) => {
  const { nats, log } = await logFor(t);
  for (let n = 0; n < 1000; n++) await log.putTenant(`t${n % 7}`, `${n}`);
  const started = performance.now();
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  t.diagnostic(`${Math.round(performance.now() - started)} ms`);
  assert.deepEqual(sequences(proxy), [1001]);
  assert.deepEqual(proxy.applier.applied.at(-1), log.state);
});

test('a far log is entered by its snapshot, and the tail folded on it', async (t) => {
  const { nats, log } = await logFor(t);
  for (let n = 0; n < 250; n++) await log.putTenant(`t${n % 7}`, `${n}`);
  await log.snapshot();
  await log.putTenant('last');
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  assert.deepEqual(proxy.applier.applied.at(-1), log.state);
});

test('a snapshot that is not of this log is passed over', async (t) => {
  const { nats, log } = await logFor(t);
  for (let n = 0; n < 210; n++) await log.putTenant('a', `${n}`);
  const ours = log.state;
  log.state = { ...ours, hash: 'f'.repeat(64), tenants: {} };
  await log.snapshot();
  log.state = ours;
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  assert.deepEqual(proxy.applier.applied.at(-1), ours);
});

test('a second LogCreated in the chain is a broken log', async (t) => {
  const { nats, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  const [first = new Uint8Array()] = log.stored;
  const again = JSON.parse(Buffer.from(first).toString()) as Event;
  await log.appendRaw({ ...again, prev: log.state.hash });
  await until(
    () => proxy.follower.status().state === 'alarm',
    () => proxy.follower.status(),
  );
  assert.equal(proxy.follower.status().sequence, 1);
});

test('large events are read in as many batches as they need', async (t) => {
  const { nats, log } = await logFor(t);
  for (let n = 0; n < 12; n++) await log.putTenants(1300);
  const bytes = log.stored.reduce((total, event) => total + event.length, 0);
  assert.ok(bytes > 4 * 1024 * 1024, `${bytes}`);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  assert.deepEqual(sequences(proxy), [13]);
});
