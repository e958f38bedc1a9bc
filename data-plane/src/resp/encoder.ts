/** Values → bytes, for clients (replies in RESP2 or RESP3) and for backends (requests). */
import type { Resp } from './resp.ts';

export type Protocol = 2 | 3;

/** A command as a RESP array of bulk strings; strings are written as UTF-8. */
export function encodeRequest(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [header('*', args.length)];
  for (const arg of args) pushBulk(parts, arg);
  return Buffer.concat(parts);
}

/** `+OK`-like. `text` must hold no CR or LF; see {@link encodeError} for text of unknown origin. */
export function encodeSimple(text: string): Buffer {
  return Buffer.from(`+${text}\r\n`, 'latin1');
}

/**
 * `-PREFIX message`. Line breaks become blanks, as in Redis, so that a message that quotes the
 * client's own bytes cannot forge a second reply. Each character is one byte (Latin-1), so that
 * quoted bytes come back as they were.
 */
export function encodeError(prefix: string, message: string): Buffer {
  return Buffer.from(`-${oneLine(`${prefix} ${message}`)}\r\n`, 'latin1');
}

export function encodeInteger(value: number | bigint): Buffer {
  return Buffer.from(`:${value}\r\n`, 'latin1');
}

export function encodeBulk(value: string | Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  pushBulk(parts, value);
  return Buffer.concat(parts);
}

/** `_` in RESP3; in RESP2 `$-1`, or `*-1` where an array was to be expected. */
export function encodeNull(protocol: Protocol, aggregate = false): Buffer {
  if (protocol === 3) return Buffer.from('_\r\n', 'latin1');
  return Buffer.from(aggregate ? '*-1\r\n' : '$-1\r\n', 'latin1');
}

/** The first line of an array; its `count` items follow. */
export function encodeArrayHeader(count: number): Buffer {
  return header('*', count);
}

/** The first line of a map of `pairs` pairs: in RESP2 an array of twice as many items. */
export function encodeMapHeader(protocol: Protocol, pairs: number): Buffer {
  return protocol === 3 ? header('%', pairs) : header('*', pairs * 2);
}

/**
 * A value in the words of `protocol`. RESP2 has no map, set, push, boolean, double, big number,
 * verbatim string or bulk error: they become what Redis itself sends to such a client.
 * Source: RESP3 specification, and the `addReply…` family of Redis 7.0 for the RESP2 forms.
 */
export function encodeReply(value: Resp, protocol: Protocol): Buffer {
  const parts: Uint8Array[] = [];
  pushReply(parts, value, protocol);
  return Buffer.concat(parts);
}

function pushReply(parts: Uint8Array[], value: Resp, protocol: Protocol): void {
  switch (value.type) {
    case 'simple':
      parts.push(encodeSimple(value.text));
      return;
    case 'error':
      pushError(parts, value, protocol);
      return;
    case 'integer':
      parts.push(encodeInteger(value.value));
      return;
    case 'bulk':
      pushBulk(parts, value.bytes);
      return;
    case 'null':
      parts.push(encodeNull(protocol, value.aggregate));
      return;
    case 'array':
      pushItems(parts, '*', value.items, protocol);
      return;
    case 'set':
      pushItems(parts, protocol === 3 ? '~' : '*', value.items, protocol);
      return;
    case 'push':
      pushItems(parts, protocol === 3 ? '>' : '*', value.items, protocol);
      return;
    case 'map':
      parts.push(encodeMapHeader(protocol, value.entries.length));
      for (const [key, item] of value.entries) {
        pushReply(parts, key, protocol);
        pushReply(parts, item, protocol);
      }
      return;
    case 'boolean':
      if (protocol === 3) parts.push(Buffer.from(value.value ? '#t\r\n' : '#f\r\n', 'latin1'));
      else parts.push(encodeInteger(value.value ? 1 : 0));
      return;
    case 'double':
      if (protocol === 3) parts.push(Buffer.from(`,${doubleText(value.value)}\r\n`, 'latin1'));
      else pushBulk(parts, doubleText(value.value));
      return;
    case 'big-number':
      if (protocol === 3) parts.push(Buffer.from(`(${value.value}\r\n`, 'latin1'));
      else pushBulk(parts, value.value.toString());
      return;
    case 'verbatim':
      if (protocol === 2) pushBulk(parts, value.bytes);
      else pushSized(parts, '=', Buffer.concat([Buffer.from(`${value.format}:`), value.bytes]));
      return;
    default:
      value satisfies never;
  }
}

function pushItems(
  parts: Uint8Array[],
  mark: string,
  items: readonly Resp[],
  protocol: Protocol,
): void {
  parts.push(header(mark, items.length));
  for (const item of items) pushReply(parts, item, protocol);
}

function pushError(
  parts: Uint8Array[],
  value: Extract<Resp, { type: 'error' }>,
  protocol: Protocol,
): void {
  if (value.bulk && protocol === 3) pushSized(parts, '!', Buffer.from(value.text, 'latin1'));
  else parts.push(Buffer.from(`-${oneLine(value.text)}\r\n`, 'latin1'));
}

function pushBulk(parts: Uint8Array[], value: string | Uint8Array): void {
  pushSized(parts, '$', typeof value === 'string' ? Buffer.from(value) : value);
}

const lineEnd = Buffer.from('\r\n', 'latin1');

function pushSized(parts: Uint8Array[], mark: string, body: Uint8Array): void {
  parts.push(header(mark, body.length), body, lineEnd);
}

function header(mark: string, count: number): Buffer {
  return Buffer.from(`${mark}${count}\r\n`, 'latin1');
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}

function doubleText(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  return Object.is(value, -0) ? '-0' : String(value);
}
