/** Which key a proxy uses while the bucket answers, and while it does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyReader } from './key-reader.ts';
import { LogUnreachable } from './log-reader.ts';

const key = (text: string): Uint8Array => Buffer.from(text);

/** A bucket the test owns, and a clock it moves. */
function rig(known: Record<string, Uint8Array> = {}) {
  const bucket = new Map<string, Uint8Array>();
  const seen = { reads: 0, changes: 0, away: false, nowMs: 0 };
  const keys = new KeyReader({
    reader: {
      async wrappedKey(scope) {
        seen.reads += 1;
        if (seen.away) throw new LogUnreachable('NATS is away');
        return bucket.get(scope) ?? null;
      },
    },
    clock: { now: () => seen.nowMs, after: () => () => {} },
    signal: new AbortController().signal,
    known: new Map(Object.entries(known)),
    onChange: () => {
      seen.changes += 1;
    },
  });
  return { bucket, seen, keys };
}

test('a key is read once a minute, however often and however many ask', async () => {
  const { bucket, seen, keys } = rig();
  bucket.set('backend.m', key('1'));
  const both = await Promise.all([keys.wrappedKey('backend.m'), keys.wrappedKey('backend.m')]);
  assert.deepEqual(both, [key('1'), key('1')]);
  await keys.wrappedKey('backend.m');
  assert.deepEqual([seen.reads, seen.changes], [1, 1]);
  bucket.set('backend.m', key('2'));
  seen.nowMs += 60_000;
  assert.deepEqual(await keys.wrappedKey('backend.m'), key('2'));
  assert.deepEqual([seen.reads, seen.changes], [2, 2]);
});

test('while NATS is away the last known key serves, an unknown one is an error', async () => {
  const { seen, keys } = rig({ 'backend.m': key('cached') });
  seen.away = true;
  assert.deepEqual(await keys.wrappedKey('backend.m'), key('cached'));
  await assert.rejects(keys.wrappedKey('backend.other'), LogUnreachable);
});

test('a destroyed key is forgotten, also by the disk cache', async () => {
  const { seen, keys } = rig({ 'backend.m': key('cached') });
  assert.equal(await keys.wrappedKey('backend.m'), null);
  assert.equal(seen.changes, 1);
  seen.away = true;
  await assert.rejects(keys.wrappedKey('backend.m'), LogUnreachable);
});

test('a scope that is no key of a bucket is never asked for', async () => {
  const { seen, keys } = rig();
  for (const scope of ['', '>', '*', 'a b', 'a..b', '.a', 'a.']) {
    assert.equal(await keys.wrappedKey(scope), null);
  }
  assert.equal(seen.reads, 0);
});
