/** Owners of positions, as proxies write them into the buckets of a real nats-server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitEntryKey } from '@respool/contracts/leases';
import { sessionBucket, unitBucket } from '@respool/contracts/subjects';
import { openLog, startServer } from '../../test/jetstream.ts';
import { openBucket } from '../publish/bucket.ts';
import { NatsUnitOwners } from './unit-owners.ts';

test('a position is owned while the session that took it is there', async (t) => {
  const server = await startServer(t);
  const { connection } = await openLog(t, server);
  const owners = await NatsUnitOwners.open(connection);
  const unit = { tenant: 'acme', topic: 'a.b', consumer: '..x.' };
  assert.equal(await owners.isOwned(unit), false, 'there are no buckets yet');
  const { bucket: units } = await openBucket(connection, unitBucket, 1, 30_000);
  const { bucket: sessions } = await openBucket(connection, sessionBucket, 1, 30_000);
  assert.equal(await owners.isOwned(unit), false);
  const own = (owner: string | null) =>
    connection.request(
      `$KV.${unitBucket}.${unitEntryKey(unit)}`,
      JSON.stringify({ owner, epoch: 1, seek: 0 }),
    );
  const session = (nonce: string) => `p1.${nonce.repeat(24)}`;
  await own(session('a'));
  assert.equal(await owners.isOwned(unit), false, 'its session has ended');
  await sessions.put('p1', JSON.stringify({ session: session('a') }));
  assert.equal(await owners.isOwned(unit), true);
  assert.equal(await owners.isOwned({ ...unit, consumer: 'y' }), false);
  await sessions.put('p1', JSON.stringify({ session: session('b') }));
  assert.equal(await owners.isOwned(unit), false, 'its proxy began anew');
  await own(session('b'));
  assert.equal(await owners.isOwned(unit), true);
  await sessions.delete('p1');
  assert.equal(await owners.isOwned(unit), false, 'it said goodbye');
  await own(null);
  await sessions.put('p1', 'no JSON');
  assert.equal(await owners.isOwned(unit), false);
  assert.equal((await units.status()).values, 1);
});
