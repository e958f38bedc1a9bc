/**
 * Where a RESP2 or RESP3 reply ends, and what it says; written apart from the product's own
 * decoder.
 */

/**
 * A reply as plain values; an error reply is a {@link ReplyError}, a map its keys and values in
 * turn.
 */
export type Value = string | number | bigint | boolean | null | ReplyError | readonly Value[];

export class ReplyError extends Error {
  override name = 'ReplyError';
  /** First word of the error, for instance `MOVED` or `ERR`. */
  get code(): string {
    return this.message.split(' ', 1)[0] ?? '';
  }
}

const CR = 13;
const sign = (character: string): number => character.charCodeAt(0);
const [STATUS, ERROR, INTEGER, BULK, ARRAY] = ['+', '-', ':', '$', '*'].map(sign);
const [NULL, BOOLEAN, DOUBLE, BIG, VERBATIM, BULK_ERROR] = ['_', '#', ',', '(', '=', '!'].map(sign);
const [MAP, SET, PUSH, ATTRIBUTE] = ['%', '~', '>', '|'].map(sign);

/** Progress through one reply: `cursor` bytes read, `open` values still to come. */
export interface Scan {
  cursor: number;
  open: number;
}

/**
 * Moves `scan` on through `bytes[0, end)`; true when the reply is complete, with `cursor` behind
 * it. Call again with more bytes otherwise. Throws on a byte no reply can start with.
 */
export function scanReply(bytes: Buffer, end: number, scan: Scan): boolean {
  while (scan.open > 0) {
    const line = lineEnd(bytes, scan.cursor, end);
    if (line < 0) return false;
    const type = bytes[scan.cursor];
    const size = type === undefined ? 0 : sizeIn(bytes, scan.cursor, line);
    if (type === BULK || type === VERBATIM || type === BULK_ERROR) {
      const next = size < 0 ? line : line + size + 2;
      if (next > end) return false;
      scan.cursor = next;
      scan.open -= 1;
      continue;
    }
    scan.cursor = line;
    if (type === ARRAY || type === SET || type === PUSH) scan.open += Math.max(size, 0) - 1;
    else if (type === MAP) scan.open += Math.max(size, 0) * 2 - 1;
    else if (type === ATTRIBUTE) scan.open += size * 2;
    else if (isLine(type)) scan.open -= 1;
    else throw new Error(`a reply cannot start with byte ${String(type)}`);
  }
  return true;
}

function isLine(type: number | undefined): boolean {
  return [STATUS, ERROR, INTEGER, NULL, BOOLEAN, DOUBLE, BIG].includes(type);
}

/** Index behind the next CRLF, or -1. */
function lineEnd(bytes: Buffer, from: number, end: number): number {
  const at = bytes.indexOf(CR, from);
  return at < 0 || at + 2 > end ? -1 : at + 2;
}

function sizeIn(bytes: Buffer, from: number, line: number): number {
  return Number.parseInt(bytes.toString('latin1', from + 1, line - 2), 10);
}

export function isPush(reply: Buffer): boolean {
  return reply[0] === PUSH;
}

/** One complete reply as values. Bulk strings are read as UTF-8. */
export function decodeReply(reply: Buffer): Value {
  const at = { cursor: 0 };
  return decodeAt(reply, at);
}

function decodeAt(bytes: Buffer, at: { cursor: number }): Value {
  const type = bytes[at.cursor];
  const line = lineEnd(bytes, at.cursor, bytes.length);
  const text = bytes.toString('utf8', at.cursor + 1, line - 2);
  const start = at.cursor;
  at.cursor = line;
  switch (type) {
    case STATUS:
      return text;
    case ERROR:
      return new ReplyError(text);
    case INTEGER:
      return Number(text);
    case BIG:
      return BigInt(text);
    case NULL:
      return null;
    case BOOLEAN:
      return text === 't';
    case DOUBLE:
      return Number(text.replace('inf', 'Infinity'));
    case BULK:
    case VERBATIM:
    case BULK_ERROR:
      return decodeBulk(bytes, at, type, sizeIn(bytes, start, line));
    case ATTRIBUTE:
      decodeMany(bytes, at, Number(text) * 2);
      return decodeAt(bytes, at);
    default:
      return text === '-1' ? null : decodeMany(bytes, at, Number(text) * (type === MAP ? 2 : 1));
  }
}

function decodeBulk(
  bytes: Buffer,
  at: { cursor: number },
  type: number | undefined,
  size: number,
): Value {
  if (size < 0) return null;
  const text = bytes.toString('utf8', at.cursor, at.cursor + size);
  at.cursor += size + 2;
  if (type === BULK_ERROR) return new ReplyError(text);
  return type === VERBATIM ? text.slice(4) : text;
}

function decodeMany(bytes: Buffer, at: { cursor: number }, count: number): Value[] {
  const values: Value[] = [];
  for (let index = 0; index < count; index += 1) values.push(decodeAt(bytes, at));
  return values;
}
