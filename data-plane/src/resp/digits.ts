/** Whole numbers as decimal digits, written where they are to stand: no string for each. */

/** Up to here a number is cheap to divide. */
const smallMax = 2 ** 31 - 1;

/** Of a whole number from 0 to 2^53 - 1. */
export function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}

/** Writes `value`, which has `digits` digits; returns where they end. */
export function writeDigits(into: Buffer, start: number, value: number, digits: number): number {
  const end = start + digits;
  if (value > smallMax) {
    into.write(String(value), start, 'latin1');
    return end;
  }
  let rest = value | 0;
  for (let at = end - 1; at >= start; at--) {
    const tens = (rest / 10) | 0;
    into[at] = 48 + rest - tens * 10;
    rest = tens;
  }
  return end;
}
