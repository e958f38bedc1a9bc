/** Direct get as a proxy does it: ends, missing and destroyed values, and being called off. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '@respool/contracts/clock';
import { LogWriter } from '../test/log-writer.ts';
import { TestNats } from '../test/nats.ts';
import { connectAsProxy } from '../test/proxy.ts';
import { LogReader, LogUnreachable } from './log-reader.ts';

const signal = new AbortController().signal;

async function rig(t: TestContext, buckets = true) {
  const nats = await TestNats.prepare('p1');
  t.after(() => nats.stop());
  await nats.start();
  const log = await LogWriter.create(await nats.admin(), true, buckets);
  const nc = await connectAsProxy(nats.url, 'p1');
  t.after(() => nc.close());
  return { nats, log, nc, reader: new LogReader(systemClock, () => nc) };
}

test('a batch holds the stored bytes, and nothing past the end', async (t) => {
  const { log, reader } = await rig(t);
  for (const id of ['a', 'b']) await log.putTenant(id);
  const batch = await reader.batch(2, signal);
  assert.deepEqual(
    batch.map((entry) => [entry.sequence, Buffer.from(entry.bytes)]),
    [2, 3].map((sequence) => [sequence, Buffer.from(log.stored[sequence - 1] ?? [])]),
  );
  assert.deepEqual(await reader.batch(4, signal), []);
  assert.deepEqual(await reader.batch(4000, signal), []);
});

test('reading leaves no subscription behind', async (t) => {
  const { nc, reader } = await rig(t);
  await reader.batch(1, signal);
  const before = nc.stats();
  for (let n = 0; n < 20; n++) await reader.batch(1, signal);
  await nc.flush();
  const listening = (nc as unknown as { protocol: { subscriptions: { size(): number } } }).protocol;
  assert.ok(listening.subscriptions.size() <= 1, `${listening.subscriptions.size()}`);
  assert.ok(nc.stats().inMsgs > before.inMsgs);
});

test('a destroyed key is null, as is one that never was', async (t) => {
  const { log, reader } = await rig(t);
  assert.equal(await reader.wrappedKey('backend.main', signal), null);
  await log.key('backend.main', Buffer.from('wrapped'));
  assert.deepEqual(await reader.wrappedKey('backend.main', signal), Buffer.from('wrapped'));
  await log.key('backend.main', null);
  assert.equal(await reader.wrappedKey('backend.main', signal), null);
});

test('no bucket means no snapshot, but never a destroyed key', async (t) => {
  const { reader } = await rig(t, false);
  assert.equal(await reader.snapshotPointer(signal), null);
  await assert.rejects(reader.wrappedKey('backend.main', signal), LogUnreachable);
});

test('a reading called off ends at once, also while the server hangs', async (t) => {
  const { nats, reader } = await rig(t);
  nats.signal('SIGSTOP');
  const off = new AbortController();
  const ends: string[] = [];
  const note = ({ name }: Error): void => void ends.push(name);
  void reader.batch(1, off.signal).catch(note);
  void reader.wrappedKey('backend.main', off.signal).catch(note);
  off.abort();
  // Nothing of the server's, nor any timer, can come in this turn.
  await nextTurn();
  nats.signal('SIGCONT');
  assert.deepEqual(ends, ['AbortError', 'AbortError']);
});
