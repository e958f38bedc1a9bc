/** Every kind of tenant on both kinds of backend, behind one proxy, beside one plain redis-server. */
import { startCluster } from '../topology/cluster.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import type { Stage } from '../topology/stage.ts';
import { clusterBody, createTenant, standaloneBody, startWorld } from '../topology/world.ts';
import { type Own, type ProxiedSideOptions, proxiedSide } from './proxied-side.ts';
import { redisSide } from './redis-side.ts';
import { lookalike } from './source.ts';
import type { Target } from './target.ts';

export interface Targets {
  readonly plain: RedisServer;
  readonly targets: readonly Target[];
}

interface Tenancy {
  readonly backend: string;
  readonly route: Target['route'];
  readonly own: Own;
}

const prefix = { isolation: 'prefix', prefix: lookalike } as const;

/** By tenant. The control plane gives the first `db` tenant of a backend its database 1. */
const tenancies: Readonly<Record<string, Tenancy>> = {
  'standalone-prefix': { backend: 'shared', route: 'standalone', own: prefix },
  'standalone-db': {
    backend: 'shared',
    route: 'standalone',
    own: { isolation: 'db', database: 1 },
  },
  'standalone-dedicated': {
    backend: 'alone',
    route: 'standalone',
    own: { isolation: 'dedicated' },
  },
  'cluster-prefix': { backend: 'shared-cluster', route: 'cluster', own: prefix },
  'cluster-dedicated': {
    backend: 'own-cluster',
    route: 'cluster',
    own: { isolation: 'dedicated' },
  },
};

export const targetNames = Object.keys(tenancies).flatMap((tenant) => [
  `${tenant}, RESP2`,
  `${tenant}, RESP3`,
]);

export async function startTargets(stage: Stage): Promise<Targets> {
  const [plain, shared, alone, world, sharedCluster, ownCluster] = await Promise.all([
    startRedis(stage, { name: 'plain' }),
    startRedis(stage, { name: 'shared' }),
    startRedis(stage, { name: 'alone' }),
    startWorld(stage, { proxies: 1 }),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startCluster(stage, { masters: 3, replicas: 0 }),
  ]);
  const { api, proxy } = world;
  await api.put('/v1/backends/shared', standaloneBody(shared));
  await api.put('/v1/backends/alone', standaloneBody(alone));
  await api.put('/v1/backends/shared-cluster', clusterBody(sharedCluster));
  await api.put('/v1/backends/own-cluster', clusterBody(ownCluster));
  const one = (server: RedisServer) => [{ server, hasSlot: () => true }];
  const many = (cluster: typeof ownCluster) =>
    cluster.nodes.map(({ server }, index) => {
      const [from, to] = [index, index + 1].map((at) => Math.floor((at * 16_384) / 3));
      return { server, hasSlot: (slot: number) => slot >= (from ?? 0) && slot < (to ?? 0) };
    });
  const servers: Readonly<Record<string, ProxiedSideOptions['servers']>> = {
    ...{ shared: one(shared), alone: one(alone) },
    ...{ 'shared-cluster': many(sharedCluster), 'own-cluster': many(ownCluster) },
  };
  const targets: Target[] = [];
  for (const [tenant, { backend, route, own }] of Object.entries(tenancies)) {
    await createTenant(api, tenant, { isolation: isolationBody(own), routes: [backend] });
    for (const protocol of [2, 3] as const) {
      const behind = { port: proxy.port, servers: servers[backend] ?? [] };
      targets.push({
        ...{ name: `${tenant}, RESP${protocol}`, route, isolation: own.isolation, protocol },
        plain: await redisSide(plain, { protocol }),
        proxied: await proxiedSide({ ...behind, tenant, protocol, own }),
      });
    }
  }
  return { plain, targets };
}

function isolationBody(own: Own): { mode: 'dedicated' } | { mode: 'db' } | typeof prefixBody {
  if (own.isolation === 'prefix') return prefixBody;
  return { mode: own.isolation };
}

const prefixBody = { mode: 'prefix', prefix: lookalike } as const;
