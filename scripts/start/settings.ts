/** Environment → what the embedded start runs where; a wrong value is named by its variable. */
import { join, resolve } from 'node:path';
import { projectRoot } from '../provision/tools-folder.ts';

/** Where a process of ours listens, and the setting that moves it. */
export interface Listen {
  readonly what: string;
  readonly host: string;
  readonly port: number;
  readonly variable: string;
}

export interface StartSettings {
  readonly stateFolder: string;
  readonly logLevel: string;
  readonly defaultTenant: string;
  readonly proxyId: string;
  readonly resp: Listen;
  readonly admin: Listen;
  readonly api: Listen;
  readonly nats: Listen;
  readonly natsMonitor: Listen;
  readonly redis: Listen;
}

type Environment = Readonly<Record<string, string | undefined>>;

const loopback = '127.0.0.1';

export function readStartSettings(env: Environment): StartSettings {
  const text = (variable: string, otherwise: string) => env[variable]?.trim() || otherwise;
  const listen = (what: string, host: string, variable: string, otherwise: number): Listen => {
    return { what, host, port: portOf(variable, env[variable], otherwise), variable };
  };
  const respHost = text('RESPOOL_RESP_HOST', loopback);
  const adminHost = text('RESPOOL_ADMIN_HOST', loopback);
  const apiHost = text('RESPOOL_API_HOST', loopback);
  const settings = {
    stateFolder: resolve(text('RESPOOL_STATE_DIR', join(projectRoot, '.respool'))),
    logLevel: text('RESPOOL_LOG_LEVEL', 'info'),
    defaultTenant: text('RESPOOL_DEFAULT_TENANT', 'demo'),
    proxyId: text('RESPOOL_PROXY_ID', 'proxy-1'),
    resp: listen('proxy', respHost, 'RESPOOL_RESP_PORT', 6380),
    admin: listen('proxy health and metrics', adminHost, 'RESPOOL_ADMIN_PORT', 9070),
    api: listen('control plane', apiHost, 'RESPOOL_API_PORT', 7070),
    nats: listen('embedded NATS', loopback, 'RESPOOL_EMBEDDED_NATS_PORT', 4322),
    natsMonitor: listen(
      'monitor of the embedded NATS',
      loopback,
      'RESPOOL_EMBEDDED_NATS_MONITOR_PORT',
      8322,
    ),
    redis: listen('embedded Redis', loopback, 'RESPOOL_EMBEDDED_REDIS_PORT', 6390),
  };
  // It becomes part of NATS subjects, as the acks' schema in contracts says.
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(settings.proxyId)) {
    throw new Error('RESPOOL_PROXY_ID must be 1 to 64 of A-Z a-z 0-9 _ -');
  }
  return settings;
}

function portOf(variable: string, value: string | undefined, otherwise: number): number {
  const text = value?.trim() ?? '';
  if (text === '') return otherwise;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new Error(`${variable} must be a port from 1 to 65535, not "${text}"`);
}

export function listensOf(settings: StartSettings): Listen[] {
  const { resp, admin, api, nats, natsMonitor, redis } = settings;
  return [resp, admin, api, nats, natsMonitor, redis];
}

/** `http://host:port`, with the brackets an IPv6 address needs. */
export function urlOf(protocol: 'http' | 'nats', { host, port }: Listen): string {
  return `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The same for somebody on this machine: an address that means "every one" is reached by loopback. */
export function localUrlOf(protocol: 'http' | 'nats', listen: Listen): string {
  return urlOf(protocol, { ...listen, host: localHostOf(listen) });
}

export function localHostOf({ host }: Listen): string {
  if (host === '0.0.0.0') return loopback;
  return host === '::' ? '::1' : host;
}
