/** One round of a blocking command over keys of several slots, by commands that do not block. */
import type { BlockingThat } from '@respool/contracts/commands/blocking';
import type { Backing, Purse } from '../command/backing.ts';
import { emulate } from '../emulate/emulate.ts';
import { TemporaryKeys } from '../emulate/temporary.ts';
import type { Protocol } from '../resp/encoder.ts';
import { itemsOf, type Resp } from '../resp/resp.ts';

/** Asks every key once, in order; null when none has anything. Keys in it are the backend's. */
export type Round = () => Promise<Resp | null>;

/** `args` as the client sent them, its keys at `places`; prepares what must be known beforehand. */
export type Attempt = (
  backing: Backing,
  args: readonly Buffer[],
  places: readonly number[],
  purse: Purse,
) => Promise<Round>;

type Ask = (key: Buffer, args: readonly Buffer[]) => (string | Buffer)[];

/** The first key's reply that is not nil; an error ends the round, as the command in one Redis would. */
function firstOf(ask: Ask, shape: (key: Buffer, reply: Resp) => Resp | null): Attempt {
  return async (backing, args, places) => async () => {
    for (const place of places) {
      const key = backing.own(args[place] as Buffer);
      const reply = await backing.ask(key, ask(key, args));
      if (reply.type === 'error') return reply;
      const made = shape(key, reply);
      if (made !== null) return made;
    }
    return null;
  };
}

function popped(key: Buffer, reply: Resp): Resp | null {
  if (reply.type === 'null') return null;
  return { type: 'array', items: [{ type: 'bulk', bytes: key }, reply] };
}

function scored(key: Buffer, reply: Resp): Resp | null {
  const items = itemsOf(reply) ?? [];
  if (items.length === 0) return null;
  return { type: 'array', items: [{ type: 'bulk', bytes: key }, ...items] };
}

const orNull = (_key: Buffer, reply: Resp): Resp | null => (reply.type === 'null' ? null : reply);

/** `BLMPOP timeout numkeys key… LEFT [COUNT n]` → `LMPOP 1 key LEFT [COUNT n]`. */
function oneOfMany(word: string): Ask {
  return (key, args) => [word, '1', key, ...args.slice(3 + Number(args[2]))];
}

/** One stream at a time with its own id; what several have is one reply. */
const streams: Attempt = async (backing, args, places) => {
  const first = places[0] as number;
  const options = args.slice(0, first).filter((_, at) => !isBlock(args, at));
  const refusal = await refusalOf(backing, args, places, options);
  if (refusal !== null) return async () => refusal;
  const ids = await Promise.all(
    places.map((place) => idOf(backing, args, place, args[place + places.length] as Buffer)),
  );
  return async () => {
    const found: Resp[] = [];
    for (const [index, place] of places.entries()) {
      const key = backing.own(args[place] as Buffer);
      const reply = await backing.ask(key, [...options, key, ids[index] as Buffer]);
      if (reply.type === 'error') return reply;
      found.push(...(itemsOf(reply) ?? []));
    }
    return found.length === 0 ? null : { type: 'array', items: found };
  };
};

const plainId = /^(?:>|\d{1,19}(?:-\d{1,19})?)$/;

/**
 * What is wrong with any of the streams: entries of the first count as delivered once they are
 * read, so XREADGROUP reads none before it has looked at all. Source: Redis 7.0 `xreadCommand`.
 */
async function refusalOf(
  backing: Backing,
  args: readonly Buffer[],
  places: readonly number[],
  options: readonly Buffer[],
): Promise<Resp | null> {
  if (!/^xreadgroup$/i.test(args[0]?.toString('latin1') ?? '')) return null;
  const absent = new TemporaryKeys(backing, 0).next();
  const nowhere = places.map(() => absent);
  const tried = await backing.ask(absent, [...options, ...nowhere, ...places.map(() => '>')]);
  // Of a stream that is not there the server says so once all options are right.
  if (tried.type === 'error' && !tried.text.startsWith('NOGROUP')) return tried;
  const word = options.findIndex((one) => /^group$/i.test(one.toString('latin1')));
  const group = options[word + 1] as Buffer;
  for (const place of places) {
    const [name, id] = [args[place] as Buffer, args[place + places.length] as Buffer];
    const key = backing.own(name);
    const pending = await backing.ask(key, ['XPENDING', key, group]);
    if (pending.type === 'error') return noGroup(pending, name, group);
    if (plainId.test(id.toString('latin1'))) continue;
    const reply = await backing.ask(key, [...options, key, id]);
    if (reply.type === 'error') return reply;
  }
  return null;
}

function noGroup(error: Resp & { type: 'error' }, name: Buffer, group: Buffer): Resp {
  if (!error.text.startsWith('NOGROUP')) return error;
  const [key, of] = [name, group].map((one) => one.toString('latin1').split('\0', 1)[0]);
  const text = `NOGROUP No such key '${key}' or consumer group '${of}'`;
  return { ...error, text: `${text} in XREADGROUP with GROUP option` };
}

/** BLOCK and its value. */
function isBlock(args: readonly Buffer[], at: number): boolean {
  const is = (index: number): boolean => /^block$/i.test(args[index]?.toString('latin1') ?? '');
  return is(at) || (at > 0 && is(at - 1));
}

/** `$` is the last entry there is when the command comes, whichever round finds the next one. */
async function idOf(
  backing: Backing,
  args: readonly Buffer[],
  place: number,
  id: Buffer,
): Promise<Buffer> {
  if (id.toString('latin1') !== '$') return id;
  const key = backing.own(args[place] as Buffer);
  const info = await backing.ask(key, ['XINFO', 'STREAM', key]);
  const fields = itemsOf(info) ?? [];
  const at = fields.findIndex((one) => one.type === 'bulk' && String(one.bytes) === lastId);
  const value = at < 0 ? undefined : fields[at + 1];
  return value?.type === 'bulk' ? value.bytes : Buffer.from('0-0');
}

const lastId = 'last-generated-id';

/** By the steps of `name`, which takes the same arguments but the timeout. */
function moving(name: string): Attempt {
  const left = new AbortController().signal;
  return async (backing, args, keys, purse) => async () => {
    const steps = { name, args, keys, isPlaced: true, alone: false, left, late: () => false };
    const moved = await emulate({ ...steps, protocol: 2, backing, purse });
    if (Buffer.isBuffer(moved)) throw new Error('invariant: an element is moved as a value');
    return moved.type === 'null' ? null : moved;
  };
}

const popping: Readonly<Record<BlockingThat<'pops'>, Attempt>> = {
  blpop: firstOf((key) => ['LPOP', key], popped),
  brpop: firstOf((key) => ['RPOP', key], popped),
  bzpopmin: firstOf((key) => ['ZPOPMIN', key], scored),
  bzpopmax: firstOf((key) => ['ZPOPMAX', key], scored),
  blmpop: firstOf(oneOfMany('LMPOP'), orNull),
  bzmpop: firstOf(oneOfMany('ZMPOP'), orNull),
};
const moves: Readonly<Record<BlockingThat<'moves'>, Attempt>> = {
  blmove: moving('lmove'),
  brpoplpush: moving('rpoplpush'),
};
const reading: Readonly<Record<BlockingThat<'reads' | 'delivers'>, Attempt>> = {
  xread: streams,
  xreadgroup: streams,
};
const attempts: Readonly<Record<string, Attempt>> = { ...popping, ...moves, ...reading };

/** Of a command that waits. */
export function attemptOf(name: string): Attempt {
  const attempt = attempts[name];
  if (attempt === undefined) throw new Error(`invariant: ${name} can be tried key by key`);
  return attempt;
}

/** What a round found as the client is to see it: its own names of keys, scores as its protocol has them. */
export function toClient(name: string, found: Resp, backing: Backing, protocol: Protocol): Resp {
  if (found.type === 'error' || found.type === 'bulk') return found;
  const items = itemsOf(found) ?? [];
  if (name.startsWith('xread')) {
    const pairs = items.map((one) => named(itemsOf(one) ?? [], backing));
    if (protocol === 2) return list(pairs.map(list));
    return { type: 'map', entries: pairs.map(([key, entries]) => [key as Resp, entries as Resp]) };
  }
  const [key, ...rest] = named(items, backing) as [Resp, ...Resp[]];
  if (name === 'bzmpop') {
    const pairs = itemsOf(rest[0] as Resp) ?? [];
    return list([key, list(pairs.map((pair) => list(withScore(itemsOf(pair) ?? [], protocol))))]);
  }
  return list([key, ...(name.startsWith('bzpop') ? withScore(rest, protocol) : rest)]);
}

function named([key, ...rest]: readonly Resp[], backing: Backing): Resp[] {
  if (key?.type !== 'bulk') throw new Error('invariant: a found element comes with its key');
  const own = backing.named(key.bytes);
  if (own === null) throw new Error('invariant: only own keys are asked');
  return [{ type: 'bulk', bytes: own }, ...rest];
}

/** RESP2 has the server's digits, RESP3 a number. */
function withScore([member, score]: readonly Resp[], protocol: Protocol): Resp[] {
  if (protocol === 2) return [member as Resp, score as Resp];
  const text = score?.type === 'bulk' ? score.bytes.toString('latin1') : '';
  const value = text.endsWith('inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
  return [member as Resp, { type: 'double', value }];
}

function list(items: readonly Resp[]): Resp {
  return { type: 'array', items };
}
