/**
 * A command over keys of several slots, done by a server itself: what lies elsewhere is copied
 * beside one of the keys, the command runs there on the copies, and the copies are removed.
 *
 *     DUMP a ─► RESTORE {t}1 ┐
 *     DUMP b ─► RESTORE {t}2 ├─► ZUNIONSTORE dest 2 {t}1 {t}2 ─► UNLINK {t}1 {t}2
 *                            │   (all of one slot)
 *
 * So results, order, digits of scores and errors are the server's own. The destination is written
 * in that one step.
 */
import { CommandError } from '../command/backing.ts';
import { type Answer, eachOf, expectBytes, expectReply, type Task, type Work } from './task.ts';
import { TemporaryKeys, temporaryMs } from './temporary.ts';

/** Beside the destination, which is the first key. */
export const besideFirst: Work = (task) => runBeside(task, task.keys[0] as number);

/** Beside the keys of the slot that has most of them. */
export const besideMost: Work = (task) => {
  const { backing, args, keys } = task;
  const counts = new Map<number, number>();
  const slotAt = (at: number): number => backing.slotOf(backing.own(args[at] as Buffer));
  for (const at of keys) counts.set(slotAt(at), (counts.get(slotAt(at)) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return runBeside(task, keys.find((at) => counts.get(slotAt(at)) === most) as number);
};

async function runBeside(task: Task, home: number): Promise<Answer> {
  const { backing, args, keys } = task;
  const homeKey = backing.own(args[home] as Buffer);
  const slot = backing.slotOf(homeKey);
  const copies = new TemporaryKeys(backing, slot);
  /** By the client's name: a key named twice is one key. */
  const names = new Map<string, Buffer>();
  const away: [from: Buffer, to: Buffer][] = [];
  for (const at of keys) {
    const name = (args[at] as Buffer).toString('latin1');
    const own = backing.own(args[at] as Buffer);
    if (names.has(name)) continue;
    const near = backing.slotOf(own) === slot;
    names.set(name, near ? own : copies.next());
    if (!near) away.push([own, names.get(name) as Buffer]);
  }
  const request = [...args];
  for (const at of keys) request[at] = names.get((args[at] as Buffer).toString('latin1')) as Buffer;
  let reply: Buffer;
  let whole: boolean | null;
  try {
    await eachOf(away, async ([from, to]) => {
      if (await copy(task, from, to)) copies.made++;
    });
    reply = await backing.relay(homeKey, request);
  } finally {
    whole = await copies.remove();
  }
  if (whole === false) throw new CommandError(evicted);
  return reply;
}

const evicted =
  'ERR the server removed copies of keys before this command was done with them (is it short of memory?); ' +
  'what it did may be wrong, do it again';

/** False when there is nothing at `from`. */
async function copy({ backing }: Task, from: Buffer, to: Buffer): Promise<boolean> {
  const dump = expectBytes(await backing.ask(from, ['DUMP', from]));
  if (dump === null) return false;
  expectReply(await backing.ask(to, ['RESTORE', to, String(temporaryMs), dump]));
  return true;
}
