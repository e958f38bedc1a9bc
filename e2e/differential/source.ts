/** Where a random program takes its keys and arguments from: few keys, many kinds of names and values. */
import { generator } from '../topology/load.ts';
import type { Argument } from '../topology/raw-client.ts';
import type { Filler } from './grammar.ts';

/**
 * Key kinds, one letter each: string, number, bitmap, hash, list, set, set of integers (intset),
 * sorted set, sorted set with equal scores (lexical), stream, hyperloglog, geo.
 */
export const keyKinds = ['s', 'n', 'b', 'h', 'l', 'u', 'i', 'z', 'x', 't', 'p', 'g'] as const;
type KeyKind = (typeof keyKinds)[number];

/** Hash tags of three different slots; the first stands on another third of 16,384 than the next. */
const tags = ['{alpha}', '{beta}', '{gamma}'];
/** The prefix of prefix tenants, so that some keys look prefixed before they are. */
export const lookalike = 'p1:';

const odd: readonly ((kind: string) => Argument)[] = [
  (kind) => `${kind} with blank`,
  (kind) => `{}${kind}:empty`,
  (kind) => `a{${kind}`,
  (kind) => `${kind}{b}{c}`,
  (kind) => `${kind}[0-9]*?\\`,
  (kind) => `${lookalike}${kind}:0`,
  (kind) => `é${kind}`,
  (kind) => Buffer.from(`\xff\x00\r\n${kind}`, 'latin1'),
  (kind) => `${kind}:${'long'.repeat(40)}`,
];

/**
 * Without a number too great for a double: SORT of Redis 7.0 trusts an `errno` that such a one leaves
 * behind for whoever sorts next.
 */
const junk: readonly Argument[] = [
  ...['', 'x', '-1', '0', '3.5', 'nan', '-inf', '0x10', ' 7', '07', 'GET', 'LIMIT'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775809'],
  Buffer.from([0, 255, 13, 10]),
];

/** Seeded; two sources of one seed give the same arguments in the same order. */
export class Source implements Filler {
  readonly #random: () => number;
  readonly #payloads: readonly Buffer[];
  /** Set: every key of the command at hand has this hash tag. */
  tag: string | null = null;
  /** Keys that the last `<#kind>` gave. */
  #count = 1;
  #streamTime = 0;

  /** `payloads` are what DUMP gave on some server, for RESTORE. */
  constructor(seed: number, payloads: readonly Buffer[]) {
    this.#random = generator(seed);
    this.#payloads = payloads;
  }

  number(below: number): number {
    return Math.floor(this.#random() * below);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.number(list.length)] as T;
  }

  someTag(): string {
    return this.pick(tags);
  }

  junk(): Argument {
    return this.tag === null ? this.pick(junk) : `${this.tag}x`;
  }

  fill(name: string): readonly Argument[] {
    if (name.startsWith('#')) {
      this.#count = 1 + this.number(4);
      const keys = Array.from({ length: this.#count }, () => this.key(name.slice(1)));
      return [this.#count, ...keys];
    }
    if (name === 'weights') return Array.from({ length: this.#count }, () => this.#weight());
    return [name.length === 1 || name === 'any' ? this.key(name) : this.#argument(name)];
  }

  /** Mostly a key of `kind`, now and then one of another. */
  key(kind: string): Argument {
    let own = kind as KeyKind;
    if (kind === 'any' || this.chance(0.03)) own = this.pick(keyKinds);
    if (own === 'u' && this.chance(0.3)) own = 'i';
    if (this.tag !== null) return `${this.tag}${own}:${this.number(4)}`;
    const roll = this.#random();
    if (roll < 0.55) return `${own}:${this.number(6)}`;
    if (roll < 0.9) return `${this.someTag()}${own}:${this.number(4)}`;
    return own === 's' && this.chance(0.1) ? '' : this.pick(odd)(own);
  }

  #argument(name: string): Argument {
    const make = blanks[name];
    if (make === undefined) throw new Error(`no such blank: <${name}>`);
    return make(this);
  }

  #weight(): Argument {
    return this.pick(['0', '1', '2', '-1', '0.5', '3']);
  }

  payload(): Buffer {
    return this.pick(this.#payloads);
  }

  /** An id greater than all before it. */
  nextId(): string {
    this.#streamTime += 1;
    return `${this.#streamTime}-${this.number(3)}`;
  }

  /** An id that was lately given, or nearly. */
  oldId(): string {
    const time = Math.max(1, this.#streamTime - this.number(60));
    return this.chance(0.3) ? String(time) : `${time}-${this.number(3)}`;
  }
}

const word = (letter: string, most: number) => (source: Source) =>
  `${letter}${source.number(most)}`;
const among =
  (...list: readonly Argument[]) =>
  (source: Source) =>
    source.pick(list);

/** Expiries lie so far off that none comes while a program runs, and so far apart that none tie. */
const ttlSeconds = (source: Source) => 10_000 + source.number(100_000_000);

const blanks: Readonly<Record<string, (source: Source) => Argument>> = {
  value: randomValue,
  element: (source) => (source.chance(0.5) ? word('e', 10)(source) : source.number(30)),
  field: word('f', 8),
  nfield: word('n', 3),
  member: (source) => (source.chance(0.7) ? word('m', 24)(source) : source.number(40)),
  int: (source) => source.number(400) - 100,
  small: (source) => source.number(12),
  float: among('0.5', '-1.25', '3', '1e3', '0', '-0', '12345.678', '1e-7'),
  offset: (source) => source.number(source.chance(0.1) ? 3_000 : 40),
  index: (source) => source.number(12) - 4,
  count: (source) => source.number(7),
  plus: (source) => 1 + source.number(6),
  signed: (source) => source.number(11) - 5,
  bit: (source) => source.number(source.chance(0.05) ? 20_000 : 200),
  bitwidth: (source) => `${source.pick(['i', 'u'])}${1 + source.number(64)}`,
  bitplace: (source) => `${source.pick(['', '#'])}${source.number(60)}`,
  ttl: (source) => (source.chance(0.05) ? -source.number(3) : ttlSeconds(source)),
  ttlms: (source) => ttlSeconds(source) * 1_000 + source.number(1_000),
  at: (source) => 4_102_444_800 + source.number(100_000_000),
  atms: (source) => 4_102_444_800_000 + source.number(100_000_000_000),
  // Whole quarters: a sum of them is the same in whatever order they are added.
  score: (source) => source.pick([source.number(20) - 5, '0.5', '2.25', '-3.75', '1e3', '7']),
  range: (source) =>
    source.pick(['-inf', '+inf', '(3', '(0.5', '-2', '5', '10', source.number(15) - 4]),
  lex: among('-', '+', '[a', '(a', '[m1', '(m15', '[m2', '[m', '(m9', '[5', '(20'),
  nextid: (source) => source.nextId(),
  id: (source) => source.oldId(),
  sid: (source) =>
    source.chance(0.4) ? source.pick(['-', '+', '0']) : source.pick(['', '', '(']) + source.oldId(),
  partid: (source) => `${source.nextId().split('-')[0]}-*`,
  group: word('g', 3),
  consumer: word('c', 3),
  longitude: (source) => (source.number(36_000) - 18_000) / 100,
  latitude: (source) => (source.number(17_000) - 8_500) / 100,
  radius: among('50', '500', '2000', '8000', '0'),
  unit: among('m', 'km', 'mi', 'ft'),
  place: word('p', 14),
  payload: (source) => source.payload(),
  pattern: among('*', 's:*', '*:0', '{alpha}*', '?:[0-3]', 'none*', 'p1:*', '\\*', '*{*}*', 'é*'),
  memberpattern: among('*', 'm1*', '[0-9]*', 'none', 'f?'),
  text: (source) => randomText(source, 12),
};

function randomValue(source: Source): Argument {
  const roll = source.number(100);
  if (roll < 25) return source.number(2_000) - 1_000;
  if (roll < 30) return '';
  if (roll < 35) return source.pick(['0.5', '-17.25', '1e10', '9223372036854775807']);
  if (roll < 65) return randomText(source, 24);
  if (roll < 88) return bytes(source, 1 + source.number(30));
  if (roll < 98) return bytes(source, 60 + source.number(300));
  return Buffer.alloc(3_000 + source.number(40_000), source.number(256));
}

function randomText(source: Source, most: number): string {
  let text = '';
  for (let left = 1 + source.number(most); left > 0; left -= 1) {
    text += String.fromCharCode(97 + source.number(26));
  }
  return text;
}

function bytes(source: Source, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => source.number(256)));
}
