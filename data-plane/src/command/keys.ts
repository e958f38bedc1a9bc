/** Which arguments of a command are keys. */
import {
  type CommandFacts,
  type FindKeys,
  KeyFlag,
  type KeySpec,
} from '@respool/contracts/commands/facts';
import { commands } from '@respool/contracts/commands/table';
import { arityFits } from './command.ts';

/**
 * Writes the argument numbers of all keys of `facts` into `out`, in the order of its key specs, and
 * returns how many; -1 when they cannot be known, which means the server would refuse the command
 * too. `starts` and `ends` are the byte ranges of the `argc` arguments in `bytes`; `out` must hold
 * `argc` numbers. Keys that a pattern makes up (SORT … BY, GET) are arguments of no one and not
 * among them. For a container command give the subcommand's facts.
 *
 * Source: Redis, "Command key specifications". Where options come in any order and their values may
 * spell a keyword, the options are walked one by one, so that no value is taken for a keyword: what
 * is found here decides what stays inside the tenant.
 */
export function keyPositions(
  facts: CommandFacts,
  bytes: Buffer,
  argc: number,
  starts: Int32Array,
  ends: Int32Array,
  out: Int32Array,
): number {
  const range = ranges[facts.id];
  if (range) {
    const { first, find } = range;
    return addRange(first, lastOfRange(find, first, argc), find.step, argc, out, 0);
  }
  const request = { bytes, argc, starts, ends };
  const walked = walks.get(facts.name);
  if (walked !== undefined) return walked(request, out);
  let count = 0;
  for (const spec of facts.keySpecs) {
    if ((spec.flags & KeyFlag.not_key) !== 0) continue;
    // PFMERGE with a destination and no source: Redis finds no keys then, and executes it.
    if (count > 0 && isBehind(spec, argc) && arityFits(facts, argc)) continue;
    count = bySpec(spec, request, out, count);
    if (count < 0) return -1;
  }
  return count;
}

/**
 * The flags (bits of {@link KeyFlag}) under which each key of a request is touched: `at` are its
 * argument numbers from {@link keyPositions}. Source: Redis, COMMAND GETKEYSANDFLAGS; for SET and
 * BITFIELD, whose flags depend on their options, `setGetKeys` and `bitfieldGetKeys` of Redis 7.0.
 */
export function keyFlags(facts: CommandFacts, request: Arguments, at: readonly number[]): number[] {
  const [first, ...others] = facts.keySpecs;
  if (first === undefined) return [];
  if ((first.flags & KeyFlag.variable_flags) !== 0) {
    const flags = facts.name === 'set' ? setFlags(request) : bitfieldFlags(request);
    return at.map(() => flags);
  }
  if (walks.has(facts.name)) {
    const [stored = first] = others.filter((spec) => (spec.flags & KeyFlag.OW) !== 0);
    return at.map((argument) => (argument === 1 ? first : stored).flags);
  }
  const out = new Int32Array(request.argc);
  const flags = facts.keySpecs.map((spec) => {
    if ((spec.flags & KeyFlag.not_key) !== 0) return [];
    const count = bySpec(spec, request, out, 0);
    return new Array<number>(Math.max(0, count)).fill(spec.flags);
  });
  return flags.flat();
}

function setFlags(request: Arguments): number {
  for (let i = 3; i < request.argc; i++) {
    if (isWord(request, i, 'GET')) return KeyFlag.RW | KeyFlag.access | KeyFlag.update;
  }
  return KeyFlag.OW | KeyFlag.update;
}

function bitfieldFlags(request: Arguments): number {
  for (let i = 2; i < request.argc; i++) {
    if (!isWord(request, i, 'SET') && !isWord(request, i, 'INCRBY')) continue;
    return KeyFlag.RW | KeyFlag.access | KeyFlag.update;
  }
  return KeyFlag.RO | KeyFlag.access;
}

type Range = Extract<FindKeys, { type: 'range' }>;

/** By command id: the one range of a command that has nothing else, as nearly all have. */
const ranges = commands.map((facts): { first: number; find: Range } | null => {
  const [spec, ...more] = facts.keySpecs;
  if (spec === undefined || more.length > 0) return null;
  if (spec.begin.type !== 'index' || spec.find.type !== 'range') return null;
  const placed = (spec.flags & (KeyFlag.not_key | KeyFlag.incomplete)) === 0;
  return placed ? { first: spec.begin.index, find: spec.find } : null;
});

/** A request as {@link keyPositions} takes it apart. */
export interface Arguments {
  readonly bytes: Buffer;
  readonly argc: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

function isBehind({ begin }: KeySpec, argc: number): boolean {
  return begin.type === 'index' && begin.index === argc;
}

/** Adds the keys of one spec behind the `count` there are; returns the new count, or -1. */
function bySpec(spec: KeySpec, request: Arguments, out: Int32Array, count: number): number {
  if ((spec.flags & KeyFlag.incomplete) !== 0) return -1;
  const { begin } = spec;
  if (begin.type === 'unknown') return -1;
  if (begin.type === 'index') return fromFirst(spec.find, begin.index, request, out, count);
  const at = findKeyword(request, begin.keyword, begin.from);
  return at < 0 ? count : fromFirst(spec.find, at + 1, request, out, count);
}

function fromFirst(
  find: FindKeys,
  begin: number,
  request: Arguments,
  out: Int32Array,
  count: number,
): number {
  const { argc } = request;
  if (find.type === 'unknown') return -1;
  if (find.type === 'range') {
    return addRange(begin, lastOfRange(find, begin, argc), find.step, argc, out, count);
  }
  if (begin + find.count >= argc) return -1;
  const keys = readCount(request, begin + find.count);
  // EVAL and FCALL may name no key at all.
  if (keys === 0) return count;
  // The step is checked against argc before it is multiplied with a number the client chose.
  if (keys < 0 || keys > argc) return -1;
  const first = begin + find.first;
  return addRange(first, first + (keys - 1) * find.step, find.step, argc, out, count);
}

function lastOfRange(find: Range, begin: number, argc: number): number {
  if (find.last >= 0) return begin + find.last;
  if (find.limit <= 1) return argc + find.last;
  return begin + Math.trunc((argc - begin) / find.limit) + find.last;
}

function addRange(
  first: number,
  last: number,
  step: number,
  argc: number,
  out: Int32Array,
  count: number,
): number {
  if (last >= argc || last < first || step < 1) return -1;
  let next = count;
  for (let at = first; at <= last; at += step) out[next++] = at;
  return next;
}

/** A count as Redis reads it: digits only, no leading zero; -1 otherwise. */
function readCount(request: Arguments, argument: number): number {
  const start = request.starts[argument]!;
  const end = request.ends[argument]!;
  if (end === start || end - start > 9) return -1;
  if (request.bytes[start] === 48 && end - start > 1) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = request.bytes[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Argument that is `keyword`, searched from `from`; backwards from the end when it is negative. */
function findKeyword(request: Arguments, keyword: string, from: number): number {
  const { argc } = request;
  if (from >= 0) {
    for (let at = from; at < argc; at++) if (isWord(request, at, keyword)) return at;
  } else {
    for (let at = argc + from; at > 0; at--) if (isWord(request, at, keyword)) return at;
  }
  return -1;
}

function isWord(request: Arguments, argument: number, word: string): boolean {
  const start = request.starts[argument]!;
  if (request.ends[argument]! - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = request.bytes[start + i]!;
    const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte;
    if (upper !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** How many values each option takes; an option not named takes none. */
type Options = Readonly<Record<string, number>>;

/**
 * The next option `wanted` from argument `at` on, values of other options skipped; -1 when there is
 * none. Source: the options of each command as its page in the Redis documentation gives them.
 */
function nextOption(request: Arguments, at: number, wanted: readonly string[], options: Options) {
  let i = at;
  while (i < request.argc) {
    const here = i;
    if (wanted.some((word) => isWord(request, here, word))) return here;
    const option = Object.keys(options).find((word) => isWord(request, here, word));
    i += 1 + (option === undefined ? 0 : (options[option] ?? 0));
  }
  return -1;
}

type Walk = (request: Arguments, out: Int32Array) => number;

/** `<key> … [STORE <key>]`: the last STORE is the one that counts. */
function walkStores(from: number, words: readonly string[], options: Options): Walk {
  return (request, out) => {
    if (request.argc < 2) return -1;
    out[0] = 1;
    let count = 1;
    let at = nextOption(request, from, words, options);
    while (at >= 0) {
      if (at + 1 >= request.argc) return -1;
      out[1] = at + 1;
      count = 2;
      at = nextOption(request, at + 2, words, options);
    }
    return count;
  };
}

/** `… STREAMS <key> … <id> …`: as many ids as keys. */
function walkStreams(options: Options): Walk {
  return (request, out) => {
    const at = nextOption(request, 1, ['STREAMS'], options);
    const rest = request.argc - at - 1;
    if (at < 0 || rest < 2 || rest % 2 !== 0) return -1;
    return addRange(at + 1, at + rest / 2, 1, request.argc, out, 0);
  };
}

/** `MIGRATE host port <key>|"" database timeout … [KEYS <key> …]`: KEYS ends the options. */
const walkMigrate: Walk = (request, out) => {
  if (request.argc < 6) return -1;
  const at = nextOption(request, 6, ['KEYS'], { AUTH: 1, AUTH2: 2 });
  if (at < 0) {
    out[0] = 3;
    return 1;
  }
  const named = request.ends[3]! > request.starts[3]!;
  return named ? -1 : addRange(at + 1, request.argc - 1, 1, request.argc, out, 0);
};

const sortOptions: Options = { LIMIT: 2, BY: 1, GET: 1 };
const stores = ['STORE', 'STOREDIST'];

const walks: ReadonlyMap<string, Walk> = new Map([
  ['sort', walkStores(2, ['STORE'], sortOptions)],
  // Its specs are incomplete only because of the patterns.
  ['sort_ro', walkStores(2, [], sortOptions)],
  ['georadius', walkStores(6, stores, { COUNT: 1 })],
  ['georadiusbymember', walkStores(5, stores, { COUNT: 1 })],
  ['xread', walkStreams({ COUNT: 1, BLOCK: 1 })],
  ['xreadgroup', walkStreams({ COUNT: 1, BLOCK: 1, GROUP: 2 })],
  ['migrate', walkMigrate],
]);
