/** The hot path in this process before real servers, standalone and cluster: for stories about commands. */
import { HotPath } from '@respool/data-plane/test/hot-path';
import type { TestTenant } from '@respool/data-plane/test/tenant-state';
import { type Cluster, startCluster } from './cluster.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RedisServer, startRedis } from './redis.ts';
import type { Stage } from './stage.ts';

/** Tenants by kind of backend and isolation; `none` admits anyone from loopback. */
const tenants = {
  demo: { backend: 'one', isolation: { mode: 'dedicated' } },
  prefixed: { backend: 'one', isolation: { mode: 'prefix', prefix: 'p:' } },
  numbered: { backend: 'one', isolation: { mode: 'db' }, database: 5 },
  reader: { backend: 'one', isolation: { mode: 'db' }, database: 6, readOnly: true },
  spread: { backend: 'three', isolation: { mode: 'dedicated' } },
  both: { backend: 'three', isolation: { mode: 'prefix', prefix: 'b:' } },
} as const satisfies Record<string, TestTenant>;

export type SurfaceTenant = keyof typeof tenants;
export const surfaceTenants = Object.keys(tenants) as readonly SurfaceTenant[];

export interface Surface {
  readonly path: HotPath;
  readonly redis: RedisServer;
  readonly cluster: Cluster;
  /** A client of that tenant, logged in. */
  client(tenant: SurfaceTenant, protocol?: 2 | 3): Promise<RawClient>;
}

/** `more` tenants stand beside those above, over those of the same name. */
export async function startSurface(
  stage: Stage,
  more: Readonly<Record<string, TestTenant>> = {},
): Promise<Surface> {
  const [redis, cluster] = await Promise.all([
    startRedis(stage),
    startCluster(stage, { masters: 3, replicas: 0 }),
  ]);
  const path = await HotPath.start({
    backends: {
      one: { nodes: [{ port: redis.port }] },
      three: { nodes: cluster.nodes.map(({ server }) => ({ port: server.port })) },
    },
    tenants: { ...tenants, ...more },
  });
  stage.defer(() => path.stop());
  return {
    path,
    redis,
    cluster,
    client: (tenant, protocol = 2) => connectRaw({ port: path.port, auth: [tenant, ''], protocol }),
  };
}
