/** One command to be done step by step: what the rooms of this folder are given and what they return. */
import { type Backing, CommandError, type Purse, tooLarge } from '../command/backing.ts';
import type { Protocol } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';

/** `args` are the client's, the name first, keys without any prefix. */
export interface Task {
  /** Full name in lower case: `sunion`, `object|encoding`. */
  readonly name: string;
  readonly args: readonly Buffer[];
  /** Argument numbers of the keys, in the order of the command's key specifications. */
  readonly keys: readonly number[];
  /** False when the arguments are such that there are no {@link keys} where some must be. */
  readonly isPlaced: boolean;
  /** What the client speaks: the value returned is written in it. */
  readonly protocol: Protocol;
  readonly backing: Backing;
  /** Pays for what {@link backing} answers and for what is kept of it. */
  readonly purse: Purse;
  /** Whether everything on the backend is this tenant's: neither a prefix nor a database of its own. */
  readonly alone: boolean;
  /** Aborted when the client goes away: nobody waits for the reply any more. */
  readonly left: AbortSignal;
  /** True once the command has taken longer than one may. */
  late(): boolean;
}

/** A value, or bytes that are a reply in the client's protocol already. */
export type Answer = Resp | Buffer;

/** The reply, an error included; a thrown {@link CommandError} is a reply too. */
export type Work = (task: Task) => Promise<Answer>;

export const ok: Resp = { type: 'simple', text: 'OK' };
export const syntaxError = 'ERR syntax error';

/** An error reply ends the work: the client is told what the server said. */
export function expectReply(reply: Resp): Resp {
  if (reply.type === 'error') throw new CommandError(reply.text);
  return reply;
}

/** A reply that is an integer, or an error that ends the work. */
export function expectInteger(reply: Resp): number {
  const value = expectReply(reply);
  if (value.type !== 'integer') throw new CommandError('ERR the server sent no integer');
  return Number(value.value);
}

/** Bytes of a bulk string, null for a null; an error ends the work. */
export function expectBytes(reply: Resp): Buffer | null {
  const value = expectReply(reply);
  if (value.type === 'null') return null;
  if (value.type !== 'bulk') throw new CommandError('ERR the server sent no bulk string');
  return value.bytes;
}

/** Items of an array of bulk strings; null items are left out. */
export function expectList(reply: Resp): Buffer[] {
  const value = expectReply(reply);
  if (value.type !== 'array') throw new CommandError('ERR the server sent no list');
  return value.items.flatMap((item) => (item.type === 'bulk' ? [item.bytes] : []));
}

/** Ends work that goes on for long: when its client went away, or its time is over. */
export function goOn(task: Task): void {
  if (task.left.aborted) throw new CommandError('ERR the client is gone');
  if (!task.late()) return;
  const name = task.name.toUpperCase();
  throw new CommandError(`ERR ${name} took longer than one command may; it was ended midway`);
}

/** What an entry of a Map or Set weighs besides its text. */
const entryBytes = 100;

/** Pays for `bytes` that are kept beyond the reply they came in. */
export function keep({ purse }: Task, bytes: number): void {
  if (!purse.take(bytes + entryBytes)) throw new CommandError(tooLarge);
}

/** Requests of one command that are on their way at once. */
const width = 64;

/**
 * Runs `work` over all items, some at once and each started in order. Resolves or rejects when none
 * is under way any more; the first failure in the order of `items` is the one thrown.
 */
export async function eachOf<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const failures: { index: number; error: unknown }[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        failures.push({ index, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  const [first] = failures.sort((a, b) => a.index - b.index);
  if (first !== undefined) throw first.error;
  return results;
}
