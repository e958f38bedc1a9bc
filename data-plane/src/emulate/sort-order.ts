/** The order SORT … BY gives, as Redis's own comparison does. */

/** An element with what the pattern found for it. */
export interface Weighed {
  readonly element: Buffer;
  readonly weight: Buffer | null;
}

/**
 * Sorted by weight as numbers; null when one of them is none. An element without a weight weighs 0;
 * equals are ordered by their own bytes. Source: Redis 7.0 `sortCompare`.
 */
export function byNumber(weighed: readonly Weighed[], descending: boolean): Buffer[] | null {
  const scores = weighed.map(({ weight }) => (weight === null ? 0 : readDouble(weight)));
  if (scores.includes(null)) return null;
  const order = weighed.map((_, index) => index);
  const sign = descending ? -1 : 1;
  order.sort((a, b) => {
    const [left, right] = [scores[a] as number, scores[b] as number];
    if (left !== right) return left > right ? sign : -sign;
    return sign * elementAt(weighed, a).compare(elementAt(weighed, b));
  });
  return order.map((index) => elementAt(weighed, index));
}

/** Sorted by weight as bytes, elements without one first; equals stay as they lie. */
export function byBytes(weighed: readonly Weighed[], descending: boolean): Buffer[] {
  const sign = descending ? -1 : 1;
  const sorted = weighed.toSorted((a, b) => {
    if (a.weight === null || b.weight === null) {
      return sign * (Number(a.weight !== null) - Number(b.weight !== null));
    }
    return sign * a.weight.compare(b.weight);
  });
  return sorted.map(({ element }) => element);
}

function elementAt(weighed: readonly Weighed[], index: number): Buffer {
  return (weighed[index] as Weighed).element;
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const hexadecimal = /^([+-]?)0x([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?$/i;
const infinite = /^([+-]?)inf(inity)?$/i;
const leastNormal = 2 ** -1022;

/**
 * As C's `strtod` reads it, null where Redis finds no number: rest behind it, NaN, or out of range.
 * Nothing at all is 0.
 */
export function readDouble(bytes: Buffer): number | null {
  const nul = bytes.indexOf(0);
  const text = bytes.toString('latin1', 0, nul < 0 ? bytes.length : nul);
  if (text === '') return 0;
  const word = text.replace(/^[ \t\n\v\f\r]+/, '');
  const endless = infinite.exec(word);
  if (endless !== null) return endless[1] === '-' ? -Infinity : Infinity;
  const value = decimal.test(word) ? Number(word) : readHexadecimal(word);
  if (value === null || !Number.isFinite(value)) return null;
  const tooSmall = Math.abs(value) < leastNormal && /[1-9a-f]/i.test(word.replace(/[ep].*$/i, ''));
  return tooSmall ? null : value;
}

function readHexadecimal(word: string): number | null {
  const [, sign, before = '', behind = '', power = '0'] = hexadecimal.exec(word) ?? [];
  if (before === '' && behind === '') return null;
  let value = 0;
  for (const digit of before + behind) value = value * 16 + Number.parseInt(digit, 16);
  value *= 2 ** (Number(power) - 4 * behind.length);
  return sign === '-' ? -value : value;
}
