/** node-redis's standalone and cluster clients with their default options, behind what both can do. */
import { type CommandParser, createClient, createCluster, defineScript } from 'redis';
import { sameSlot, type Target, trouble } from './checks.ts';

const body = "redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], ARGV[1]}";
/** Never seen before by any server. */
export const newScript = (): string => `-- ${Math.random()}\n${body}`;

function optionsOf({ user, password, protocol, keys }: Target) {
  const addBy = defineScript({
    NUMBER_OF_KEYS: 1,
    // A target's keys are its own: no server has seen its script before the first EVALSHA.
    SCRIPT: `-- ${keys}\n${body}`,
    parseCommand(parser: CommandParser, key: string, by: number) {
      parser.pushKey(key);
      parser.push(String(by));
    },
    transformReply: (reply: unknown) => reply,
  });
  return {
    scripts: { addBy },
    // The types of replies are those of the client's default; the checks compare the values.
    ...(protocol === null ? {} : { RESP: protocol as 3 }),
    login: {
      ...(user === null ? {} : { username: user }),
      ...(password === null ? {} : { password }),
    },
  };
}

function openSingle(target: Target) {
  const { login, ...options } = optionsOf(target);
  const { host, port } = target;
  return createClient({ socket: { host, port }, ...login, ...options });
}

type Client = ReturnType<typeof openSingle>;

/**
 * The cluster class has the same commands under the same names; where one connection is needed it
 * gives out that of a node.
 */
function openCluster(target: Target) {
  const { login, ...options } = optionsOf(target);
  const { host, port } = target;
  const rootNodes = [{ socket: { host, port } }];
  return createCluster({ rootNodes, defaults: login, ...options });
}

export interface Opened {
  readonly client: Client;
  /** The one connection that WATCH, SCAN and blocking commands of this target's keys need. */
  readonly node: Client;
}

/** Opens a client of the target's mode for one check. */
export async function using(
  target: Target,
  check: (opened: Opened) => Promise<void>,
): Promise<void> {
  if (target.mode === 'single') {
    const client = openSingle(target).on('error', trouble);
    try {
      await client.connect();
      await check({ client, node: client });
    } finally {
      client.destroy();
    }
    return;
  }
  const cluster = openCluster(target).on('error', trouble);
  try {
    await cluster.connect();
    const node = await cluster.getNodeClientForKey(sameSlot(target, ''));
    await check({ client: cluster as unknown as Client, node: node as unknown as Client });
  } finally {
    cluster.destroy();
  }
}

export function both(
  target: Target,
  check: (one: Opened, other: Opened) => Promise<void>,
): Promise<void> {
  return using(target, (one) => using(target, (other) => check(one, other)));
}

/** The same with the client's own cache, which needs RESP3; `hits` counts what came out of it. */
export async function usingCache(
  target: Target,
  check: (cached: Pick<Client, 'get'>, hits: () => number) => Promise<void>,
): Promise<void> {
  const { login } = optionsOf(target);
  const { host, port } = target;
  const at = { socket: { host, port } };
  const kept = { RESP: 3, clientSideCache: {} } as const;
  const client =
    target.mode === 'single'
      ? createClient({ ...at, ...login, ...kept })
      : createCluster({ rootNodes: [at], defaults: login, ...kept });
  client.on('error', trouble);
  try {
    await client.connect();
    await check(client, () => client.clientSideCache?.stats().hitCount ?? 0);
  } finally {
    client.destroy();
  }
}
