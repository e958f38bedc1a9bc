/** A tenant behind the proxy as one side of a comparison, with neighbours that nothing may disturb. */
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import type { RedisServer } from '../topology/redis.ts';
import { slotOf } from '../topology/slot.ts';
import { blockedClients, empty } from './redis-side.ts';
import type { Side } from './target.ts';

export interface ProxiedSideOptions {
  /** Of the proxy. */
  readonly port: number;
  readonly tenant: string;
  readonly protocol: 2 | 3;
  /** Servers behind it: one, or the masters of a cluster with the slots of each. */
  readonly servers: readonly { readonly server: RedisServer; hasSlot(slot: number): boolean }[];
  /** What of these servers is the tenant's own; everything else is its neighbours'. */
  readonly own: Own;
}

export type Own =
  | { readonly isolation: 'prefix'; readonly prefix: string }
  | { readonly isolation: 'db'; readonly database: number }
  | { readonly isolation: 'dedicated' };

interface Server {
  readonly admin: RawClient;
  readonly databases: readonly number[];
  hasSlot(slot: number): boolean;
}

/** Some look like the program's own, as a server keeps them or as the program calls them. */
const neighbours = ['p2:s:0', 's:0', 'p2:{alpha}s:0', 'p:s:1', '{beta}u:0', 'p1', 'P1:s:0'];
const databases = [0, 1, 2, 9];

export async function proxiedSide(options: ProxiedSideOptions): Promise<Side> {
  const { port, protocol, tenant, own } = options;
  const isCluster = options.servers.length > 1;
  const servers: Server[] = await Promise.all(
    options.servers.map(async ({ server, hasSlot }) => {
      const admin = await server.connect();
      admin.socket.unref();
      return { admin, databases: isCluster ? [0] : databases, hasSlot };
    }),
  );
  const address = { port, protocol, auth: [tenant, 'any'] };
  const connect = (): Promise<RawClient> => connectRaw(address);
  return {
    connect,
    reset: async () => {
      await Promise.all(servers.map((server) => settle(server, own, isCluster)));
      const client = await connect();
      // Where scripts are not served there are none to forget.
      await client.pipeline([
        ['SCRIPT', 'FLUSH'],
        ['FUNCTION', 'FLUSH'],
      ]);
      client.close();
    },
    disturbed: async () => {
      const complaints = await Promise.all(servers.map((each) => complaint(each, own, isCluster)));
      return complaints.find((text) => text !== null) ?? null;
    },
    blocked: async () => {
      const counts = await Promise.all(servers.map(({ admin }) => blockedClients(admin)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}

function neighboursOn(server: Server, database: number, own: Own, isCluster: boolean): string[] {
  if (own.isolation === 'dedicated' || isOwnDatabase(own, database)) return [];
  return isCluster ? neighbours.filter((key) => server.hasSlot(slotOf(key))) : neighbours;
}

function isOwnDatabase(own: Own, database: number): boolean {
  return own.isolation === 'db' && own.database === database;
}

async function settle(server: Server, own: Own, isCluster: boolean): Promise<void> {
  await empty(server.admin);
  for (const database of server.databases) {
    const keys = neighboursOn(server, database, own, isCluster);
    if (keys.length === 0) continue;
    if (!isCluster) await server.admin.call('SELECT', database);
    for (const key of keys) await server.admin.call('SET', key, markOf(key, database));
  }
}

function markOf(key: string, database: number): string {
  return `neighbour ${key} ${database}`;
}

/** What a neighbour would complain about; null when every one has just what it had. */
async function complaint(server: Server, own: Own, isCluster: boolean): Promise<string | null> {
  if (own.isolation === 'dedicated') return null;
  for (const database of server.databases) {
    if (isOwnDatabase(own, database)) continue;
    if (!isCluster) await server.admin.call('SELECT', database);
    const wanted = neighboursOn(server, database, own, isCluster).sort();
    const all = ((await server.admin.call('KEYS', '*')) as string[]).map(String);
    const others = all.filter((key) => !isOwnKey(own, database, key)).sort();
    if (others.join() !== wanted.join()) {
      return `database ${database} holds ${others.join(' ')} instead of ${wanted.join(' ')}`;
    }
    for (const key of wanted) {
      const value = await server.admin.ask('GET', key);
      if (value !== markOf(key, database)) return `${key} of database ${database}: ${value}`;
    }
  }
  return null;
}

function isOwnKey(own: Own, database: number, key: string): boolean {
  return own.isolation === 'prefix' && database === 0 && key.startsWith(own.prefix);
}
