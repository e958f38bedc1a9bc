/** FLUSHDB and FLUSHALL: a tenant's own keys and nobody else's. */
import { CommandError } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import { isPrefixed } from './keyspace.ts';
import { eachOf, expectInteger, expectReply, ok, syntaxError, type Task } from './task.ts';
import { walk } from './walk.ts';

/** `[ASYNC | SYNC]`. Source: Redis 7.0 `getFlushCommandFlags`. */
export async function flush(task: Task): Promise<Resp> {
  const { args, alone } = task;
  const how = args.slice(1).map((word) => word.toString('latin1').toUpperCase());
  if (how.length > 1 || !how.every((word) => word === 'ASYNC' || word === 'SYNC')) {
    throw new CommandError(syntaxError);
  }
  if (isPrefixed(task)) return removeAll(task);
  // A database of its own is all that is the tenant's on that server.
  const name = alone ? task.name.toUpperCase() : 'FLUSHDB';
  return flushNodes(task, [name, ...how]);
}

async function flushNodes({ backing }: Task, request: readonly string[]): Promise<Resp> {
  const nodes = backing.nodes();
  const failures = await eachOf(nodes, async (node) => {
    try {
      expectReply(await backing.askNode(node, request));
      return null;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return `${node} said: ${error.message}`;
    }
  });
  const failed = failures.filter((one) => one !== null);
  if (failed.length === 0) return ok;
  const done = `${nodes.length - failed.length} of ${nodes.length} nodes`;
  throw new CommandError(`ERR ${request[0]} was done on ${done}; ${failed.join('; ')}`);
}

/**
 * Keys written meanwhile may stay, as if they had been written behind it. A client that leaves does
 * not end it: what is half flushed would serve nobody.
 */
async function removeAll(asked: Task): Promise<Resp> {
  const task = { ...asked, left: new AbortController().signal };
  let removed = 0;
  try {
    await walk(task, null, async (keys) => {
      const { level } = task.purse;
      removed += await unlink(task, keys);
      task.purse.lower(level);
      return true;
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const name = task.name.toUpperCase();
    const why = error.message.replace(/^ERR /, '');
    throw new CommandError(`ERR ${name} removed ${removed} keys, then it ended: ${why}`);
  }
  return ok;
}

/** One UNLINK per slot. */
async function unlink({ backing }: Task, keys: readonly Buffer[]): Promise<number> {
  const bySlot = new Map<number, Buffer[]>();
  for (const key of keys) {
    const own = backing.own(key);
    const slot = backing.slotOf(own);
    const same = bySlot.get(slot);
    if (same === undefined) bySlot.set(slot, [own]);
    else same.push(own);
  }
  const counts = await eachOf([...bySlot.values()], async (same) =>
    expectInteger(await backing.ask(same[0] as Buffer, ['UNLINK', ...same])),
  );
  return counts.reduce((sum, one) => sum + one, 0);
}
