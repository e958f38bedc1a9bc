/** Where a client's command ends, what it is called and where its first argument lies: bytes only. */

/** More bytes are needed; call again with the same frame when they have come. */
export const INCOMPLETE = -1;
/** The stream cannot be followed any further; `frame.error` says why, in Redis's words. */
export const MALFORMED = -2;
/** The command does not start with `*`; see `inline.ts`. */
export const INLINE = -3;

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ASTERISK = 42;
const MINUS = 45;
const ZERO = 48;
/** Beyond this one digit more could leave 31 bits, and the engine would fall back to doubles. */
const beforeOverflow = 214_748_363;
/** No 64-bit number is longer, sign included; Redis refuses longer ones too (`string2ll`). */
const numberBytesMax = 20;

/** What a client may send. Counts and bytes must stay at or below 2^30. */
export interface RequestLimits {
  readonly argumentsMax: number;
  readonly argumentBytesMax: number;
  readonly requestBytesMax: number;
  readonly inlineBytesMax: number;
  /** These are the tighter limits from before AUTH; errors then say so, as Redis's do. */
  readonly unauthenticated?: boolean;
}

/** For commands this process wrote itself or has checked before; the bounds of 31-bit arithmetic. */
export const unlimited: RequestLimits = {
  argumentsMax: 2 ** 30,
  argumentBytesMax: 2 ** 30,
  requestBytesMax: 2 ** 30,
  inlineBytesMax: 2 ** 30,
};

/**
 * What {@link scanRequest} found; one per client, used again for every command. Positions are
 * absolute in the scanned bytes. After INCOMPLETE the name is valid once `argsSeen` is 1 or more and
 * the first argument once it is 2 or more.
 */
export class RequestFrame {
  /** Arguments, name included; 0 for an empty command, which gets no reply. */
  argc = 0;
  nameStart = 0;
  nameEnd = 0;
  /** Byte range of argument 1; both 0 when there is none. */
  firstStart = 0;
  firstEnd = 0;
  /** After INCOMPLETE: bytes known to be missing at least, 0 when unknown. */
  need = 0;
  error = '';
  /** Complete arguments of the command being scanned. */
  argsSeen = 0;
  /** Where argument `argsSeen` starts, from the start of the command; 0: start afresh. */
  offset = 0;
  /** The cursor of the scan that stopped: absolute positions move by the difference to the next. */
  base = 0;

  reset(): void {
    this.argc = 0;
    this.nameStart = 0;
    this.nameEnd = 0;
    this.firstStart = 0;
    this.firstEnd = 0;
    this.need = 0;
    this.error = '';
    this.argsSeen = 0;
    this.offset = 0;
    this.base = 0;
  }
}

/**
 * Scans one command in `bytes[cursor..end)`; returns where it ends, or a negative status. An empty
 * command (`*0`, `*-1`, an empty line) ends with `argc` 0 and is to be skipped.
 *
 * After INCOMPLETE the caller may move the unconsumed bytes anywhere: they start at the next
 * `cursor`, and at least the same bytes are there. Arguments seen are not scanned again, so an array
 * that comes in many reads costs linear time. After MALFORMED the frame must be reset.
 *
 * Source: RESP specification, "Sending commands to a Redis server"; strictness and errors as Redis
 * 7.0 `processMultibulkBuffer`, except that LF after CR and CRLF after a body are checked too: a
 * client that miscounts would otherwise have its next command read from the middle of a value.
 */
export function scanRequest(
  frame: RequestFrame,
  bytes: Buffer,
  cursor: number,
  end: number,
  limits: RequestLimits,
): number {
  frame.need = 0;
  let i = frame.offset === 0 ? scanCount(frame, bytes, cursor, end, limits) : resume(frame, cursor);
  if (i < 0) return i;
  const argc = frame.argc;
  const bodyBytesMax = limits.argumentBytesMax;
  const endMax = cursor + limits.requestBytesMax;
  for (let arg = frame.argsSeen; arg < argc; arg++) {
    const header = i;
    if (i >= end) return pause(frame, cursor, header, arg);
    if (bytes[i] !== DOLLAR) return refuse(frame, `expected '$', got '${shown(bytes[i]!)}'`);
    i++;
    let length = 0;
    for (;;) {
      if (i >= end) return pause(frame, cursor, header, arg);
      const digit = bytes[i++]! - ZERO;
      if (digit === CR - ZERO) break;
      if (digit < 0 || digit > 9) return refuse(frame, 'invalid bulk length');
      if (length > beforeOverflow) {
        const seen = longNumber(frame, bytes, header, end, 'bulk');
        return seen === INCOMPLETE ? pause(frame, cursor, header, arg) : seen;
      }
      length = (length * 10 + digit) | 0;
    }
    if (i >= end) return pause(frame, cursor, header, arg);
    // header is `$`, digits, CR: no digit at all, or a leading zero, is no number to Redis
    const digits = i - header - 2;
    if (bytes[i] !== LF || digits === 0 || (digits > 1 && bytes[header + 1] === ZERO)) {
      return refuse(frame, 'invalid bulk length');
    }
    i++;
    if (length > bodyBytesMax) return refuse(frame, tooMuch(limits, 'bulk'));
    const start = i;
    i += length;
    if (i + 2 > endMax) return refuse(frame, 'too big request');
    if (i + 2 > end) {
      frame.need = i + 2 - end;
      return pause(frame, cursor, header, arg);
    }
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return refuse(frame, 'expected CRLF after bulk');
    if (arg === 0) {
      frame.nameStart = start;
      frame.nameEnd = i;
    } else if (arg === 1) {
      frame.firstStart = start;
      frame.firstEnd = i;
    }
    i += 2;
  }
  frame.argsSeen = 0;
  frame.offset = 0;
  return i;
}

/** Reads `*<count>` CRLF of a new command into `frame.argc`; returns the end of the line. */
function scanCount(
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

/** A number that leaves 31 bits is invalid at its CR, or too big a string when no CR comes. */
function longNumber(
  frame: RequestFrame,
  bytes: Buffer,
  header: number,
  end: number,
  what: 'multibulk' | 'bulk',
): number {
  for (let i = header + 1; i < end; i++) {
    if (i - header > numberBytesMax) {
      return refuse(frame, `too big ${what === 'bulk' ? 'bulk' : 'mbulk'} count string`);
    }
    const byte = bytes[i]!;
    if (byte < ZERO || byte > ZERO + 9) return refuse(frame, `invalid ${what} length`);
  }
  return INCOMPLETE;
}

function tooMuch(limits: RequestLimits, what: 'multibulk' | 'bulk'): string {
  return `${limits.unauthenticated === true ? 'unauthenticated' : 'invalid'} ${what} length`;
}

/** Moves what is known of a half-scanned command to where its bytes lie now. */
function resume(frame: RequestFrame, cursor: number): number {
  const shift = cursor - frame.base;
  if (frame.argsSeen > 0) {
    frame.nameStart += shift;
    frame.nameEnd += shift;
  }
  if (frame.argsSeen > 1) {
    frame.firstStart += shift;
    frame.firstEnd += shift;
  }
  frame.base = cursor;
  return cursor + frame.offset;
}

function pause(frame: RequestFrame, cursor: number, header: number, argsSeen: number): number {
  frame.base = cursor;
  frame.offset = header - cursor;
  frame.argsSeen = argsSeen;
  return INCOMPLETE;
}

function refuse(frame: RequestFrame, reason: string): number {
  frame.error = `Protocol error: ${reason}`;
  return MALFORMED;
}

/** A byte as it may stand in an error line; CR and LF become blanks, as in Redis's own errors. */
function shown(byte: number): string {
  if (byte === CR || byte === LF) return ' ';
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '?';
}

/**
 * Byte ranges of all arguments of a complete command that {@link scanRequest} accepted and that
 * starts at `start`; returns argc. Both arrays must hold `frame.argc` entries or more.
 */
export function scanArguments(
  bytes: Buffer,
  start: number,
  starts: Int32Array,
  ends: Int32Array,
): number {
  let i = start + 1;
  let argc = 0;
  for (let byte = bytes[i++]!; byte !== CR; byte = bytes[i++]!) argc = argc * 10 + byte - ZERO;
  i++;
  for (let arg = 0; arg < argc; arg++) {
    i++;
    let length = 0;
    for (let byte = bytes[i++]!; byte !== CR; byte = bytes[i++]!)
      length = length * 10 + byte - ZERO;
    starts[arg] = i + 1;
    i += 1 + length;
    ends[arg] = i;
    i += 2;
  }
  return argc;
}
