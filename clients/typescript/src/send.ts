/** One command over an ioredis client, from its words to what its reply says. */
import type { Cluster, Redis } from 'ioredis';
import type { Command } from './command.ts';
import { queueError } from './errors.ts';

export type Client = Redis | Cluster;

/** Rejects with a `QueueError` for an error reply, else with what the client says. */
export async function send<T>(client: Client, command: Command<T>): Promise<T> {
  const words = [command.name, ...command.words] as const;
  const reply = await client.callBuffer(...words).catch((error: unknown) => {
    throw queueError(error);
  });
  return command.read(reply);
}
