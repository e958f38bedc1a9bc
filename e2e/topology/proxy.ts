/** A real proxy process on private ports, with a disk cache that outlives its restarts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/test/port.ts';
import type { Child } from './child.ts';
import type { NatsServer } from './nats.ts';
import { connectRaw, type RawClient, type RawClientOptions } from './raw-client.ts';
import type { Stage } from './stage.ts';
import { Hopeless, until } from './until.ts';

export interface ProxyOptions {
  readonly nats: NatsServer;
  readonly masterKey: string;
  /** Which NATS user it takes, and its id with it. */
  readonly index: number;
  readonly defaultTenant?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProxyProcess {
  readonly id: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly cacheFolder: string;
  child(): Child;
  connect(options?: Partial<RawClientOptions>): Promise<RawClient>;
  /** Resident set, bytes, as the kernel counts it. */
  rssBytes(): number;
  metrics(): Promise<string>;
  ready(): Promise<void>;
  kill9(): Promise<void>;
  stop(): Promise<number | NodeJS.Signals>;
  /** Starts it again on the same ports and cache; `ready` tells when it serves. */
  launch(): void;
  restart(): Promise<void>;
}

export const proxyMain = fileURLToPath(new URL('../../data-plane/src/main.ts', import.meta.url));

/** Starts the process without waiting. */
export async function launchProxy(stage: Stage, options: ProxyOptions): Promise<ProxyProcess> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const user = options.nats.proxy(options.index);
  const cacheFolder = join(stage.folder('proxy'), 'cache');
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const env: Record<string, string> = {
    RESPOOL_RESP_HOST: '127.0.0.1',
    RESPOOL_RESP_PORT: String(port),
    RESPOOL_ADMIN_HOST: '127.0.0.1',
    RESPOOL_ADMIN_PORT: String(adminPort),
    RESPOOL_PROXY_ID: user.user,
    RESPOOL_CACHE_DIR: cacheFolder,
    RESPOOL_NATS_URL: options.nats.url,
    RESPOOL_NATS_USER: user.user,
    RESPOOL_NATS_PASSWORD: user.password,
    RESPOOL_MASTER_KEY: options.masterKey,
    RESPOOL_DEFAULT_TENANT: options.defaultTenant ?? 'demo',
    RESPOOL_LOG_LEVEL: 'info',
    ...options.env,
  };
  const start = (): Child =>
    stage.child({ name: user.user, command: process.execPath, args: [proxyMain], env });
  let child = start();
  const ready = (): Promise<void> => isReady(child, adminUrl);
  return {
    id: user.user,
    port,
    adminUrl,
    cacheFolder,
    child: () => child,
    connect: (given = {}) => connectRaw({ port, ...given }),
    rssBytes: () => residentBytes(child.pid),
    metrics: async () => (await fetch(`${adminUrl}/metrics`)).text(),
    ready,
    kill9: () => child.kill9(),
    stop: () => child.stop(),
    launch: () => {
      if (child.running()) throw new Error(`${child.name} still runs`);
      child = start();
    },
    restart: async () => {
      await child.stop();
      child = start();
      await ready();
    },
  };
}

/** Starts a proxy and waits for its /readyz. */
export async function startProxy(stage: Stage, options: ProxyOptions): Promise<ProxyProcess> {
  const proxy = await launchProxy(stage, options);
  await proxy.ready();
  return proxy;
}

async function isReady(child: Child, adminUrl: string): Promise<void> {
  await until(
    async () => {
      if (!child.running()) throw new Hopeless(`${child.name} ended:\n${child.output()}`);
      return (await fetch(`${adminUrl}/readyz`)).status === 200;
    },
    { what: `${child.name} to be ready`, everyMs: 50 },
  );
}

/** `VmRSS` of /proc/<pid>/status, proc(5). */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`no VmRSS for pid ${pid}`);
  return Number(kilobytes) * 1024;
}
