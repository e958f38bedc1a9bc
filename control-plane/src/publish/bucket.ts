/** A key-value bucket as publishing needs it: one value a key, read by direct get. */
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';

/**
 * Opens the bucket, creating it with `replicas` when it is absent. History 1 and direct get: proxies
 * read it with nothing but a grant for direct gets. Each request gets `answerMsMax` for its answer.
 * `ttl`: values expire after so many milliseconds.
 */
export async function openBucket(
  connection: NatsConnection,
  name: string,
  replicas: number,
  answerMsMax: number,
  more: { readonly ttl?: number } = {},
): Promise<{ bucket: KV; manager: JetStreamManager }> {
  const options = { timeout: answerMsMax };
  const manager = await jetstreamManager(connection, { ...options, checkAPI: false });
  const bucket = await new Kvm(jetstream(connection, options)).create(name, {
    history: 1,
    replicas,
    allow_direct: true,
    timeout: answerMsMax,
    ...more,
  });
  return { bucket, manager };
}
