/** Single elements that change places between slots: SMOVE, LMOVE, RPOPLPUSH. */
import { CommandError } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import { expectBytes, expectInteger, expectReply, syntaxError, type Task } from './task.ts';

/**
 * Added before it is removed, so that it is never nowhere. Errors in the order of Redis 7.0
 * `smoveCommand`: a source that is not there hides a destination of the wrong type.
 */
export async function smove(task: Task): Promise<Resp> {
  const { args, backing } = task;
  const [from, to] = [backing.own(args[1] as Buffer), backing.own(args[2] as Buffer)];
  const member = args[3] as Buffer;
  const [exists, inSource, inDestination] = await Promise.all([
    backing.ask(from, ['EXISTS', from]),
    backing.ask(from, ['SISMEMBER', from, member]),
    backing.ask(to, ['SISMEMBER', to, member]),
  ]);
  if (expectInteger(exists) === 0) return integer(0);
  const is = expectInteger(inSource) === 1;
  expectReply(inDestination);
  if (!is) return integer(0);
  const added = expectInteger(await backing.ask(to, ['SADD', to, member]));
  const removed = await attempt(
    async () => expectInteger(await backing.ask(from, ['SREM', from, member])),
    'ERR SMOVE added the member to the destination, but may not have removed it from the source',
  );
  if (removed === 1) return integer(1);
  // Somebody else took it meanwhile: then it was not here to be moved.
  if (added === 1) {
    await attempt(
      async () => expectInteger(await backing.ask(to, ['SREM', to, member])),
      'ERR SMOVE added the member to the destination, where it should not be',
    );
  }
  return integer(0);
}

type Side = 'LEFT' | 'RIGHT';

/** Source: Redis 7.0 `lmoveCommand`. */
export async function lmove(task: Task): Promise<Resp> {
  const [from, to] = [sideOf(task.args[3] as Buffer), sideOf(task.args[4] as Buffer)];
  return moveElement(task, from, to);
}

export async function rpoplpush(task: Task): Promise<Resp> {
  return moveElement(task, 'RIGHT', 'LEFT');
}

/**
 * Popped, then pushed: two who pop never get one element. An element that cannot be pushed goes
 * back to where it was. A source that is not there hides a destination of the wrong type, as in
 * Redis 7.0 `lmoveGenericCommand`.
 */
async function moveElement(task: Task, popSide: Side, pushSide: Side): Promise<Resp> {
  const { args, backing } = task;
  const name = task.name.toUpperCase();
  const [from, to] = [backing.own(args[1] as Buffer), backing.own(args[2] as Buffer)];
  const [length, other] = await Promise.all([
    backing.ask(from, ['LLEN', from]),
    backing.ask(to, ['LLEN', to]),
  ]);
  if (expectInteger(length) === 0) return none;
  expectReply(other);
  const pop = popSide === 'LEFT' ? 'LPOP' : 'RPOP';
  const element = expectBytes(await backing.ask(from, [pop, from]));
  if (element === null) return none;
  try {
    const push = pushSide === 'LEFT' ? 'LPUSH' : 'RPUSH';
    expectReply(await backing.ask(to, [push, to, element]));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const back = popSide === 'LEFT' ? 'LPUSH' : 'RPUSH';
    const why = error.message.replace(/^ERR /, '');
    await attempt(
      async () => expectReply(await backing.ask(from, [back, from, element])),
      `ERR ${name} popped an element that could not be pushed (${why}) nor put back`,
    );
    throw new CommandError(`ERR ${name} put the element back, for it could not be pushed: ${why}`);
  }
  return { type: 'bulk', bytes: element };
}

function sideOf(word: Buffer): Side {
  const side = word.toString('latin1').toUpperCase();
  if (side !== 'LEFT' && side !== 'RIGHT') throw new CommandError(syntaxError);
  return side;
}

/** What fails behind a step that cannot be undone says what was done. */
async function attempt<T>(step: () => Promise<T>, done: string): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(`${done}: ${error.message.replace(/^ERR /, '')}`);
  }
}

const none: Resp = { type: 'null', aggregate: false };

function integer(value: number): Resp {
  return { type: 'integer', value };
}
