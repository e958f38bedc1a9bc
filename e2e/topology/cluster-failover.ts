/** A replica made the master of its shard; and how long a silent node of a cluster counts as alive. */
import { ask, type ClusterNode, firstOf, isMaster } from './cluster-node.ts';
import { until } from './until.ts';

/** Seconds at which no node is ever found dead because others kept it from running. */
export const calmMs = 8_000;
/** For nodes that shall be found dead soon. */
export const hastyMs = 1_500;
/** Redis gives a failover by command up after five seconds. */
const askedAgainMs = 6_000;

/** `cluster-node-timeout` of all of them. */
export async function setNodeTimeout(nodes: readonly ClusterNode[], ms: number): Promise<void> {
  for (const { server } of nodes) {
    await ask(server, 'CONFIG', 'SET', 'cluster-node-timeout', ms);
  }
}

/** `graceful`: CLUSTER FAILOVER; `kill9` kills the master. Resolves with the new master. */
export async function failover(
  live: readonly ClusterNode[],
  master: ClusterNode,
  how: 'graceful' | 'kill9',
): Promise<ClusterNode> {
  const listed = await ask(master.server, 'CLUSTER', 'REPLICAS', master.id);
  const ids = Array.isArray(listed) ? listed.map((line) => String(line).split(' ', 1)[0]) : [];
  const replicas = live.filter((node) => ids.includes(node.id));
  const chosen = firstOf(replicas);
  if (how === 'kill9') await master.server.kill9();
  let askedAt = Number.NEGATIVE_INFINITY;
  const promoted = async (): Promise<ClusterNode | null> => {
    for (const node of replicas) if (await isMaster(node)) return node;
    if (how === 'graceful' && performance.now() - askedAt > askedAgainMs) {
      askedAt = performance.now();
      await ask(chosen.server, 'CLUSTER', 'FAILOVER');
    }
    return null;
  };
  return await until(promoted, { what: 'a replica to become master', everyMs: 50 });
}
