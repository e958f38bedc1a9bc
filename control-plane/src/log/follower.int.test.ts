/** The follower on a real nats-server: restarts, outages, two at once, a store that was damaged. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { logStream } from '@respool/contracts/subjects';
import { changeBytes, patience, putTenant, Writer } from '../../test/events.ts';
import { openLog, startFollower, startServer } from '../../test/jetstream.ts';
import { until } from '../../test/until.ts';
import { LogCorrupt } from './corruption.ts';
import { LogUnreachable } from './log.ts';
import { streamConfig } from './stream-config.ts';
import { verifyLog } from './verify.ts';

async function* none(): AsyncIterable<never> {}

test('two followers on one log come to the same state by live messages', async (t) => {
  const server = await startServer(t);
  const logs = [await openLog(t, server), await openLog(t, server)] as const;
  const writer = await Writer.start(logs[0]);
  const slow = { pollMs: 60_000 };
  const followers = [
    await startFollower(t, logs[0], slow),
    await startFollower(t, logs[1], slow),
  ] as const;
  await writer.changes(200);
  for (const follower of followers) {
    await until('the live messages', () => follower.state().snapshot.sequence === 201);
  }
  const [one, two] = followers.map((follower) => follower.state().snapshot);
  assert.deepEqual(one, two);
  assert.equal(one?.hash, writer.hash);
});

test('a restart of the server is survived without losing or repeating an event', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  const follower = await startFollower(t, log);
  const seen: number[] = [];
  follower.onAdvance(({ sequence }) => seen.push(sequence));
  await writer.changes(20);
  await server.stop();
  await server.restart();
  await writer.changes(20);
  await server.kill9();
  await server.restart();
  await writer.changes(20);
  await follower.catchUp(61, patience());
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, place) => place + 2),
  );
});

test('with the server gone waits end in time, health says so, and all comes back', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  await writer.changes(3);
  const follower = await startFollower(t, log);
  await server.kill9();
  await until('health to say so', () => !follower.health().reachable);
  await assert.rejects(follower.catchUp(5, AbortSignal.timeout(300)), LogUnreachable);
  await assert.rejects(follower.stateAt(2, AbortSignal.timeout(300)), LogUnreachable);
  assert.equal(follower.state().snapshot.sequence, 4);
  assert.equal((await follower.eventsBetween(0, 4, AbortSignal.timeout(300))).length, 4);
  await server.restart();
  await until('health to say so', () => follower.health().reachable);
  await writer.change();
  await follower.catchUp(5, patience());
});

test('a server that hangs without closing its connections counts as gone', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const follower = await startFollower(t, log);
  server.pause();
  await until('health to say so', () => !follower.health().reachable);
  await assert.rejects(log.head(AbortSignal.timeout(300)), LogUnreachable);
  server.resume();
  await until('health to say so', () => follower.health().reachable);
});

test('a flipped bit in a block file is noticed at the start and by the audit', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  await writer.changes(30);
  const follower = await startFollower(t, log);
  await server.stop();
  flipBit(join(server.folder, 'store'));
  await server.restart();
  await until('the link to return', () => log.reachable());
  const late = await startFollower(t, log);
  assert.notEqual(late.health().corrupt, null);
  const verdict = await verifyLog(log, none(), new Map(), patience());
  assert(!verdict.sound);
  assert.equal(verdict.badSequence, late.state().snapshot.sequence + 1);
  // The state of the follower that saw it all is sound; only if the head itself went can it tell.
  assert.equal(follower.state().snapshot.hash, writer.hash);
});

test('a log lost and written anew is noticed by who had applied the old one', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  await writer.changes(5);
  const follower = await startFollower(t, log);
  const good = follower.state().snapshot;
  const manager = await jetstreamManager(log.connection);
  await manager.streams.delete(logStream);
  await manager.streams.add(streamConfig(1));
  await until('the empty log to be noticed', () => follower.health().corrupt !== null);
  assert.match(follower.health().corrupt ?? '', /ends before event 6/);
  const rewriter = await Writer.start(log);
  await rewriter.changes(7);
  const rewritten = /event 6 is not the one applied before/;
  await until('the new log to be noticed', () => rewritten.test(follower.health().corrupt ?? ''));
  assert.equal(follower.state().snapshot, good);
});

test('an event of a broken chain stops every follower where it stands', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  const followers = [await startFollower(t, log), await startFollower(t, log)];
  await writer.change({ changes: [putTenant('a')] });
  await writer.raw(changeBytes('00'.repeat(32)));
  for (const follower of followers) {
    await until('the break to be noticed', () => follower.health().corrupt !== null);
    assert.equal(follower.health().corrupt, 'event 3 does not continue the chain');
    assert.equal(follower.state().snapshot.sequence, 2);
    await assert.rejects(follower.catchUp(3, patience()), LogCorrupt);
  }
});

/** One bit in the middle of the log's only block. */
function flipBit(store: string): void {
  const blocks = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.includes(logStream) && name.endsWith('.blk'),
  );
  assert.equal(blocks.length, 1);
  const path = join(store, blocks[0] ?? '');
  const bytes = readFileSync(path);
  const place = bytes.length >> 1;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
