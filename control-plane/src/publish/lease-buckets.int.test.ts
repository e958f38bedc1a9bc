/** The buckets of leases on a real nats-server: made once, in the shape that proxies rely on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { sessionBucket, unitBucket } from '@respool/contracts/subjects';
import { openLog, startServer } from '../../test/jetstream.ts';
import { makeLeaseBuckets } from './lease-buckets.ts';

test('they are made where they are absent, and left alone where they are there', async (t) => {
  const { connection } = await openLog(t, await startServer(t));
  await makeLeaseBuckets(connection, 1);
  await makeLeaseBuckets(connection, 1);
  const manager = await jetstreamManager(connection);
  const shapeOf = async (bucket: string) => {
    const { config } = await manager.streams.info(`KV_${bucket}`);
    const { max_msgs_per_subject, allow_direct, max_age } = config;
    return { max_msgs_per_subject, allow_direct, max_age };
  };
  const kept = { max_msgs_per_subject: 1, allow_direct: true };
  assert.deepEqual(await shapeOf(sessionBucket), { ...kept, max_age: nanos(60_000) });
  // Who owned a unit last, and in which epoch, is never forgotten.
  assert.deepEqual(await shapeOf(unitBucket), { ...kept, max_age: 0 });
});
