/** What a backend's connections are doing now, node by node: for metrics and INFO. */
import type { BackendSample } from '../../observe/metrics.ts';
import type { Listeners } from './listeners.ts';
import type { RedisUpstream } from './upstream.ts';

const nothing = { up: false, connections: 0, owned: 0, inFlight: 0, queuedBytes: 0 };

/** `owned`: connections lent to one session each, by node. */
export function samplesOf(
  backend: string,
  upstreams: Iterable<RedisUpstream>,
  owned: ReadonlyMap<string, number>,
  listeners: Listeners,
): BackendSample[] {
  const byNode = new Map<string, BackendSample>();
  const sampleOf = (node: string): BackendSample =>
    byNode.get(node) ?? { ...nothing, backend, node, owned: owned.get(node) ?? 0 };
  for (const upstream of upstreams) {
    for (const { address, state, inFlight, queuedBytes } of upstream.connections) {
      const before = sampleOf(address);
      byNode.set(address, {
        ...before,
        up: before.up || state === 'ready',
        connections: before.connections + (state === 'ready' ? 1 : 0),
        inFlight: before.inFlight + inFlight,
        queuedBytes: before.queuedBytes + queuedBytes,
      });
    }
  }
  for (const { address, state } of listeners.connections()) {
    const before = sampleOf(address);
    const connections = before.connections + (state === 'ready' ? 1 : 0);
    byNode.set(address, { ...before, connections });
  }
  return [...byNode.values()];
}
