/** A control plane with tenant acme, the Kafka backend `queues`, and a Kafka that fails as it is told. */
import { MemoryKafka } from '@respool/kafka/memory';
import { TestApi } from './api.ts';

/** Body of a backend that nobody listens for: the fake Kafka answers for all. */
export const kafkaBackend = { kind: 'kafka', bootstrap: [{ host: 'k1', port: 9092 }] };

export interface QueueWorld {
  readonly api: TestApi;
  readonly kafka: MemoryKafka;
}

/** What is asked of a Kafka that is away is given up soon; that has as long as it takes otherwise. */
export function setKafkaThere({ api, kafka }: QueueWorld, isThere: boolean): void {
  kafka.isReachable = isThere;
  api.kafkaPatience.ms = isThere ? 10_000 : 200;
}

/** `users` are of the tenant, without a secret. It ends with the test `t`. */
export async function startQueueWorld(
  t: { after(end: () => Promise<void>): void },
  users: readonly string[],
): Promise<QueueWorld> {
  const kafka = new MemoryKafka();
  const api = await TestApi.start({ kafka });
  t.after(() => api.close());
  await api.ok('PUT', '/v1/tenants/acme', { isolation: { mode: 'prefix', prefix: 'a:' } });
  for (const name of users) {
    await api.ok('PUT', `/v1/tenants/acme/users/${name}`, { secret: { none: true } });
  }
  await api.ok('PUT', '/v1/backends/queues', kafkaBackend);
  return { api, kafka };
}
