/** The buckets in which proxies keep who of them is alive and who owns which position of a queue. */
import type { NatsConnection } from '@nats-io/transport-node';
import { sessionEntryMsMax } from '@respool/contracts/leases';
import { sessionBucket, unitBucket } from '@respool/contracts/subjects';
import { openBucket } from './bucket.ts';

const answerMsMax = 5_000;

/** Makes them with `replicas` where they are absent; proxies may not. */
export async function makeLeaseBuckets(
  connection: NatsConnection,
  replicas: number,
): Promise<void> {
  await openBucket(connection, sessionBucket, replicas, answerMsMax, { ttl: sessionEntryMsMax });
  await openBucket(connection, unitBucket, replicas, answerMsMax);
}
