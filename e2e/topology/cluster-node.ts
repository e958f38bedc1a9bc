/** One node of a real Redis Cluster, and questions put to it past any proxy. */
import type { Child } from './child.ts';
import type { RawClient } from './raw-client.ts';
import type { RedisServer } from './redis.ts';
import { ReplyError, type Value } from './reply.ts';

export interface ClusterNode {
  readonly id: string;
  readonly server: RedisServer;
}

const connections = new WeakMap<Child, RawClient>();

/**
 * One command to one node, thrown when it answers with an error; the connection is kept for the
 * next.
 */
export async function ask(server: RedisServer, ...args: (string | number)[]): Promise<Value> {
  const child = server.child();
  let client = connections.get(child);
  if (client === undefined || client.isClosed) {
    client = await server.connect();
    connections.set(child, client);
    // Never the reason a test file stays open.
    client.socket.unref();
  }
  const reply = await client.ask(...args);
  if (reply instanceof ReplyError) throw reply;
  return reply;
}

export async function isMaster({ server }: ClusterNode): Promise<boolean> {
  const role = await ask(server, 'ROLE');
  return Array.isArray(role) && role[0] === 'master';
}

export function firstOf<T>(list: readonly T[]): T {
  const [first] = list;
  if (first === undefined) throw new Error('expected at least one');
  return first;
}
