/** What local answers are lent: the clients there are, the settings in force, small questions to servers. */

import type { Clients } from './clients.ts';
import { type Argument, CommandError, Purse } from './command/backing.ts';
import type { KeyspaceSample } from './observe/info.ts';
import type { Observe } from './observe/observe.ts';
import type { DataPlane } from './proxy.ts';
import { type Resp, textOf } from './resp/resp.ts';
import { slotOf } from './route/slot.ts';
import type { Authenticator } from './session/authenticate.ts';
import type { Announced } from './session/cluster.ts';
import type { AnswerServices } from './session/services.ts';
import type { Session } from './session/session.ts';
import type { Settings } from './settings.ts';

export interface AnswerParts {
  readonly settings: Settings;
  readonly authenticator: Authenticator;
  readonly observe: Observe;
  readonly infoFacts: AnswerServices['infoFacts'];
  /** Both are made after this and with it. */
  readonly clients: () => Clients;
  readonly proxy: () => DataPlane;
}

/** INFO is what clients wait for when they connect: a server that is slow to count is not waited for. */
const keyspaceMsMax = 500;

export function answerServices(parts: AnswerParts): AnswerServices {
  const { settings, observe } = parts;
  return {
    authenticator: parts.authenticator,
    observe,
    infoFacts: parts.infoFacts,
    clients: { of: (tenant) => parts.clients().of(tenant) },
    config: {
      port: settings.respPort,
      connectionsMax: settings.connectionsMax,
      argumentBytesMax: settings.requests.request.argumentBytesMax,
      slowerThanUs: settings.slowerThanUs,
      slowLogEntriesMax: observe.slowLog.entriesMax,
    },
    announced: ({ client }) => announced(settings, client.localAddress),
    slotOf: (key) => slotOf(key, 0, key.length, 0),
    askSlot: (session, slot, args) => askSlot(parts.proxy(), session, slot, args),
    keyspace: (session) => soon(keyspace(parts.proxy(), session), []),
  };
}

/** As configured where a balancer or a translation stands between, else our side of the socket. */
export function announced(
  { announceHost, announcePort }: Pick<Settings, 'announceHost' | 'announcePort'>,
  localAddress: string,
): Announced {
  const colon = localAddress.lastIndexOf(':');
  const host = localAddress.slice(0, colon).replace(/^::ffff:(?=\d+\.)/, '');
  return {
    host: announceHost ?? host,
    port: announcePort ?? Number(localAddress.slice(colon + 1)),
  };
}

async function askSlot(
  proxy: DataPlane,
  session: Session,
  slot: number,
  args: readonly Argument[],
): Promise<Resp> {
  const owner = session.way.upstream?.slots?.[slot];
  if (owner === undefined) throw new Error('invariant: asked where slots lead to servers');
  return await asked(proxy, session, ({ askNode }) => askNode(owner.address, args));
}

/**
 * INFO keyspace of every server, for a tenant whose databases are its own; the client's numbers:
 * in `db` mode its one database is its database 0.
 */
async function keyspace(proxy: DataPlane, session: Session): Promise<KeyspaceSample[]> {
  const { route, way } = session;
  if (route === null || way.prefix !== null) return [];
  const own = route.database;
  const found = new Map<number, KeyspaceSample>();
  const texts = await asked(proxy, session, async ({ nodes, askNode }) => {
    const replies = await Promise.all(nodes().map((node) => askNode(node, ['INFO', 'keyspace'])));
    return { type: 'array', items: replies };
  });
  for (const reply of texts.type === 'array' ? texts.items : []) {
    for (const [, ...parts] of (textOf(reply) ?? '').matchAll(line)) {
      const [server = 0, keys = 0, expires = 0, ttlMs = 0] = parts.map(Number);
      if (own !== null && server !== own) continue;
      const database = own === null ? server : 0;
      const before = found.get(database);
      const sum = { keys: keys + (before?.keys ?? 0), expires: expires + (before?.expires ?? 0) };
      found.set(database, { database, ...sum, ttlMs: Math.max(ttlMs, before?.ttlMs ?? 0) });
    }
  }
  return [...found.values()];
}

const line = /^db(\d+):keys=(\d+),expires=(\d+),avg_ttl=(\d+)/gm;

interface Asking {
  readonly nodes: () => readonly string[];
  readonly askNode: (node: string, args: readonly Argument[]) => Promise<Resp>;
}

/** The session's backend is asked, in whatever database; where no reply comes, its error is the value. */
async function asked(
  proxy: DataPlane,
  session: Session,
  ask: (backing: Asking) => Promise<Resp>,
): Promise<Resp> {
  const { route, way } = session;
  if (route === null) throw new Error('invariant: asked where a route leads');
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  const backing = route.backend.backing(2, 0, way.prefix, purse);
  try {
    return await ask({
      nodes: () => backing.nodes(),
      askNode: (node, args) => backing.askNode(node, args),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { type: 'error', text: error.message, bulk: false };
  } finally {
    purse.empty();
  }
}

function soon<T>(value: Promise<T>, otherwise: T): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  const timer = setTimeout(() => resolve(otherwise), keyspaceMsMax);
  return Promise.race([value, promise]).finally(() => clearTimeout(timer));
}
