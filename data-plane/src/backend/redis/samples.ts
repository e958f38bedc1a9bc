/** What is counted of one backend's nodes: one sample for each, over all its connections. */
import type { BackendSample } from '../../observe/metrics.ts';
import type { RedisConnection } from './connection.ts';

const nothing = { up: false, connections: 0, inFlight: 0, queuedBytes: 0 };

export interface Sampled {
  readonly backend: string;
  readonly connections: Iterable<RedisConnection>;
  /** Dedicated connections by node. */
  readonly owned: ReadonlyMap<string, number>;
  readonly isReplica: (address: string) => boolean;
}

export function samplesOf({ backend, connections, owned, isReplica }: Sampled): BackendSample[] {
  const byNode = new Map<string, BackendSample>();
  for (const one of connections) {
    const known = byNode.get(one.address) ?? nothing;
    const { up, connections: count, inFlight, queuedBytes } = known;
    const ready = one.state === 'ready';
    byNode.set(one.address, {
      backend,
      node: one.address,
      role: isReplica(one.address) ? 'replica' : 'primary',
      up: up || ready,
      connections: count + (ready ? 1 : 0),
      owned: owned.get(one.address) ?? 0,
      inFlight: inFlight + one.inFlight,
      queuedBytes: queuedBytes + one.queuedBytes,
    });
  }
  return [...byNode.values()];
}
