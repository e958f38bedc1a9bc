/** A plain redis-server as one side of a comparison. */
import { connectRaw, type RawClient, type RawClientOptions } from '../topology/raw-client.ts';
import type { RedisServer } from '../topology/redis.ts';
import { patienceMs } from '../topology/until.ts';
import type { Side } from './target.ts';

export interface RedisSideOptions {
  readonly protocol: 2 | 3;
  /** Where clients go, when not to the server itself. */
  readonly port?: number;
  /** Until a reply that does not come is given up. */
  readonly deadlineMs?: number;
}

export async function redisSide(server: RedisServer, options: RedisSideOptions): Promise<Side> {
  const admin = await server.connect();
  // Never the reason a test file stays open.
  admin.socket.unref();
  const address: RawClientOptions = {
    ...server.address,
    deadlineMs: options.deadlineMs ?? patienceMs,
  };
  const { protocol, port = server.port } = options;
  return {
    connect: () => connectRaw({ ...address, protocol, port }),
    reset: () => empty(admin),
    disturbed: () => Promise.resolve(null),
    blocked: () => blockedClients(admin),
  };
}

/** Keys, scripts and functions. */
export async function empty(admin: RawClient): Promise<void> {
  await admin.call('FLUSHALL');
  await admin.call('SCRIPT', 'FLUSH');
  await admin.call('FUNCTION', 'FLUSH');
}

export async function blockedClients(admin: RawClient): Promise<number> {
  const text = String(await admin.call('INFO', 'clients'));
  return Number(/^blocked_clients:(\d+)/m.exec(text)?.[1] ?? 0);
}
