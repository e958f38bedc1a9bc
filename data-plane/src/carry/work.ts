/** Commands of several steps: alone in their session, bounded in memory, one reply at the end. */
import { CommandError, Purse } from '../command/backing.ts';
import type { Command } from '../command/request.ts';
import { emulate } from '../emulate/emulate.ts';
import type { Task } from '../emulate/task.ts';
import { encodeReply } from '../resp/encoder.ts';
import { errorReply, isAlone, replyLater } from './reply.ts';
import type { Scene } from './scene.ts';

/**
 * What came before in the session has its replies, what comes after waits: so the steps see every
 * earlier command's effect and none of a later one.
 */
export function carryWork(scene: Scene, command: Command): boolean {
  if (!isAlone(scene)) return false;
  replyLater(scene, command, work(scene, command));
  return true;
}

async function work(scene: Scene, command: Command): Promise<Buffer> {
  const { proxy, session } = scene;
  const { route, protocol } = session;
  if (route === null) throw new Error('invariant: work is planned where a route leads');
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  const database = session.way.upstream?.database ?? 0;
  const task: Task = {
    name: (command.facts as NonNullable<Command['facts']>).name,
    args: Array.from({ length: command.argc }, (_, index) => command.argument(index)),
    protocol,
    backing: route.backend.backing(database, session.way.prefix, purse),
  };
  try {
    return encodeReply(await emulate(task), protocol);
  } catch (error) {
    return errorOf(error);
  } finally {
    purse.empty();
  }
}

/** What steps that ended early tell the client; any other error is a fault of ours and thrown on. */
export function errorOf(error: unknown): Buffer {
  if (error instanceof CommandError) return errorReply(error.message);
  throw error;
}
