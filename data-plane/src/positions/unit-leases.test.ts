/** Ownership of units by compare-and-set: one winner, growing epochs, lost answers, seeks noted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitEntryKey } from '@respool/contracts/leases';
import { MemoryBucket, MemoryKeys } from '../test/memory-keys.ts';
import { StoreAway } from './key-store.ts';
import { LeaseLost, UnitLeases } from './unit-leases.ts';

const unit = { tenant: 'acme', topic: 'orders.v1', consumer: 'worker' };
const key = unitEntryKey(unit);
const [s1, s2] = ['p1.aaaaaaaaaaaaaaaa', 'p2.bbbbbbbbbbbbbbbb'];

function setUp() {
  const bucket = new MemoryBucket();
  const keys = new MemoryKeys(bucket);
  return { bucket, keys, one: new UnitLeases(keys), other: new UnitLeases(new MemoryKeys(bucket)) };
}

test('keys are one token, and no two units share one', () => {
  assert.equal(key, 'acme/orders=v1/worker');
  const dotted = { tenant: 'a', topic: '..x.', consumer: '.c' };
  assert.equal(unitEntryKey(dotted), 'a/==x=/=c');
});

test('of two who take a unit nobody owns one wins, and the other can read who', async () => {
  const { one, other } = setUp();
  const [seen, seenByOther] = [await one.read(unit), await other.read(unit)];
  const won = await one.take(unit, seen, s1);
  assert.deepEqual(won, { unit, owner: s1, epoch: 1, seek: 0, sequence: 1 });
  assert.equal(await other.take(unit, seenByOther, s2), null);
  assert.deepEqual(await other.read(unit), { owner: s1, epoch: 1, seek: 0, sequence: 1 });
});

test('each owner has a higher epoch, also after one that let go', async () => {
  const { one, other } = setUp();
  const first = await one.take(unit, await one.read(unit), s1);
  assert(first !== null);
  await one.release(first);
  assert.equal((await other.read(unit)).owner, null);
  const second = await other.take(unit, await other.read(unit), s2);
  assert.equal(second?.epoch, 2);
});

test('no epoch comes twice from one process when the bucket begins anew', async () => {
  const { bucket, one } = setUp();
  const first = await one.take(unit, await one.read(unit), s1);
  bucket.forget();
  const second = await one.take(unit, await one.read(unit), s1);
  assert(first !== null && second !== null && second.epoch > first.epoch);
});

test('a seek is noted under the epoch, and its generation stays over a change of owner', async () => {
  const { keys, one, other } = setUp();
  const lease = await one.take(unit, await one.read(unit), s1);
  assert(lease !== null);
  await one.noteSeek(lease, 7);
  await one.noteSeek(lease, 7);
  keys.nextWrite = 'lost';
  await assert.rejects(one.noteSeek(lease, 9), StoreAway);
  await one.noteSeek(lease, 9);
  await one.release(lease);
  const next = await other.take(unit, await other.read(unit), s2);
  assert.deepEqual([next?.seek, next?.epoch], [9, 2]);
});

test('an old owner can neither note a seek nor let go of what another owns', async () => {
  const { one, other } = setUp();
  const old = await one.take(unit, await one.read(unit), s1);
  const now = await other.take(unit, await other.read(unit), s2);
  assert(old !== null && now !== null);
  await assert.rejects(one.noteSeek(old, 3), LeaseLost);
  await one.release(old);
  assert.deepEqual(await one.read(unit), { owner: s2, epoch: 2, seek: 0, sequence: now.sequence });
  assert.deepEqual(await one.lost([old]), [old]);
  assert.deepEqual(await other.lost([now]), []);
});

test('what cannot be read belongs to nobody and is written over', async () => {
  const { bucket, one } = setUp();
  for (const noise of ['', '{', '{"owner":7}', '[]', '{"owner":"x","epoch":1,"seek":0}']) {
    bucket.put(key, Buffer.from(noise));
    const lease = await one.take(unit, await one.read(unit), s1);
    assert(lease !== null, noise);
  }
});

test('what could not be let go of is let go of later, unless its session is over', async () => {
  const { keys, one } = setUp();
  const first = await one.take(unit, await one.read(unit), s1);
  assert(first !== null);
  keys.nextWrite = 'away';
  await assert.rejects(one.release(first), StoreAway);
  assert.equal((await one.read(unit)).owner, s1);
  keys.nextWrite = 'away';
  await one.releaseOwed(s1);
  await one.releaseOwed(s1);
  assert.deepEqual(await one.read(unit), { owner: null, epoch: 1, seek: 0, sequence: 2 });
  const second = await one.take(unit, await one.read(unit), s1);
  assert(second !== null);
  keys.nextWrite = 'away';
  await assert.rejects(one.release(second), StoreAway);
  await one.releaseOwed(s2);
  await one.releaseOwed(s1);
  assert.equal((await one.read(unit)).owner, s1, 'whoever looks finds that it is gone');
});

test('what was taken without our knowing is let go of, and what was taken since is not', async () => {
  const { keys, one } = setUp();
  keys.nextWrite = 'lost';
  await assert.rejects(one.take(unit, await one.read(unit), s1), StoreAway);
  assert.equal((await one.read(unit)).owner, s1);
  await one.releaseOwed(s1);
  assert.equal((await one.read(unit)).owner, null);
  keys.nextWrite = 'lost';
  await assert.rejects(one.take(unit, await one.read(unit), s1), StoreAway);
  assert(await one.take(unit, await one.read(unit), s1));
  await one.releaseOwed(s1);
  assert.equal((await one.read(unit)).owner, s1);
});
