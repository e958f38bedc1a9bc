/** Stored snapshots on a real nats-server: newest by compare-and-set, three kept, damage passed. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { emptySnapshot } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { decodeSnapshot, snapshotPartKey } from '@respool/contracts/snapshot-codec';
import { snapshotBucket } from '@respool/contracts/subjects';
import { openLog, startServer } from '../../test/jetstream.ts';
import { SnapshotStore } from './snapshot-store.ts';

const logId = '0f8fad5b-d9cb-469f-a165-70867728950e';
const at = (sequence: number, id = logId): Snapshot => ({
  ...emptySnapshot,
  logId: id,
  sequence,
  hash: String(sequence),
});

async function open(t: TestContext) {
  const log = await openLog(t, await startServer(t));
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const store = await SnapshotStore.open(log.connection, 1, warn);
  const second = await SnapshotStore.open(log.connection, 1, warn);
  const bucket = await new Kvm(jetstream(log.connection)).open(snapshotBucket);
  return { log, store, second, bucket, warnings };
}

test('an empty store has no snapshot', async (t) => {
  const { store } = await open(t);
  assert.equal(await store.latest(), null);
  assert.equal(await store.nearest(99), null);
});

test('what was written is read back, by pointer and parts as a proxy reads it', async (t) => {
  const { store, bucket } = await open(t);
  assert.equal(await store.write(at(5)), 5);
  const pointer = await store.latest();
  assert(pointer !== null);
  const parts: Uint8Array[] = [];
  for (let part = 0; part < pointer.parts; part++) {
    const entry = await bucket.get(snapshotPartKey(pointer.sequence, part));
    assert(entry !== null);
    parts.push(entry.value);
  }
  assert.deepEqual(await decodeSnapshot(pointer, parts), at(5));
});

test('the pointer never goes back, and racing writers agree', async (t) => {
  const { store, second } = await open(t);
  await store.write(at(9));
  assert.equal(await second.write(at(7)), 9);
  assert.equal((await store.latest())?.sequence, 9);
  const newest = await Promise.all([store, second, store, second].map((one) => one.write(at(12))));
  assert.deepEqual(newest, [12, 12, 12, 12]);
  const mixed = await Promise.all([store.write(at(20)), second.write(at(21))]);
  assert(mixed.every((sequence) => sequence >= 20));
  assert.equal((await store.latest())?.sequence, 21);
});

test('the latest three are kept, the others leave nothing behind', async (t) => {
  const { log, store } = await open(t);
  for (const sequence of [10, 20, 30, 40, 50]) await store.write(at(sequence));
  assert.deepEqual(await store.nearest(99), at(50));
  assert.deepEqual(await store.nearest(49), at(40));
  assert.deepEqual(await store.nearest(30), at(30));
  assert.equal(await store.nearest(29), null);
  const manager = await jetstreamManager(log.connection);
  const { state } = await manager.streams.info(`KV_${snapshotBucket}`);
  // Three parts, their three pointers, and the pointer to the newest.
  assert.equal(state.messages, 7);
});

test('a damaged snapshot is passed over for the one before it', async (t) => {
  const { store, bucket, warnings } = await open(t);
  await store.write(at(10));
  await store.write(at(20));
  await bucket.put(snapshotPartKey(20, 0), 'noise');
  assert.deepEqual(await store.nearest(99), at(10));
  await bucket.delete(snapshotPartKey(10, 0));
  assert.equal(await store.nearest(99), null);
  assert.equal(warnings.length, 3);
});

test('a pointer nobody can read is overwritten by the next snapshot', async (t) => {
  const { store, bucket } = await open(t);
  await bucket.put('latest', 'noise');
  assert.equal(await store.latest(), null);
  assert.equal(await store.write(at(3)), 3);
  assert.equal((await store.latest())?.sequence, 3);
});

test('what an earlier log left behind gives way', async (t) => {
  const { store } = await open(t);
  for (const sequence of [100, 200, 300]) await store.write(at(sequence, 'another'));
  assert.equal(await store.write(at(2)), 2);
  assert.deepEqual(await store.nearest(999), at(2));
});
