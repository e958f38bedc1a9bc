/** Proxy and server come and go: nothing is lost, and the disk cache serves meanwhile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import pino from 'pino';
import { folderFor, logFor, natsFor, proxyFor, sequences } from '../test/follow-rig.ts';
import { LogWriter } from '../test/log-writer.ts';
import { proxyPassword, TestNats } from '../test/nats.ts';
import { fastClock, until, untilServes } from '../test/proxy.ts';

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
  // Live messages may come before the log was read to its end.
  await until(
    () => proxy.follower.status().staleSinceMs === null,
    () => proxy.follower.status(),
  );
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

test('stopping while a state is warmed and the server is away waits for nothing', async (t) => {
  const { nats, log } = await logFor(t);
  // What waits for its time waits for minutes.
  const proxy = await proxyFor(t, nats, { clock: fastClock(1 / 1000) });
  await untilServes(proxy, log.state);
  proxy.applier.hold();
  await log.putTenant('a');
  await until(
    () => proxy.follower.status().state === 'warming',
    () => proxy.follower.status(),
  );
  await nats.kill();
  await proxy.follower.stop();
  assert.deepEqual(proxy.follower.status().sequence, 1);
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
  await untilServes(proxy, log.state);
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

test('a proxy of version 1 is upgraded while the server is away, then follows both versions', async (t) => {
  const folder = await folderFor(t);
  await cp(fixtureAt('disk-cache.v1.ndjson'), join(folder, 'snapshot.ndjson'));
  const nats = await natsFor(t);
  const old = readFileSync(fixtureAt('log.v1.jsonl'), 'utf8').trimEnd().split('\n');
  const log = await LogWriter.holding(
    await nats.admin(),
    old.map((line) => Buffer.from(line)),
  );
  await log.key('backend.orders', Buffer.from('wrapped'));
  const cached = log.state;
  await nats.kill();

  const proxy = await proxyFor(t, nats, { cacheFolder: folder });
  assert.deepEqual(proxy.applier.applied, [cached]);
  assert.equal(proxy.follower.status().state, 'serving');
  await nats.restart();
  await log.putTenant('new');
  await untilServes(proxy, log.state);
  await proxy.follower.stop();
  const again = await proxyFor(t, nats, { cacheFolder: folder });
  assert.deepEqual(again.applier.applied, [log.state]);
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

function fixtureAt(name: string): URL {
  return new URL(`../../../contracts/fixtures/${name}`, import.meta.url);
}
