/** What an operator configures of queues, as the API takes it, and a log read whole by its position. */
import type { KafkaCluster } from './kafka.ts';
import type { RawClient } from './raw-client.ts';
import type { Value } from './reply.ts';

/** Body of a Kafka backend. */
export function kafkaBody({ bootstrap }: KafkaCluster): object {
  const addresses = bootstrap.map((address) => {
    const [host, port] = address.split(':');
    return { host, port: Number(port) };
  });
  return { kind: 'kafka', bootstrap: addresses };
}

/** A change that puts a topic which is there already; `grants` says of each user which of `p`, `c`, `s`. */
export function topicPut(
  tenant: string,
  name: string,
  backend: string,
  grants: Readonly<Record<string, string>>,
): object {
  const given = Object.entries(grants).map(([user, rights]) => {
    const [produce, consume, seek] = ['p', 'c', 's'].map((right) => rights.includes(right));
    return { user, produce, consume, seek };
  });
  const value = { backend, origin: 'adopted', grants: given };
  return { op: 'put', kind: 'topic', tenant, id: name, value };
}

export interface Popped {
  readonly offset: number;
  readonly content: Value;
}

/** Everything of one partition from `offset` on, read with KPOP at explicit positions. */
export async function popAll(
  client: RawClient,
  topic: string,
  partition: number,
  offset = 0,
): Promise<Popped[]> {
  const all: Popped[] = [];
  for (let next = offset; ; ) {
    const reply = await client.call('KPOP', topic, partition, next, 262_144);
    if (!Array.isArray(reply) || reply.length === 0) return all;
    for (let at = 0; at < reply.length; at += 3) {
      all.push({ offset: Number(reply[at + 1]), content: reply[at + 2] as Value });
    }
    next = (all.at(-1)?.offset ?? 0) + 1;
  }
}
