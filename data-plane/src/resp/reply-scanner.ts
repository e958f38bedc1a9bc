/** Where a reply ends, without building it: the pass-through path. */
import { ProtocolViolation } from './resp.ts';

const CR = 13;
const LF = 10;
const BANG = 33;
const MINUS = 45;
const ZERO = 48;
const ONE = 49;
const GREATER = 62;
const PIPE = 124;

/** What follows a type byte: nothing known, a line, a sized body, n values, n pairs of values. */
const LINE = 1;
const BODY = 2;
const ITEMS = 3;
const PAIRS = 4;
const kinds = new Uint8Array(256);
for (const mark of '+-:_#,(') kinds[mark.charCodeAt(0)] = LINE;
for (const mark of '$!=') kinds[mark.charCodeAt(0)] = BODY;
for (const mark of '*~>') kinds[mark.charCodeAt(0)] = ITEMS;
for (const mark of '%|') kinds[mark.charCodeAt(0)] = PAIRS;

/** Beyond this one digit more could leave 31 bits. */
const beforeOverflow = 214_748_363;
/** Bytes of one body, and values open in one reply, nested aggregates together. */
const countMax = 2 ** 30;
/** A simple string, error or number line is refused beyond this, for the caller has to keep it. */
export const replyLineBytesMax = 65_536;

/**
 * Follows one backend connection's stream of replies; resumable at any byte.
 *
 * Three numbers are its whole state: `left`, the values still to come before the reply is whole (an
 * aggregate of n adds n, each value takes one); `skip`, the bytes of a body still to come, its CRLF
 * included; and whether an attribute (`|`) was seen at depth 0, whose reply proper is still to
 * come.
 *
 * Source: RESP2 and RESP3 specifications. Streamed strings and aggregates, which no Redis sends,
 * are refused, and so is a push inside another value.
 */
export class ReplyScanner {
  /** The last call to {@link next} completed a reply. */
  done = false;
  /** The reply just completed, or being scanned, starts with `-` or `!` at depth 0. */
  error = false;
  /** It is a RESP3 push: out of band, it answers no command. */
  push = false;
  /** Its type byte, known as soon as that byte has come (an attribute's value, never `|`). */
  firstByte = 0;
  #left = 0;
  #skip = 0;
  #attribute = false;

  /** No reply is half consumed. */
  atBoundary(): boolean {
    return this.#left === 0 && this.#skip === 0 && !this.#attribute;
  }

  /**
   * Consumes one reply of `bytes[cursor..end)`, or the part that is there; returns the position
   * behind what was consumed, and `done` says whether the reply is whole. An incomplete line (the
   * header of a value, or a whole simple string, error or number) stays unconsumed: its bytes must
   * come first in the next call. Lines are bounded by {@link replyLineBytesMax}.
   * Throws {@link ProtocolViolation}; the connection must then be closed.
   */
  next(bytes: Buffer, cursor: number, end: number): number {
    this.done = false;
    let p = cursor;
    let left = this.#left;
    if (this.#skip > 0) {
      p = this.#skipBody(bytes, cursor, end);
      if (this.#skip > 0) return p;
      if (left === 0 && !this.#attribute) {
        this.done = true;
        return p;
      }
    }
    scan: while (p < end) {
      const type = bytes[p]!;
      const kind = kinds[type]!;
      if (left === 0) this.#begin(type);
      let i = p + 1;
      let n = -1;
      if (kind === LINE) {
        i = lineEnd(bytes, p, end);
        if (i < 0) break;
      } else if (i < end && bytes[i] === MINUS) {
        i = nullEnd(bytes, p, end);
        if (i < 0) break;
      } else {
        if (kind === 0) throw unexpected(type);
        n = 0;
        for (;;) {
          if (i >= end) break scan;
          const digit = bytes[i++]! - ZERO;
          if (digit === CR - ZERO) break;
          if (digit < 0 || digit > 9 || n > beforeOverflow) throw badLength(type);
          n = (n * 10 + digit) | 0;
        }
        if (i >= end) break;
        if (bytes[i++] !== LF || i === p + 3 || n > countMax) throw badLength(type);
      }
      // The header is whole: from here on its bytes count as consumed.
      if (type === PIPE) {
        if (left === 0) this.#attribute = true;
        left = opened(left, n, 2);
        p = i;
        continue;
      }
      if (left === 0) this.#attribute = false;
      else if (type === GREATER) throw new ProtocolViolation('push inside another reply');
      else left--;
      if (n > 0 && kind !== BODY) left = opened(left, n, kind === PAIRS ? 2 : 1);
      if (n >= 0 && kind === BODY) {
        i += n + 2;
        if (i > end) {
          this.#left = left;
          this.#skip = i - end;
          if (this.#skip === 1 && bytes[end - 1] !== CR) throw badEnd();
          return end;
        }
        if (bytes[i - 2] !== CR || bytes[i - 1] !== LF) throw badEnd();
      }
      p = i;
      if (left === 0 && !this.#attribute) {
        this.#left = 0;
        this.done = true;
        return p;
      }
    }
    this.#left = left;
    return p;
  }

  #begin(type: number): void {
    if (type === PIPE) return;
    this.firstByte = type;
    this.error = type === MINUS || type === BANG;
    this.push = type === GREATER;
  }

  /** Consumes what is there of a body begun in an earlier call, and checks its CRLF. */
  #skipBody(bytes: Buffer, cursor: number, end: number): number {
    const there = end - cursor;
    if (this.#skip > there) {
      if (there === 0) return end;
      this.#skip -= there;
      if (this.#skip === 1 && bytes[end - 1] !== CR) throw badEnd();
      return end;
    }
    const p = cursor + this.#skip;
    if (bytes[p - 1] !== LF) throw badEnd();
    if (this.#skip > 1 && bytes[p - 2] !== CR) throw badEnd();
    this.#skip = 0;
    return p;
  }
}

/** Values to come after a header of `n` items or pairs. */
function opened(left: number, n: number, per: 1 | 2): number {
  if (n * per > countMax - left) throw new ProtocolViolation('aggregate too large');
  return left + n * per;
}

/** Behind the CRLF of the line that starts at `p`, or -1 when it has not come. */
function lineEnd(bytes: Buffer, p: number, end: number): number {
  let i = p + 1;
  while (i < end && bytes[i] !== CR) i++;
  if (i - p > replyLineBytesMax) throw new ProtocolViolation('line too long');
  if (i + 1 >= end) return -1;
  if (bytes[i + 1] !== LF) throw new ProtocolViolation('CR without LF');
  return i + 2;
}

/** Behind `$-1` CRLF or `*-1` CRLF at `p`, or -1 when it has not come. */
function nullEnd(bytes: Buffer, p: number, end: number): number {
  const type = bytes[p]!;
  if (type !== 36 && type !== 42) throw kinds[type] === 0 ? unexpected(type) : badLength(type);
  if (p + 2 < end && bytes[p + 2] !== ONE) throw badLength(type);
  if (p + 3 < end && bytes[p + 3] !== CR) throw badLength(type);
  if (p + 4 >= end) return -1;
  if (bytes[p + 4] !== LF) throw badLength(type);
  return p + 5;
}

function unexpected(type: number): ProtocolViolation {
  return new ProtocolViolation(`unexpected type byte 0x${type.toString(16)}`);
}

function badLength(type: number): ProtocolViolation {
  return new ProtocolViolation(`invalid length after '${String.fromCharCode(type)}'`);
}

function badEnd(): ProtocolViolation {
  return new ProtocolViolation('a body does not end in CRLF');
}
