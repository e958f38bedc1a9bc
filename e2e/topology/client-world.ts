/** A proxy with a tenant on a standalone server and one on a cluster, as client libraries see it. */
import assert from 'node:assert/strict';
import type { Outcome, Target } from './client-programs.ts';
import { startCluster } from './cluster.ts';
import { type RedisServer, startRedis } from './redis.ts';
import type { Stage } from './stage.ts';
import { clusterBody, createTenant, standaloneBody, startWorld, type World } from './world.ts';

export interface ClientWorld {
  readonly world: World;
  /** The server behind the standalone route, to compare with. */
  readonly single: RedisServer;
}

/** Tenants, each routed to the backend of its name. */
export const routes = ['standalone', 'cluster'] as const;
export type RouteName = (typeof routes)[number];

const password = 'a password, with: colon';
let targets = 0;

/** The tenant `open` is what a client without a login gets, on the cluster. */
export async function startClientWorld(stage: Stage): Promise<ClientWorld> {
  const [cluster, single, world] = await Promise.all([
    startCluster(stage, { replicas: 0 }),
    startRedis(stage),
    startWorld(stage, { proxies: 1, defaultTenant: 'open' }),
  ]);
  await world.api.put('/v1/backends/standalone', standaloneBody(single));
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  const prefixed = (prefix: string) => ({ isolation: { mode: 'prefix', prefix } as const });
  await createTenant(world.api, 'standalone', {
    ...prefixed('s:'),
    password,
    routes: ['standalone'],
  });
  await createTenant(world.api, 'cluster', { ...prefixed('c:'), password, routes: ['cluster'] });
  await createTenant(world.api, 'open', { ...prefixed('o:'), routes: ['cluster'] });
  return { world, single };
}

export interface Asked {
  /** Null: no login, so the default tenant. */
  readonly route: RouteName | null;
  readonly protocol: 2 | 3 | null;
  readonly mode: 'single' | 'cluster';
}

/** Where the proxy serves that; keys no other target has. */
export function targetOf({ world }: ClientWorld, { route, protocol, mode }: Asked): Target {
  const spoken = protocol === null ? 'its own protocol' : `RESP${protocol}`;
  return {
    name: `${route ?? 'no login'}, ${mode} mode, ${spoken}`,
    ...address(world.proxy.port),
    protocol,
    user: route,
    password: route === null ? null : password,
    mode,
  };
}

/** The standalone server itself, past the proxy: a check that fails here is wrong in itself. */
export function directTarget({ single }: ClientWorld): Target {
  const plain = { protocol: null, user: null, password: null, mode: 'single' } as const;
  return { name: 'redis-server itself', ...address(single.port), ...plain };
}

function address(port: number): Pick<Target, 'host' | 'port' | 'keys'> {
  targets += 1;
  return { host: '127.0.0.1', port, keys: `t${targets}:` };
}

/** Every check must have passed; throws with what each failed one told. */
export function assertOutcomes(outcomes: readonly Outcome[]): void {
  assert.ok(outcomes.length > 0, 'no check was run');
  const failed = outcomes.filter(({ ok }) => !ok).map(told);
  assert.equal(failed.length, 0, `${failed.length} of ${outcomes.length}:\n${failed.join('\n\n')}`);
}

function told({ target, check, detail }: Outcome): string {
  return `${check} (${target}): ${detail}`;
}
