/** Commands of several steps: alone in their session, bounded in memory and time, one reply at the end. */
import { CommandError, Purse } from '../command/backing.ts';
import type { CommandFacts } from '../command/command.ts';
import { keyPositions } from '../command/keys.ts';
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
  const leaving = new AbortController();
  const gone = (): void => leaving.abort();
  const wait = { ending: () => {}, gone, unblock: () => {}, blocks: false };
  replyLater(scene, command, work(scene, command, leaving.signal), wait);
  return true;
}

async function work(scene: Scene, command: Command, left: AbortSignal): Promise<Buffer> {
  const { proxy, session } = scene;
  const { protocol } = session;
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  try {
    const answer = await emulate(taskOf(scene, command, purse, left));
    return Buffer.isBuffer(answer) ? answer : encodeReply(answer, protocol);
  } catch (error) {
    return errorOf(error);
  } finally {
    purse.empty();
  }
}

function taskOf(
  { proxy, session }: Scene,
  command: Command,
  purse: Purse,
  left: AbortSignal,
): Task {
  const { route, protocol, way } = session;
  if (route === null) throw new Error('invariant: work is planned where a route leads');
  const facts = command.facts as CommandFacts;
  const { argc, starts, ends } = command;
  const keys = new Int32Array(argc);
  const count = keyPositions(facts, command.bytes, argc, starts, ends, keys);
  const end = performance.now() + proxy.limits.workMsMax;
  return {
    name: facts.name,
    args: Array.from({ length: argc }, (_, index) => command.argument(index)),
    keys: Array.from(keys.subarray(0, Math.max(0, count))),
    isPlaced: count > 0 || facts.keySpecs.length === 0,
    protocol,
    backing: route.backend.backing(protocol, way.upstream?.database ?? 0, way.prefix, purse),
    purse,
    alone: !way.shared,
    left,
    late: () => performance.now() > end,
  };
}

/** What steps that ended early tell the client; any other error is a fault of ours and thrown on. */
export function errorOf(error: unknown): Buffer {
  if (error instanceof CommandError) return errorReply(error.message);
  throw error;
}
