/** The two header lines of a command, `*<count>` and `$<length>`, in full: any number, and none. */
import {
  INCOMPLETE,
  INLINE,
  MALFORMED,
  type RequestFrame,
  type RequestLimits,
} from './request-frame.ts';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ASTERISK = 42;
const MINUS = 45;
const ZERO = 48;
/**
 * With one digit more this stays below 2^30, so that a length added to a cursor stays a small
 * integer of the engine: a client must not be able to push this function into floating point for
 * everyone.
 */
const beforeOverflow = 107_374_181;
/** No 64-bit number is longer, sign included; Redis refuses longer ones too (`string2ll`). */
const numberBytesMax = 20;
const lineBytesMax = 64 * 1024;

/** Reads `*<count>` CRLF of a new command into `frame.argc`; returns the end of the line. */
export function scanCount(
  frame: RequestFrame,
  bytes: Buffer,
  cursor: number,
  end: number,
  limits: RequestLimits,
): number {
  frame.firstStart = 0;
  frame.firstEnd = 0;
  if (cursor >= end) return INCOMPLETE;
  if (bytes[cursor] !== ASTERISK) return scanOtherStart(frame, bytes, cursor, end);
  let i = cursor + 1;
  let count = 0;
  for (;;) {
    if (i >= end) return INCOMPLETE;
    const digit = bytes[i++]! - ZERO;
    if (digit === CR - ZERO) break;
    if (digit < 0 || digit > 9) {
      if (digit === MINUS - ZERO && i === cursor + 2) {
        return scanNegativeCount(frame, bytes, cursor, end);
      }
      return refuse(frame, 'invalid multibulk length');
    }
    if (count > beforeOverflow) return longNumber(frame, bytes, cursor, end, 'multibulk');
    count = (count * 10 + digit) | 0;
  }
  if (i >= end) return INCOMPLETE;
  const digits = i - cursor - 2;
  if (bytes[i] !== LF || digits === 0 || (digits > 1 && bytes[cursor + 1] === ZERO)) {
    return refuse(frame, 'invalid multibulk length');
  }
  if (count > limits.argumentsMax) return refuse(frame, tooMuch(limits, 'multibulk'));
  frame.argc = count;
  return i + 1;
}

/** Reads `$<length>` CRLF at `header` into `frame.length`; returns the end of the line. */
export function scanLength(
  frame: RequestFrame,
  bytes: Buffer,
  header: number,
  end: number,
): number {
  let i = header;
  if (i >= end) return INCOMPLETE;
  if (bytes[i] !== DOLLAR) return refuse(frame, `expected '$', got '${shown(bytes[i]!)}'`);
  i++;
  let length = 0;
  for (;;) {
    if (i >= end) return INCOMPLETE;
    const digit = bytes[i++]! - ZERO;
    if (digit === CR - ZERO) break;
    if (digit < 0 || digit > 9) return refuse(frame, 'invalid bulk length');
    if (length > beforeOverflow) return longNumber(frame, bytes, header, end, 'bulk');
    length = (length * 10 + digit) | 0;
  }
  if (i >= end) return INCOMPLETE;
  // The line is `$`, digits, CR: no digit at all, or a leading zero, is no number to Redis.
  const digits = i - header - 2;
  if (bytes[i] !== LF || digits === 0 || (digits > 1 && bytes[header + 1] === ZERO)) {
    return refuse(frame, 'invalid bulk length');
  }
  frame.length = length;
  return i + 1;
}

/** An empty line between commands is skipped, as Redis does; anything else is an inline command. */
function scanOtherStart(frame: RequestFrame, bytes: Buffer, cursor: number, end: number): number {
  if (bytes[cursor] === CR && cursor + 1 >= end) return INCOMPLETE;
  const line = bytes[cursor] === CR ? cursor + 1 : cursor;
  if (bytes[line] !== LF) return INLINE;
  frame.argc = 0;
  return line + 1;
}

/** `*-1`: Redis reads any negative count as an empty command. Rare, so text will do. */
function scanNegativeCount(
  frame: RequestFrame,
  bytes: Buffer,
  cursor: number,
  end: number,
): number {
  const line = bytes.toString('latin1', cursor, Math.min(end, cursor + numberBytesMax + 4));
  const whole = /^\*-[1-9][0-9]{0,18}\r\n/.exec(line);
  if (whole !== null) {
    frame.argc = 0;
    return cursor + whole[0].length;
  }
  if (/^\*-(?:[1-9][0-9]{0,18}\r?)?$/.test(line)) return INCOMPLETE;
  return refuse(frame, 'invalid multibulk length');
}

/**
 * A number beyond 2^30 is invalid at its CR, or too big a string when no CR comes within 64 KiB
 * (PROTO_INLINE_MAX_SIZE of Redis), so that the answer does not depend on how the line was cut.
 */
function longNumber(
  frame: RequestFrame,
  bytes: Buffer,
  header: number,
  end: number,
  what: 'multibulk' | 'bulk',
): number {
  for (let i = header + 1; i < end; i++) {
    if (i - header > lineBytesMax) {
      return refuse(frame, `too big ${what === 'bulk' ? 'bulk' : 'mbulk'} count string`);
    }
    const byte = bytes[i]!;
    if (byte < ZERO || byte > ZERO + 9) return refuse(frame, `invalid ${what} length`);
  }
  return INCOMPLETE;
}

/** The words for a count or a length beyond its limit. */
export function tooMuch(limits: RequestLimits, what: 'multibulk' | 'bulk'): string {
  return `${limits.unauthenticated === true ? 'unauthenticated' : 'invalid'} ${what} length`;
}

export function refuse(frame: RequestFrame, reason: string): number {
  frame.error = `Protocol error: ${reason}`;
  return MALFORMED;
}

/** A byte as it may stand in an error line; CR and LF become blanks, as in Redis's own errors. */
function shown(byte: number): string {
  if (byte === CR || byte === LF) return ' ';
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '?';
}
