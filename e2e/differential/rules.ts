/**
 * Where Redis promises no exact bytes, what it promises instead: the order of unordered
 * collections, luck, and time. Every other reply must be the same byte for byte.
 */

import { bytesOf, type Frame, leavesOf } from './frame.ts';
import type { Command } from './grammar.ts';

/** Two replies that are not the same bytes, and what is needed to judge them. */
export interface Case {
  readonly command: Command;
  readonly want: Frame;
  readonly got: Frame;
  /** What the plain server answered to the command right before. */
  readonly before: Frame | null;
}

/** True when `got` keeps what is promised. */
type Rule = (one: Case) => boolean;

const ttlSecondsApart = 10;

function isNear(want: Frame, got: Frame, apart: number): boolean {
  const [one, other] = [Number(want.text), Number(got.text)];
  if (want.type !== ':' || got.type !== ':') return false;
  return one > 0 && other > 0 && Math.abs(one - other) <= apart;
}

const seconds: Rule = ({ want, got }) => isNear(want, got, ttlSecondsApart);
const milliseconds: Rule = ({ want, got }) => isNear(want, got, ttlSecondsApart * 1_000);
const idleSeconds: Rule = ({ want, got }) =>
  want.type === ':' && got.type === ':' && Math.max(Number(want.text), Number(got.text)) <= 600;

function chunks(items: readonly Frame[], size: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at < items.length; at += size) {
    parts.push(
      items
        .slice(at, at + size)
        .map(bytesOf)
        .join(''),
    );
  }
  return parts.sort();
}

function isSameBag(want: Frame, got: Frame, size: number): boolean {
  if (want.items === null || got.items === null || want.raw !== got.raw) return false;
  return chunks(want.items, size).join() === chunks(got.items, size).join();
}

const anyOrder: Rule = ({ want, got }) => isSameBag(want, got, 1);
const anyOrderOfPairs: Rule = ({ want, got }) => isSameBag(want, got, 2);

/** Flags, categories, tips and subcommands of the command table are sets, whatever type carries them. */
const anyOrderWithin: Rule = ({ want, got }) => unordered(want) === unordered(got);

function unordered(frame: Frame): string {
  if (frame.items === null) return frame.raw;
  const texts = frame.items.map(unordered);
  const size = frame.type === '%' ? 2 : 1;
  const parts = texts.flatMap((_text, at) => {
    return at % size === 0 ? [texts.slice(at, at + size).join('')] : [];
  });
  return frame.raw + parts.sort().join('');
}

/** Nothing but elements of what the command before listed, and as many as the plain server gave. */
const someOfThose: Rule = ({ want, got, before }) => {
  if (before === null || want.type !== got.type) return false;
  const listed = new Set(leavesOf(before));
  const given = leavesOf(got);
  if (want.items?.length !== got.items?.length || leavesOf(want).length !== given.length) {
    return false;
  }
  return given.every((text) => listed.has(text));
};

/** SPOP of everything gives the members in any order; of some, some of those listed before. */
const popped: Rule = (one) => anyOrder(one) || someOfThose(one);

/** The same but for digits: ids and instants made from the clock. */
const sameShape: Rule = ({ want, got }) => hidden(bytesOf(want)) === hidden(bytesOf(got));

function hidden(text: string): string {
  return text.replace(/^\$\d+\r\n/, '').replace(/\d+/g, '#');
}

const positive: Rule = ({ want, got }) =>
  want.type === ':' && got.type === ':' && Number(want.text) > 0 && Number(got.text) > 0;

/** Milliseconds since 1970, and how long ago that was; wherever they stand in a reply. */
const timesHidden: Rule = ({ want, got }) => timeless(want) === timeless(got);

function timeless(frame: Frame): string {
  if (frame.items === null) return isInstant(frame) ? ':time\r\n' : frame.raw;
  let text = frame.raw;
  for (const [index, item] of frame.items.entries()) {
    const isIdle = item.type === ':' && frame.items[index - 1]?.text === 'idle';
    text += isIdle ? ':time\r\n' : timeless(item);
  }
  return text;
}

function isInstant({ type, text }: Frame): boolean {
  return type === ':' && Number(text) > 1_000_000_000_000;
}

/** Entries of XPENDING's long form: id, consumer, idle time, deliveries. */
const pendingEntries: Rule = ({ want, got }) => idleFree(want) === idleFree(got);

function idleFree(frame: Frame): string {
  if (frame.items === null) return bytesOf(frame);
  const entries = frame.items.map(({ raw, items }) => {
    const [id, consumer, , deliveries] = items ?? [];
    return [raw, id, consumer, deliveries].map((part) =>
      part === undefined || typeof part === 'string' ? part : bytesOf(part),
    );
  });
  return frame.raw + entries.join();
}

/**
 * First byte of a payload: 2 and 4 are hash tables, whose order is their server's own; streams (15
 * and 19) hold the time of deliveries. Source: Redis 7.0 `rdb.h`.
 */
const unorderedPayloads = new Set([2, 4, 15, 19]);

const dumped: Rule = ({ want, got }) => {
  if (want.text === null || got.text === null || want.text[0] !== got.text[0]) return false;
  return unorderedPayloads.has(want.text.charCodeAt(0)) && want.text.length === got.text.length;
};

/** Elements that BY makes equal, or that are not to be sorted at all, stand as their server has them. */
const sorted: Rule = (one) =>
  one.command.some((word) => String(word).toLowerCase() === 'by') && anyOrder(one);

const rules: Readonly<Record<string, Rule>> = {
  ttl: seconds,
  expiretime: seconds,
  pttl: milliseconds,
  pexpiretime: milliseconds,
  'object|idletime': idleSeconds,
  'memory|usage': positive,
  dump: dumped,
  smembers: anyOrder,
  sunion: anyOrder,
  sinter: anyOrder,
  sdiff: anyOrder,
  hkeys: anyOrder,
  hvals: anyOrder,
  hgetall: anyOrderOfPairs,
  keys: anyOrder,
  'pubsub|channels': anyOrder,
  'pubsub|shardchannels': anyOrder,
  sort: sorted,
  sort_ro: sorted,
  spop: popped,
  srandmember: someOfThose,
  hrandfield: someOfThose,
  zrandmember: someOfThose,
  xadd: sameShape,
  time: sameShape,
  hello: sameShape,
  'acl|cat': anyOrder,
  'command|list': anyOrder,
  command: anyOrderWithin,
  'command|info': anyOrderWithin,
  'command|docs': anyOrderWithin,
  'function|list': anyOrderWithin,
  'client|id': positive,
  'xinfo|stream': timesHidden,
  'xinfo|consumers': timesHidden,
  xpending: pendingEntries,
};

/** Lower case, and with its subcommand where rules tell those apart: `object|idletime`. */
export function nameOf(command: Command): string {
  const name = String(command[0]).toLowerCase();
  const sub = `${name}|${String(command[1]).toLowerCase()}`;
  return containers.has(name) && command.length > 1 ? sub : name;
}

const containers = new Set(
  'acl client cluster command config function latency memory module object pubsub script slowlog xgroup xinfo'.split(
    ' ',
  ),
);

/** Whether `got` is as good an answer as `want`; `queued` are the commands an EXEC answers. */
export function isAsGood(one: Case, queued: readonly Command[]): boolean {
  if (bytesOf(one.want) === bytesOf(one.got)) return true;
  const name = nameOf(one.command);
  if (name === 'exec') return areAsGood(one, queued);
  return rules[name]?.(one) ?? false;
}

function areAsGood({ want, got }: Case, queued: readonly Command[]): boolean {
  const [wants, gots] = [want.items, got.items];
  if (wants === null || gots === null || want.raw !== got.raw) return false;
  return wants.every((item, index) => {
    const [command, answer] = [queued[index], gots[index]];
    if (command === undefined || answer === undefined) return false;
    return isAsGood({ command, want: item, got: answer, before: wants[index - 1] ?? null }, []);
  });
}
