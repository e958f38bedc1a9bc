/**
 * A command that stores what it makes of one key under another, in another slot: it runs where its
 * source lives and stores beside it, and the result is carried over.
 *
 *     ZRANGESTORE {s}1 source … ──► DUMP {s}1 ──► RESTORE dest … REPLACE ──► UNLINK {s}1
 */

import { CommandError } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import { expectBytes, expectReply, type Task, type Work } from './task.ts';
import { TemporaryKeys, temporaryMs } from './temporary.ts';

/** The destination is the command's first key: ZRANGESTORE, GEOSEARCHSTORE. */
export const storeFirst: Work = (task) => {
  const [destination, source] = task.keys as [number, number];
  return storeAfar(task, source, destination);
};

/** …or its last: GEORADIUS … STORE, SORT … STORE. */
export const storeLast: Work = (task) => {
  const [source, destination] = task.keys as [number, number];
  return storeAfar(task, source, destination);
};

async function storeAfar(task: Task, sourceAt: number, destinationAt: number): Promise<Resp> {
  const { backing, args } = task;
  const source = backing.own(args[sourceAt] as Buffer);
  const destination = backing.own(args[destinationAt] as Buffer);
  const beside = new TemporaryKeys(backing, backing.slotOf(source));
  const stored = beside.next();
  const request = args.map((arg, at) => {
    if (at === destinationAt) return stored;
    return at === sourceAt ? source : arg;
  });
  try {
    const [reply] = await Promise.all([
      backing.ask(source, request).then(expectReply),
      // In the same write: should the proxy end here, the result does not stay for ever.
      backing.ask(source, ['PEXPIRE', stored, String(temporaryMs)]),
    ]);
    const dump = expectBytes(await backing.ask(stored, ['DUMP', stored]));
    if (dump === null) {
      if (reply.type === 'integer' && reply.value !== 0) throw new CommandError(evicted);
      expectReply(await backing.ask(destination, ['DEL', destination]));
    } else {
      const restore = ['RESTORE', destination, '0', dump, 'REPLACE'];
      expectReply(await backing.ask(destination, restore));
    }
    return reply;
  } finally {
    await beside.remove();
  }
}

const evicted =
  'ERR the server removed the result before it was carried over (is it short of memory?); nothing was stored';
