/** SORT whose patterns or destination lie in other slots, or under a prefix. */
import { type Argument, type Backing, CommandError } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import { storeLast } from './afar.ts';
import { byBytes, byNumber, type Weighed } from './sort-order.ts';
import { isElement, keyByPattern, namesKeys, readSortWish, type SortWish } from './sort-wish.ts';
import {
  type Answer,
  eachOf,
  expectBytes,
  expectInteger,
  expectList,
  expectReply,
  keep,
  type Task,
} from './task.ts';
import { TemporaryKeys, temporaryMs } from './temporary.ts';

export async function sort(task: Task): Promise<Answer> {
  const { args, backing } = task;
  const wish = readSortWish(args, task.name === 'sort_ro');
  if (backing.kind === 'standalone') return sortThere(task, wish);
  // In a cluster Redis refuses these two, even GET # (7.0).
  if (!namesKeys(wish.by) && wish.gets.length === 0) return storeLast(task);
  const source = backing.own(args[1] as Buffer);
  const elements = await sorted(task, source, wish);
  const values = await valuesOf(task, elements, wish.gets);
  if (wish.store === null) return { type: 'array', items: values.map(bulkOrNull) };
  return store(task, backing.own(args[wish.store] as Buffer), values);
}

/** One server has all keys: the patterns get the prefix, which holds no `*`. */
function sortThere({ args, backing }: Task, wish: SortWish): Promise<Buffer> {
  const source = backing.own(args[1] as Buffer);
  const request = [...args];
  for (const at of [1, ...wish.reaching]) request[at] = backing.own(args[at] as Buffer);
  return backing.relay(source, request);
}

/**
 * The elements in order, cut to LIMIT. Where no pattern decides, the server that has them sorts,
 * and says what it cannot.
 */
async function sorted({ backing }: Task, source: Buffer, wish: SortWish): Promise<Buffer[]> {
  const { descending, alpha, limit, by, store: stored } = wish;
  if (!namesKeys(by)) {
    const request: Argument[] = ['SORT', source];
    // A set has no order: Redis gives it one where the result is stored.
    const isSet = by !== null && stored !== null && (await typeOf(backing, source)) === 'set';
    if (by !== null && !isSet) request.push('BY', 'nosort');
    if (alpha || isSet) request.push('ALPHA');
    if (descending) request.push('DESC');
    if (limit !== null) request.push('LIMIT', String(limit[0]), String(limit[1]));
    return expectList(await backing.ask(source, request));
  }
  const elements = expectList(await backing.ask(source, ['SORT', source, 'BY', 'nosort']));
  const weighed = await eachOf(elements, async (element): Promise<Weighed> => {
    return { element, weight: await lookUp(backing, by, element) };
  });
  const order = alpha ? byBytes(weighed, descending) : byNumber(weighed, descending);
  if (order === null) {
    throw new CommandError("ERR One or more scores can't be converted into double");
  }
  const start = Math.max(0, limit?.[0] ?? 0);
  const count = limit?.[1] ?? -1;
  return order.slice(start, count < 0 ? order.length : start + count);
}

async function typeOf(backing: Backing, key: Buffer): Promise<string> {
  const reply = expectReply(await backing.ask(key, ['TYPE', key]));
  return reply.type === 'simple' ? reply.text : '';
}

/** Per element, what each GET gives; the element itself without any. */
async function valuesOf(
  task: Task,
  elements: readonly Buffer[],
  gets: readonly Buffer[],
): Promise<(Buffer | null)[]> {
  if (gets.length === 0) return [...elements];
  // A few thousand elements and as many patterns make millions of values.
  keep(task, elements.length * gets.length * valueBytes);
  const wanted = elements.flatMap((element) => gets.map((pattern) => ({ element, pattern })));
  return eachOf(wanted, ({ element, pattern }) => {
    return isElement(pattern) ? Promise.resolve(element) : lookUp(task.backing, pattern, element);
  });
}

/** What is asked for one value, and its place in the reply. */
const valueBytes = 100;

/** Null for a key that is not there, or not of the type the pattern wants. */
async function lookUp(backing: Backing, pattern: Buffer, element: Buffer): Promise<Buffer | null> {
  const place = keyByPattern(pattern, element);
  if (place === null) return null;
  const key = backing.own(place.key);
  const request = place.field === null ? ['GET', key] : ['HGET', key, place.field];
  const reply = await backing.ask(key, request);
  const isOther = reply.type === 'error' && reply.text.startsWith('WRONGTYPE');
  return isOther ? null : expectBytes(reply);
}

const pushedAtOnce = 1000;

/** Put together beside the destination, which is then replaced in one step. */
async function store(
  { backing }: Task,
  destination: Buffer,
  values: readonly (Buffer | null)[],
): Promise<Resp> {
  const count: Resp = { type: 'integer', value: values.length };
  if (values.length === 0) {
    expectReply(await backing.ask(destination, ['DEL', destination]));
    return count;
  }
  const beside = new TemporaryKeys(backing, backing.slotOf(destination));
  const list = beside.next();
  try {
    for (let from = 0; from < values.length; from += pushedAtOnce) {
      const some = values.slice(from, from + pushedAtOnce).map((one) => one ?? Buffer.alloc(0));
      const [length] = await Promise.all([
        backing.ask(list, ['RPUSH', list, ...some]).then(expectInteger),
        backing.ask(list, ['PEXPIRE', list, String(temporaryMs)]),
      ]);
      if (length !== from + some.length) throw new CommandError(evicted);
    }
    const request = ['SORT', list, 'BY', 'nosort', 'STORE', destination];
    const stored = expectInteger(await backing.ask(destination, request));
    if (stored !== values.length) throw new CommandError(evicted);
    return count;
  } finally {
    await beside.remove();
  }
}

const evicted =
  'ERR the server removed the result before it was stored (is it short of memory?), do it again';

function bulkOrNull(value: Buffer | null): Resp {
  return value === null ? { type: 'null', aggregate: false } : { type: 'bulk', bytes: value };
}
