/**
 * The usual set: NATS, control planes and proxies, and builders for what an operator configures.
 */
import { randomBytes } from 'node:crypto';
import type { Api } from './api.ts';
import type { Cluster } from './cluster.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { type NatsServer, startNats } from './nats.ts';
import { type ProxyProcess, startProxy } from './proxy.ts';
import type { RedisServer } from './redis.ts';
import type { Stage } from './stage.ts';

export interface WorldOptions {
  /** Started already; it has a user for each proxy. */
  readonly nats?: NatsServer;
  readonly proxies?: number;
  readonly controlPlanes?: number;
  readonly proxyEnv?: Readonly<Record<string, string>>;
  readonly controlPlaneEnv?: Readonly<Record<string, string>>;
  readonly defaultTenant?: string;
}

export interface World {
  readonly nats: NatsServer;
  readonly masterKey: string;
  readonly controlPlanes: readonly ControlPlane[];
  readonly proxies: readonly ProxyProcess[];
  /** The first control plane's. */
  readonly api: Api;
  /** The first proxy. */
  readonly proxy: ProxyProcess;
}

/** Starts everything and waits until both planes are ready. */
export async function startWorld(stage: Stage, options: WorldOptions = {}): Promise<World> {
  const nats = options.nats ?? (await startNats(stage, { proxies: (options.proxies ?? 2) + 1 }));
  const masterKey = randomBytes(32).toString('base64');
  const controlPlanes: ControlPlane[] = [];
  for (let index = 0; index < (options.controlPlanes ?? 1); index += 1) {
    // One after the other: the first creates stream and buckets, as an installation would see it.
    const env = options.controlPlaneEnv ?? {};
    controlPlanes.push(await startControlPlane(stage, { nats, masterKey, env }));
  }
  const proxies = await Promise.all(
    Array.from({ length: options.proxies ?? 2 }, (_, index) =>
      startProxy(stage, {
        nats,
        masterKey,
        index,
        ...(options.proxyEnv === undefined ? {} : { env: options.proxyEnv }),
        ...(options.defaultTenant === undefined ? {} : { defaultTenant: options.defaultTenant }),
      }),
    ),
  );
  const [controlPlane, proxy] = [controlPlanes[0], proxies[0]];
  if (controlPlane === undefined || proxy === undefined) {
    throw new Error('a world has at least one control plane and one proxy');
  }
  return { nats, masterKey, controlPlanes, proxies, api: controlPlane.api, proxy };
}

export interface TenantOptions {
  readonly isolation?: { mode: 'dedicated' } | { mode: 'db' } | { mode: 'prefix'; prefix: string };
  /** Password of the user `default`; none without. */
  readonly password?: string;
  /** Backend ids; the first is the default route. Routes are called like their backend. */
  readonly routes?: readonly string[];
  readonly readOnly?: boolean;
}

/**
 * A tenant with its user `default` and its routes, one change, applied everywhere when this
 * resolves.
 */
export async function createTenant(
  api: Api,
  id: string,
  options: TenantOptions = {},
): Promise<void> {
  const isolation = options.isolation ?? { mode: 'dedicated' };
  const user = { readOnly: options.readOnly ?? false, secret: secretOf(options.password) };
  await api.changeApplied([
    { op: 'put', kind: 'tenant', id, value: { isolation } },
    { op: 'put', kind: 'user', tenant: id, id: 'default', value: user },
    ...(options.routes ?? []).map((backend, index) => ({
      ...{ op: 'put', kind: 'route', tenant: id, id: backend },
      value: { backend, default: index === 0 },
    })),
  ]);
}

/** A user's secret as the API takes it: a password, or none (honoured on loopback only). */
export function secretOf(password: string | undefined): object {
  return password === undefined ? { none: true } : { password };
}

/** Body of a standalone backend as the API takes it. */
export function standaloneBody(server: RedisServer, extra: object = {}): object {
  return {
    kind: 'standalone',
    address: { host: server.host, port: server.port },
    ...credentials(server.password, server.certificate?.authority),
    ...extra,
  };
}

/** Body of a cluster backend. */
export function clusterBody(cluster: Cluster, extra: object = {}): object {
  return {
    kind: 'cluster',
    seeds: cluster.seeds,
    ...credentials(cluster.password, cluster.authority),
    ...extra,
  };
}

function credentials(password: string | undefined, authority: string | undefined): object {
  return {
    ...(password === undefined ? {} : { password }),
    ...(authority === undefined
      ? {}
      : { tls: { serverName: 'localhost', authority, verify: true } }),
  };
}
