/** Replies that name the keys they are about, made of one command per key: LMPOP, ZMPOP. */
import { CommandError } from '../command/backing.ts';
import { type Answer, syntaxError, type Task, type Work } from './task.ts';

/** `numkeys key … LEFT|RIGHT [COUNT n]`: one key after the other, until one has something. */
export const firstOf: Work = async (task) => {
  const { name, args, keys, backing } = task;
  const rest = args.slice((keys.at(-1) as number) + 1);
  // All words were taken for keys: then LEFT or RIGHT is missing.
  if (rest.length === 0) throw new CommandError(syntaxError);
  let reply: Answer = Buffer.alloc(0);
  for (const at of keys) {
    const key = backing.own(args[at] as Buffer);
    reply = await backing.relay(key, [name, '1', key, ...rest]);
    if (reply[0] === star && reply[1] !== dash) return unprefixed(task, reply);
    // An error ends it; it is the same whichever key meets it first.
    if (reply[0] === dash) return reply;
  }
  return reply;
};

const star = 42;
const dash = 45;
const opening = Buffer.from('*2\r\n');

/** `*2`, the key, what was taken of it: the key as the client calls it. */
function unprefixed({ backing }: Task, reply: Buffer): Buffer {
  const lengthEnd = reply.indexOf('\r\n', opening.length);
  const keyStart = lengthEnd + 2;
  const length = Number(reply.toString('latin1', opening.length + 1, lengthEnd));
  const key = backing.named(reply.subarray(keyStart, keyStart + length));
  if (key === null) throw new CommandError('ERR the server answered for another key');
  const header = Buffer.from(`$${key.length}\r\n`);
  return Buffer.concat([opening, header, key, reply.subarray(keyStart + length)]);
}
