/** The tenant's prefix in front of every key, put there while a command is copied. */
import { digitsOf, writeDigits } from '../resp/digits.ts';
import type { Command } from './request.ts';
import type { UpstreamConnection } from './upstream.ts';

const dollar = 36;
const cr = 13;
const lf = 10;

/** Most bytes a bulk header `$<length>\r\n` takes. */
export const headerBytesMax = 13;

/** Writes `$<length>\r\n` at `cursor`; returns the place behind it. */
export function writeBulkHeader(into: Buffer, cursor: number, length: number): number {
  return writeHeader(into, cursor, dollar, length);
}

/** Writes the header of a sized value, `type` its first byte; returns the place behind it. */
export function writeHeader(into: Buffer, cursor: number, type: number, size: number): number {
  let at = cursor;
  into[at++] = type;
  if (size < 10) into[at++] = 48 + size;
  else at = writeDigits(into, at, size, digitsOf(size));
  into[at++] = cr;
  into[at++] = lf;
  return at;
}

/** Copies a short range byte by byte: below about 48 bytes that beats the call of `copy`. */
export function copyRange(
  from: Buffer,
  start: number,
  end: number,
  into: Buffer,
  cursor: number,
): number {
  const length = end - start;
  if (length > 48) from.copy(into, cursor, start, end);
  else for (let i = 0; i < length; i++) into[cursor + i] = from[start + i]!;
  return cursor + length;
}

/** Writes the key `from[start, end)` as a bulk string, the prefix in front. */
export function writeKey(
  from: Buffer,
  start: number,
  end: number,
  prefix: Buffer | null,
  into: Buffer,
  cursor: number,
): number {
  const prefixLength = prefix === null ? 0 : prefix.length;
  let at = writeBulkHeader(into, cursor, prefixLength + end - start);
  if (prefix !== null) at = copyRange(prefix, 0, prefixLength, into, at);
  at = copyRange(from, start, end, into, at);
  into[at++] = cr;
  into[at++] = lf;
  return at;
}

/**
 * Writes a command whose only key is argument 1, `bytes[keyStart, keyEnd)`, into room of the
 * connection; returns where it ends. Nothing else of the command changes, so it is three copies.
 */
export function writeFirstKeyPrefixed(
  way: UpstreamConnection,
  prefix: Buffer,
  bytes: Buffer,
  start: number,
  keyStart: number,
  keyEnd: number,
  end: number,
): number {
  const into = way.reserve(end - start + prefix.length + headerBytesMax);
  let header = keyStart - 3;
  while (bytes[header] !== dollar) header--;
  let at = copyRange(bytes, start, header, into, way.cursor);
  at = writeBulkHeader(into, at, prefix.length + keyEnd - keyStart);
  at = copyRange(prefix, 0, prefix.length, into, at);
  return copyRange(bytes, keyStart, end, into, at);
}

/**
 * Writes a command with the arguments `keys[0, count)` (ascending argument numbers) prefixed; returns
 * where it ends.
 */
export function writePrefixed(
  way: Pick<UpstreamConnection, 'reserve' | 'cursor'>,
  prefix: Buffer,
  command: Command,
  keys: Int32Array,
  count: number,
): number {
  const { bytes } = command;
  const grown = (prefix.length + headerBytesMax) * count;
  const into = way.reserve(command.end - command.start + grown);
  let from = command.start;
  let at = way.cursor;
  for (let k = 0; k < count; k++) {
    const key = keys[k]!;
    at = copyRange(bytes, from, command.headerStart(key), into, at);
    at = writeKey(bytes, command.starts[key]!, command.ends[key]!, prefix, into, at);
    from = command.ends[key]! + 2;
  }
  return copyRange(bytes, from, command.end, into, at);
}
