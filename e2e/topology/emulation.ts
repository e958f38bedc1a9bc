/** The data plane alone, in this process, before a real cluster and a real server: a tenant of each kind. */
import { HotPath } from '@respool/data-plane/test/hot-path';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RedisServer, startRedis } from './redis.ts';
import type { Stage } from './stage.ts';

/** `own` may use all its backend has; `strict` wants no emulation. */
export const tenants = {
  'cluster-own': { backend: 'cluster', isolation: { mode: 'dedicated' } },
  'cluster-prefix': { backend: 'cluster', isolation: { mode: 'prefix', prefix: 'a.b:' } },
  'cluster-strict': {
    backend: 'cluster',
    isolation: { mode: 'prefix', prefix: 'x:' },
    crossSlot: 'refuse',
  },
  'server-own': { backend: 'server', isolation: { mode: 'dedicated' } },
  'server-prefix': { backend: 'server', isolation: { mode: 'prefix', prefix: 'p-' } },
  'server-db': { backend: 'server', isolation: { mode: 'db' }, database: 2 },
} as const;

export type TenantName = keyof typeof tenants;

export interface Emulation {
  readonly cluster: Cluster;
  readonly server: RedisServer;
  /** What every reply is compared with. */
  readonly reference: RedisServer;
  readonly path: HotPath;
  login(tenant: TenantName, protocol?: 2 | 3): Promise<RawClient>;
}

export async function startEmulation(
  stage: Stage,
  options: ClusterOptions = { replicas: 0 },
): Promise<Emulation> {
  const [cluster, server, reference] = await Promise.all([
    startCluster(stage, options),
    startRedis(stage, { name: 'server' }),
    startRedis(stage, { name: 'reference' }),
  ]);
  const nodes = cluster.seeds.map(({ port }) => ({ port }));
  const backends = { cluster: { nodes }, server: { nodes: [{ port: server.port }] } };
  const path = await HotPath.start({ backends, tenants });
  stage.defer(() => path.stop());
  return {
    cluster,
    server,
    reference,
    path,
    login: async (tenant, protocol = 2) => {
      const client = await connectRaw({ port: path.port, auth: [tenant, ''] });
      if (protocol === 3) await client.call('HELLO', 3);
      return client;
    },
  };
}
