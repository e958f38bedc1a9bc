/** COMMAND and its subcommands, answered from what Redis itself said when the table was generated. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Category, type CommandFacts, Flag, KeyFlag } from '@respool/contracts/commands/facts';
import { commands } from '@respool/contracts/commands/table';
import { encodeError, encodeReply, encodeRequest, type Protocol } from '../resp/encoder.ts';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import { scanArguments } from '../resp/request-scanner.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import { array, bulk, simple } from '../resp/values.ts';
import { arityFits, commandNamed } from './command.ts';
import { keyFlags, keyPositions } from './keys.ts';
import { patternMatches } from './pattern.ts';

/** What Redis said, in RESP3; read at the first question, for most proxies are never asked. */
interface Catalog {
  /** By lower-case name, subcommands too: the ten fields of COMMAND. */
  readonly infos: ReadonlyMap<string, Resp>;
  readonly topLevel: readonly Resp[];
  readonly docs: readonly (readonly [Resp, Resp])[];
}

let loaded: Catalog | null = null;

/**
 * The reply to `COMMAND <args…>`; `args` begin behind the word COMMAND. Commands are those of Redis,
 * whether this proxy serves them or not. Words and shapes as Redis 7.0.
 */
export function commandReply(args: readonly Uint8Array[], protocol: Protocol): Buffer {
  const [first, ...rest] = args.map((arg) => Buffer.from(arg));
  if (first === undefined) return whole('command', protocol);
  const name = lower(first);
  const facts = commandNamed(`command|${name}`);
  if (facts === null) {
    const asked = first.toString('latin1', 0, 128);
    return encodeError('ERR', `unknown subcommand '${asked}'. Try COMMAND HELP.`);
  }
  if (!arityFits(facts, args.length + 1)) {
    return encodeError('ERR', `wrong number of arguments for '${facts.name}' command`);
  }
  switch (name) {
    case 'count':
      return encodeReply({ type: 'integer', value: catalog().topLevel.length }, protocol);
    case 'info':
      if (rest.length === 0) return whole('command', protocol);
      return encodeReply(array(infos(rest)), protocol);
    case 'docs':
      if (rest.length === 0) return whole('docs', protocol);
      return encodeReply({ type: 'map', entries: docs(rest) }, protocol);
    case 'list':
      return list(rest, protocol);
    case 'getkeys':
    case 'getkeysandflags':
      return getKeys(rest, protocol, name === 'getkeysandflags');
    default:
      return encodeError('ERR', `'${facts.name}' is not served by this proxy`);
  }
}

const encoded = new Map<string, Buffer>();

/** Everything at once: hundreds of kilobytes, encoded once, because any client may ask often. */
function whole(what: 'command' | 'docs', protocol: Protocol): Buffer {
  const key = `${what} ${protocol}`;
  let reply = encoded.get(key);
  if (reply === undefined) {
    const { topLevel, docs } = catalog();
    reply = encodeReply(
      what === 'command' ? array(topLevel) : { type: 'map', entries: docs },
      protocol,
    );
    encoded.set(key, reply);
  }
  return reply;
}

function infos(names: readonly Buffer[]): readonly Resp[] {
  return names.map(
    (name) => catalog().infos.get(lower(name)) ?? ({ type: 'null', aggregate: false } as const),
  );
}

/** Documents of the named commands; unknown names are passed over. */
function docs(names: readonly Buffer[]): readonly (readonly [Resp, Resp])[] {
  return names.flatMap((asked) => {
    const [name = '', ...sub] = lower(asked).split('|');
    const top = catalog().docs.find(([key]) => textOf(key) === name);
    if (top === undefined || sub.length === 0) return top === undefined ? [] : [top];
    const document = top[1].type === 'map' ? top[1].entries : [];
    const inner = document.find(([key]) => textOf(key) === 'subcommands')?.[1];
    if (inner?.type !== 'map') return [];
    return inner.entries.filter(([key]) => textOf(key) === lower(asked));
  });
}

function list(rest: readonly Buffer[], protocol: Protocol): Buffer {
  const [filterBy, kind, value, ...more] = rest;
  if (filterBy === undefined) return names(() => true, protocol);
  const isFilter = lower(filterBy) === 'filterby' && value !== undefined && more.length === 0;
  if (!isFilter || kind === undefined) return encodeError('ERR', 'syntax error');
  switch (lower(kind)) {
    case 'module':
      // No module stands behind this address as far as the client is concerned.
      return names(() => false, protocol);
    case 'aclcat': {
      const bit = (Category as Readonly<Record<string, number>>)[lower(value)] ?? 0;
      return names((facts) => (facts.categories & bit) !== 0, protocol);
    }
    case 'pattern': {
      const pattern = Buffer.from(lower(value), 'latin1');
      return names((facts) => patternMatches(pattern, Buffer.from(facts.name)), protocol);
    }
    default:
      return encodeError('ERR', 'syntax error');
  }
}

function names(wanted: (facts: CommandFacts) => boolean, protocol: Protocol): Buffer {
  const found = commands.filter((facts) => isOfRedis(facts.name) && wanted(facts));
  return encodeReply(array(found.map((facts) => bulk(Buffer.from(facts.name)))), protocol);
}

function getKeys(request: readonly Buffer[], protocol: Protocol, withFlags: boolean): Buffer {
  const facts = factsOf(request);
  if (facts === null) return encodeError('ERR', 'Invalid command specified');
  if (!facts.keySpecs.some((spec) => (spec.flags & KeyFlag.not_key) === 0)) {
    return encodeError('ERR', 'The command has no key arguments');
  }
  if (!arityFits(facts, request.length)) {
    return encodeError('ERR', 'Invalid number of arguments specified for command');
  }
  const starts = new Int32Array(request.length);
  const ends = new Int32Array(request.length);
  const keys = new Int32Array(request.length);
  const bytes = encodeRequest(request);
  const argc = scanArguments(bytes, 0, starts, ends);
  const count = keyPositions(facts, bytes, argc, starts, ends, keys);
  if (count <= 0 && (facts.flags & Flag.no_mandatory_keys) === 0) {
    return encodeError('ERR', 'Invalid arguments specified for command');
  }
  const found = [...keys.subarray(0, Math.max(0, count))];
  const items = found.map((at) => bulk(bytes.subarray(starts[at], ends[at])));
  if (!withFlags) return encodeReply(array(items), protocol);
  const flags = keyFlags(facts, { bytes, argc, starts, ends }, found).map(flagNames);
  const pairs = items.map((key, index) => array([key, flags[index] ?? flagNames(0)]));
  return encodeReply(array(pairs), protocol);
}

/** In Redis's order: how it is touched, then what for. */
function flagNames(bits: number): Resp {
  const names = Object.entries(KeyFlag).filter(([, bit]) => (bits & bit) !== 0);
  return { type: 'set', items: names.map(([name]) => simple(name)) };
}

function factsOf(request: readonly Buffer[]): CommandFacts | null {
  const [name, sub] = request.map(lower);
  const facts = commandNamed(name ?? '');
  if (facts === null || facts.parent !== null || facts.subcommands === null) {
    return facts?.parent === null ? facts : null;
  }
  return facts.subcommands.get(sub ?? '') ?? null;
}

/** Whether the Redis of the table has a command or subcommand of that name. */
export function isOfRedis(name: string): boolean {
  return catalog().infos.has(name);
}

/** What COMMAND DOCS says a command is for, without the final stop; null where it says nothing. */
export function summaryOf(name: string): string | null {
  const [found] = docs([Buffer.from(name)]);
  const document = found?.[1].type === 'map' ? found[1].entries : [];
  const summary = document.find(([key]) => textOf(key) === 'summary')?.[1];
  return summary === undefined ? null : textOf(summary);
}

function catalog(): Catalog {
  loaded ??= load();
  return loaded;
}

function load(): Catalog {
  const topLevel = itemsOf(readReply('command.resp'));
  const documents = readReply('command-docs.resp');
  assert(topLevel && documents.type === 'map', 'the generated replies have the shape of COMMAND');
  const named = new Map<string, Resp>();
  for (const one of topLevel) {
    const field = itemsOf(one) ?? [];
    for (const info of [one, ...(field[9] ? (itemsOf(field[9]) ?? []) : [])]) {
      const name = itemsOf(info)?.[0];
      if (name !== undefined) named.set(textOf(name) ?? '', info);
    }
  }
  return { infos: named, topLevel, docs: documents.entries };
}

/** A generated file: one line that says where it is from, then one reply in RESP3. */
function readReply(file: string): Resp {
  const content = readFileSync(new URL(`generated/${file}`, import.meta.url));
  const [reply] = new ReplyDecoder().feed(content.subarray(content.indexOf('\n') + 1));
  assert(reply, `${file} holds one reply`);
  return reply;
}

function lower(word: Buffer): string {
  return word.toString('latin1').toLowerCase();
}
