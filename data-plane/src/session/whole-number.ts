/** Whole numbers in arguments, read as Redis reads them. */

const form = /^(?:0|-?[1-9]\d{0,18})$/;

/**
 * The number `text` spells: no sign but `-`, no leading zero, 64 bits at most; null otherwise.
 * Source: Redis 7.0 `string2ll`.
 */
export function readWholeNumber(text: string): bigint | null {
  if (!form.test(text)) return null;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : null;
}
