/** What a backend's connections are doing now, node by node: for metrics and INFO. */
import type { BackendSample } from '../../observe/metrics.ts';
import type { RedisConnection } from './connection.ts';
import type { Listeners } from './listeners.ts';

const nothing = { up: false, connections: 0, owned: 0, inFlight: 0, queuedBytes: 0 };

export interface Sampled {
  readonly backend: string;
  /** Those shared by all sessions. */
  readonly connections: Iterable<RedisConnection>;
  /** Connections lent to one session each, by node. */
  readonly owned: ReadonlyMap<string, number>;
  readonly listeners: Listeners;
  readonly isReplica: (address: string) => boolean;
}

export function samplesOf({ backend, owned, isReplica, ...from }: Sampled): BackendSample[] {
  const byNode = new Map<string, BackendSample>();
  const sampleOf = (node: string): BackendSample => {
    const role = isReplica(node) ? 'replica' : 'primary';
    const lent = owned.get(node) ?? 0;
    return byNode.get(node) ?? { ...nothing, backend, node, role, owned: lent };
  };
  for (const { address, state, inFlight, queuedBytes } of from.connections) {
    const before = sampleOf(address);
    byNode.set(address, {
      ...before,
      up: before.up || state === 'ready',
      connections: before.connections + (state === 'ready' ? 1 : 0),
      inFlight: before.inFlight + inFlight,
      queuedBytes: before.queuedBytes + queuedBytes,
    });
  }
  for (const { address, state } of from.listeners.connections()) {
    const before = sampleOf(address);
    const connections = before.connections + (state === 'ready' ? 1 : 0);
    byNode.set(address, { ...before, connections });
  }
  return [...byNode.values()];
}
