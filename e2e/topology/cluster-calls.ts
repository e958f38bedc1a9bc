/** What the nodes of a cluster themselves counted, and whether replicas have everything. */
import type { Cluster } from './cluster.ts';

export interface Calls {
  readonly master: number;
  readonly slave: number;
}

/**
 * Calls of `command`, in a pattern's words, since this was asked last, by the role of the node now.
 * What a master sends to its replicas counts there, too.
 */
export async function callsByRole(cluster: Cluster, command: string): Promise<Calls> {
  const sums = { master: 0, slave: 0 };
  for (const { server } of cluster.nodes) {
    if (!server.child().running()) continue;
    const client = await server.connect();
    const [role] = (await client.call('ROLE')) as ['master' | 'slave'];
    const stats = String(await client.call('INFO', 'commandstats'));
    const found = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0;
    sums[role] += Number(found);
    await client.call('CONFIG', 'RESETSTAT');
    client.close();
  }
  return sums;
}

/** Resolves when every replica has what its master has. */
export async function caughtUp(cluster: Cluster): Promise<void> {
  await cluster.onMasters(async (client) => {
    const replicas = await client.call('INFO', 'replication');
    const count = Number(/connected_slaves:(\d+)/.exec(String(replicas))?.[1]);
    const have = await client.call('WAIT', count, 50_000);
    if (Number(have) < count) throw new Error(`${have} of ${count} replicas caught up`);
  });
}
