/** Following a real log: live, over gaps, over restarts, from the disk cache, and when it is wrong. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Event } from '@respool/contracts/events';
import pino from 'pino';
import { LogWriter } from '../test/log-writer.ts';
import { proxyPassword, TestNats } from '../test/nats.ts';
import {
  fastClock,
  listenAcks,
  startProxy,
  type TestProxy,
  until,
  untilServes,
} from '../test/proxy.ts';
import { RejectedState } from './apply-queue.ts';
import type { FollowOptions } from './follow.ts';

async function natsFor(t: TestContext): Promise<TestNats> {
  const nats = await TestNats.prepare('p1');
  t.after(() => nats.stop());
  await nats.start();
  return nats;
}

async function logFor(t: TestContext, live = true) {
  const nats = await natsFor(t);
  const admin = await nats.admin();
  return { nats, admin, log: await LogWriter.create(admin, live) };
}

async function proxyFor(
  t: TestContext,
  nats: TestNats,
  given: Partial<FollowOptions> = {},
): Promise<TestProxy> {
  const proxy = await startProxy(nats.url, 'p1', given);
  t.after(() => proxy.follower.stop());
  return proxy;
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'respool-cache-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const sequences = (proxy: TestProxy) => proxy.applier.applied.map((state) => state.sequence);

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
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  await log.putTenant('a');
  await log.head();
  await untilServes(proxy, log.state, 3000);
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

test('a server that restarts costs no event', async (t) => {
  const { nats, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  await nats.kill();
  await until(
    () => !proxy.follower.status().connected,
    () => proxy.follower.status(),
  );
  assert.equal(proxy.follower.status().state, 'serving');
  assert.notEqual(proxy.follower.status().staleSinceMs, null);
  await nats.restart();
  await log.putTenant('a');
  await log.putTenant('b');
  await untilServes(proxy, log.state);
  assert.equal(proxy.follower.status().staleSinceMs, null);
});

test('without a server the disk cache is served, then the log is caught up without a gap', async (t) => {
  const folder = await folderFor(t);
  const { nats, log } = await logFor(t);
  const before = await proxyFor(t, nats, { cacheFolder: folder });
  await log.putTenant('a');
  await untilServes(before, log.state);
  await before.follower.stop();
  const cached = log.state;
  await log.putTenant('b');
  await log.putTenant('c');
  await nats.kill();

  const after = await proxyFor(t, nats, { cacheFolder: folder });
  assert.deepEqual(after.applier.applied, [cached]);
  assert.equal(after.follower.status().state, 'serving');
  assert.equal(after.follower.status().connected, false);
  assert.notEqual(after.follower.status().staleSinceMs, null);
  await nats.start();
  await untilServes(after, log.state);
  assert.deepEqual(after.applier.applied.at(-1), log.state);
});

test('without server and cache it starts at once and waits', async (t) => {
  const nats = await natsFor(t);
  await nats.kill();
  const proxy = await proxyFor(t, nats);
  assert.equal(proxy.follower.status().state, 'starting');
  await nats.start();
  const log = await LogWriter.create(await nats.admin());
  await untilServes(proxy, log.state);
});

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
  await log.append({ ...again, prev: log.state.hash } as Event);
  await until(
    () => proxy.follower.status().state === 'alarm',
    () => proxy.follower.status(),
  );
  assert.equal(proxy.follower.status().sequence, 1);
});

test('stopping while a state is warmed and the server is away is quick', async (t) => {
  const { nats, log } = await logFor(t);
  const proxy = await proxyFor(t, nats);
  await untilServes(proxy, log.state);
  proxy.applier.hold();
  await log.putTenant('a');
  await until(
    () => proxy.follower.status().state === 'warming',
    () => proxy.follower.status(),
  );
  await nats.kill();
  const started = performance.now();
  await proxy.follower.stop();
  assert.ok(performance.now() - started < 3000);
  assert.deepEqual(proxy.follower.status().sequence, 1);
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

test('a proxy that was there before the log begins with its first head', async (t) => {
  const nats = await natsFor(t);
  const proxy = await proxyFor(t, nats);
  await until(
    () => proxy.follower.status().connected,
    () => proxy.follower.status(),
  );
  const log = await LogWriter.create(await nats.admin(), false, false);
  await log.putTenant('a');
  await log.head();
  await untilServes(proxy, log.state, 3000);
});

test('a restart without a server still has the keys of its backends', async (t) => {
  const folder = await folderFor(t);
  const { nats, log } = await logFor(t);
  await log.key('backend.main', Buffer.from('wrapped'));
  await log.putBackend('main', 'backend.main');
  const before = await proxyFor(t, nats, { cacheFolder: folder });
  await untilServes(before, log.state);
  await before.follower.stop();
  await nats.kill();
  const after = await proxyFor(t, nats, { cacheFolder: folder });
  assert.deepEqual(after.applier.applied, [log.state]);
  assert.deepEqual(after.applier.wrapped.get('backend.main'), Buffer.from('wrapped'));
});

test('a restart onto another log serves the disk cache and raises an alarm', async (t) => {
  const folder = await folderFor(t);
  const { nats, log } = await logFor(t);
  await log.putTenant('a');
  const before = await proxyFor(t, nats, { cacheFolder: folder });
  await untilServes(before, log.state);
  await before.follower.stop();
  await nats.kill();
  await nats.forget();
  await nats.restart();
  const other = await LogWriter.create(await nats.admin());
  for (let n = 0; n < 210; n++) await other.putTenant('b', `${n}`);
  await other.snapshot();
  const after = await proxyFor(t, nats, { cacheFolder: folder });
  await until(
    () => after.follower.status().state === 'alarm',
    () => after.follower.status(),
  );
  assert.equal(after.follower.status().hash, log.state.hash);
  assert.deepEqual(sequences(after), [2]);
});

test('a server that speaks TLS is followed, one that cannot prove itself is not', async (t) => {
  const nats = await TestNats.prepareSecure('p1');
  t.after(() => nats.stop());
  await nats.start();
  const log = await LogWriter.create(await nats.admin());
  const login = { url: nats.url.replace('nats:', 'tls:'), user: 'p1', password: proxyPassword };
  const trusting = await proxyFor(t, nats, {
    nats: { ...login, authority: nats.certificate ?? '' },
  });
  await untilServes(trusting, log.state);
  await trusting.follower.stop();
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const strict = await proxyFor(t, nats, { nats: login, logger });
  await until(
    () => lines.some((line) => line.includes('self-signed')),
    () => lines,
  );
  assert.equal(strict.follower.status().state, 'starting');
});

test('a wrong password is retried until it is the right one', async (t) => {
  const { nats, log } = await logFor(t);
  const login = { url: nats.url, user: 'p1', password: 'wrong' };
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const proxy = await proxyFor(t, nats, { nats: login, logger });
  await until(
    () => lines.length > 1,
    () => lines,
  );
  assert.ok(!lines.join('').includes('wrong'));
  login.password = proxyPassword;
  await untilServes(proxy, log.state);
});
