/** The whole product on private ports: nats-server, a control plane, one proxy, set up by the API. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../scripts/test/port.ts';
import type { Backend } from './backends.ts';
import { temporaryFolder } from './backends.ts';
import type { Endpoint } from './load.ts';
import { cores, type Server, startServer, until } from './process.ts';
import type { Scope } from './scope.ts';

const root = join(import.meta.dirname, '..', '..');
const controlPlaneEntry = join(root, 'control-plane', 'src', 'main.ts');
export const proxyEntry = join(root, 'data-plane', 'src', 'main.ts');

const tenant = 'bench';
const user = 'load';

export interface ProductOptions {
  natsServer: string;
  backend: Backend;
  proxyEntry: string;
  /** Flags for the proxy's Node. */
  nodeFlags: readonly string[];
}

export interface Product {
  endpoint: Endpoint;
  proxy: Server;
}

/** NATS and a control plane that is ready. */
export interface Planes {
  natsUrl: string;
  natsMonitorUrl: string;
  apiUrl: string;
  apiToken: string;
  masterKey: string;
}

/** Only the proxy gets the measured core: nothing else of the product is on a command's way. */
export async function startProduct(scope: Scope, options: ProductOptions): Promise<Product> {
  const planes = await startPlanes(scope, options.natsServer);
  const token = await configure(planes, options.backend);
  const { proxyEntry: entry, nodeFlags } = options;
  const { port, proxy } = await startProxy(scope, planes, {
    ...{ id: 'bench', core: cores.measured, entry, nodeFlags },
  });
  return { endpoint: { port, credentials: { user: `${tenant}.${user}`, password: token } }, proxy };
}

export async function startPlanes(scope: Scope, natsServer: string): Promise<Planes> {
  const [natsPort, monitorPort, apiPort] = (await freePorts(3)) as [number, number, number];
  const planes: Planes = {
    natsUrl: `nats://127.0.0.1:${natsPort}`,
    natsMonitorUrl: `http://127.0.0.1:${monitorPort}`,
    apiUrl: `http://127.0.0.1:${apiPort}`,
    apiToken: randomBytes(24).toString('hex'),
    masterKey: randomBytes(32).toString('base64'),
  };
  await startNats(scope, natsServer, [natsPort, monitorPort]);
  await startControlPlane(scope, planes, apiPort);
  return planes;
}

async function startNats(scope: Scope, binary: string, ports: [number, number]): Promise<void> {
  const folder = temporaryFolder(scope, 'nats');
  const file = join(folder, 'nats.conf');
  const lines = [
    `listen: "127.0.0.1:${ports[0]}"`,
    `http: "127.0.0.1:${ports[1]}"`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))}, sync_interval: always }`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const args = ['-c', file];
  await startServer(scope, { command: binary, args, core: cores.others, port: ports[0], folder });
}

async function startControlPlane(scope: Scope, planes: Planes, port: number): Promise<void> {
  const { output } = await startServer(scope, {
    command: process.execPath,
    args: [controlPlaneEntry],
    core: cores.others,
    port,
    folder: temporaryFolder(scope, 'control-plane'),
    environment: {
      RESPOOL_API_HOST: '127.0.0.1',
      RESPOOL_API_PORT: String(port),
      RESPOOL_API_TOKEN: planes.apiToken,
      RESPOOL_NATS_URL: planes.natsUrl,
      RESPOOL_NATS_MONITOR_URL: planes.natsMonitorUrl,
      RESPOOL_MASTER_KEY: planes.masterKey,
      RESPOOL_LOG_LEVEL: 'warn',
    },
  });
  await until('the control plane is ready', () => answersOk(`${planes.apiUrl}/readyz`), output);
}

/** One tenant, one user with a generated token, one route; returns the token. */
async function configure(planes: Planes, { kind, nodes }: Backend): Promise<string> {
  const addresses = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const backend =
    kind === 'cluster'
      ? { kind: 'cluster', seeds: addresses }
      : { kind: 'standalone', address: addresses[0] };
  const isolation = { mode: 'dedicated' };
  const tokens = await change(planes, [
    { op: 'put', kind: 'backend', id: 'redis', value: backend },
    { op: 'put', kind: 'tenant', id: tenant, value: { isolation } },
    { op: 'put', kind: 'user', tenant, id: user, value: { secret: { token: 'generate' } } },
    { op: 'put', kind: 'route', tenant, id: 'main', value: { backend: 'redis' } },
  ]);
  const token = tokens[`${tenant}/${user}`];
  if (token === undefined) throw new Error('the control plane made no token');
  return token;
}

/**
 * One change of the configuration; returns the tokens it made, by `<tenant>/<user>`. `applied`:
 * every proxy serves with it when this resolves.
 */
export async function change(
  planes: Planes,
  changes: readonly object[],
  wait: 'applied' | null = null,
): Promise<Readonly<Record<string, string>>> {
  const query = wait === null ? '' : `?wait=${wait}`;
  const answer = await ask(planes, 'POST', `/v1/changes${query}`, { reason: 'bench', changes });
  return (answer as { tokens?: Record<string, string> }).tokens ?? {};
}

/** One request to the API; throws with the answer when that is none of success. */
export async function ask(
  planes: Planes,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(`${planes.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${planes.apiToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the control plane answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

export interface ProxyOptions {
  id: string;
  /** Null: wherever the kernel puts it. */
  core: number | null;
  entry: string;
  nodeFlags: readonly string[];
}

/** To be started after the change, so that ready means: serving with it. */
export async function startProxy(
  scope: Scope,
  planes: Planes,
  { id, core, entry, nodeFlags }: ProxyOptions,
): Promise<{ port: number; proxy: Server }> {
  const [respPort, adminPort] = (await freePorts(2)) as [number, number];
  const folder = temporaryFolder(scope, 'proxy');
  const proxy = await startServer(scope, {
    command: process.execPath,
    args: [...nodeFlags, entry],
    core,
    port: adminPort,
    folder,
    environment: {
      RESPOOL_RESP_HOST: '127.0.0.1',
      RESPOOL_RESP_PORT: String(respPort),
      RESPOOL_ADMIN_HOST: '127.0.0.1',
      RESPOOL_ADMIN_PORT: String(adminPort),
      RESPOOL_PROXY_ID: id,
      RESPOOL_CACHE_DIR: join(folder, 'cache'),
      RESPOOL_NATS_URL: planes.natsUrl,
      RESPOOL_MASTER_KEY: planes.masterKey,
      RESPOOL_LOG_LEVEL: 'warn',
    },
  });
  await until(
    'the proxy is ready',
    () => answersOk(`http://127.0.0.1:${adminPort}/readyz`),
    proxy.output,
  );
  return { port: respPort, proxy };
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
