/** What SORT is asked for: its options, read as Redis reads them. */
import { CommandError } from '../command/backing.ts';
import { syntaxError } from './task.ts';

export interface SortWish {
  readonly descending: boolean;
  readonly alpha: boolean;
  /** Offset and count, where LIMIT was given. */
  readonly limit: readonly [number, number] | null;
  /** Null: by the elements themselves. Without a `*`: in the order they lie. */
  readonly by: Buffer | null;
  readonly gets: readonly Buffer[];
  /** Argument numbers of all that names other keys: every BY, GET (but `#`) and STORE. */
  readonly reaching: readonly number[];
  /** Argument number of the destination. */
  readonly store: number | null;
}

const notInteger = 'ERR value is not an integer or out of range';

/** Source: Redis 7.0 `sortCommandGeneric`; the last of LIMIT, BY and STORE counts. */
export function readSortWish(args: readonly Buffer[], readOnly: boolean): SortWish {
  let [descending, alpha] = [false, false];
  let limit: [number, number] | null = null;
  let by: Buffer | null = null;
  let store: number | null = null;
  const gets: Buffer[] = [];
  const reaching: number[] = [];
  for (let at = 2; at < args.length; at++) {
    const word = (args[at] as Buffer).toString('latin1').toUpperCase();
    const left = args.length - at - 1;
    if (word === 'ASC') descending = false;
    else if (word === 'DESC') descending = true;
    else if (word === 'ALPHA') alpha = true;
    else if (word === 'LIMIT' && left >= 2) {
      limit = [whole(args[at + 1] as Buffer), whole(args[at + 2] as Buffer)];
      at += 2;
    } else if (['STORE', 'BY', 'GET'].includes(word) && left >= 1) {
      const value = args[++at] as Buffer;
      if (word !== 'GET' || !isElement(value)) reaching.push(at);
      if (word === 'STORE' && readOnly) throw new CommandError(syntaxError);
      if (word === 'STORE') store = at;
      if (word === 'GET') gets.push(value);
      // One BY without a `*` ends all sorting, whatever comes behind it.
      if (word === 'BY' && (by === null || namesKeys(by))) by = value;
    } else throw new CommandError(syntaxError);
  }
  return { descending, alpha, limit, by, gets, store, reaching };
}

/** Source: Redis 7.0 `string2ll`: no sign but `-`, no zero in front, 64 bits. */
function whole(word: Buffer): number {
  const text = word.toString('latin1');
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) throw new CommandError(notInteger);
  const value = BigInt(text);
  if (value !== BigInt.asIntN(64, value)) throw new CommandError(notInteger);
  return Number(value);
}

/** `GET #`: the element itself. */
export function isElement(pattern: Buffer): boolean {
  return pattern.length === 1 && pattern[0] === 35;
}

/** A pattern that names other keys: without a `*` it names none. */
export function namesKeys(pattern: Buffer | null): pattern is Buffer {
  return pattern?.includes(star) === true;
}

const star = 42;
const arrow = Buffer.from('->');

/**
 * The key, and the field where there is one, that `pattern` makes of `element`; null without a `*`.
 * Source: Redis 7.0 `lookupKeyByPattern`.
 */
export function keyByPattern(
  pattern: Buffer,
  element: Buffer,
): { readonly key: Buffer; readonly field: Buffer | null } | null {
  const place = pattern.indexOf(star);
  if (place < 0) return null;
  const found = pattern.indexOf(arrow, place + 1);
  const hasField = found >= 0 && found + arrow.length < pattern.length;
  const end = hasField ? found : pattern.length;
  const key = Buffer.concat([
    pattern.subarray(0, place),
    element,
    pattern.subarray(place + 1, end),
  ]);
  return { key, field: hasField ? pattern.subarray(found + arrow.length) : null };
}
