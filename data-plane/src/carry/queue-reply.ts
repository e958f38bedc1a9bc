/** Replies about topics. Every element is a bulk string, as the commands have always answered. */
import type { PartitionLag } from '../backend/kafka/lag.ts';
import type { FoundOffset } from '../backend/kafka/offsets.ts';
import { digitsOf, writeDigits } from '../resp/digits.ts';
import { encodeNull, type Protocol } from '../resp/encoder.ts';

/** KPUSH: `[partition, offset]`. */
export function pushedReply(partition: number, offset: number): Buffer {
  const into = Buffer.allocUnsafe(lineBytes(2) + numberBytes(partition) + numberBytes(offset));
  writeNumber(into, writeNumber(into, writeLine(into, 0, array, 2), partition), offset);
  return into;
}

/** KOFFSET: `[offset, time]`, both -1 where there is no such record. */
export function offsetReply({ offset, timestampMs }: FoundOffset): Buffer {
  return Buffer.from(`*2\r\n${bulk(offset)}${bulk(timestampMs)}`, 'latin1');
}

/** KPARTITION: numbers of the partitions. */
export function partitionsReply(partitions: readonly number[]): Buffer {
  const items = partitions.map(bulk).join('');
  return Buffer.from(`*${partitions.length}\r\n${items}`, 'latin1');
}

/** A record in a reply. */
export interface SaidRecord {
  readonly partition: number;
  readonly offset: number;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
}

/**
 * KPOP: partition, offset and content of each record, one after the other, in one flat list; empty
 * at the end of a log. A tombstone's content is null.
 */
export function recordsReply(records: readonly SaidRecord[], protocol: Protocol): Buffer {
  const none = nothingReply(protocol);
  const items = records.length * 3;
  let bytes = lineBytes(items);
  for (const { partition, offset, value } of records) {
    const content = value === null ? none.length : lineBytes(value.length) + value.length + 2;
    bytes += numberBytes(partition) + numberBytes(offset) + content;
  }
  // Measured, then written in place: a pop costs one buffer, whatever it gives, and no strings.
  const into = Buffer.allocUnsafe(bytes);
  let at = writeLine(into, 0, array, items);
  for (const { partition, offset, value } of records) {
    at = writeNumber(into, writeNumber(into, at, partition), offset);
    if (value === null) {
      at += none.copy(into, at);
      continue;
    }
    at = writeLine(into, at, dollar, value.length);
    at += value.copy(into, at);
    at = writeLineEnd(into, at);
  }
  return into;
}

/** KPOP from a managed position, when there is nothing: the null that its clients have always got. */
export function nothingReply(protocol: Protocol): Buffer {
  return encodeNull(protocol);
}

/** KLAG: partition, position, end and lag of each partition, in one flat list. */
export function lagReply(partitions: readonly PartitionLag[]): Buffer {
  const items = partitions.map(
    ({ partition, position, end, lag }) => bulk(partition) + bulk(position) + bulk(end) + bulk(lag),
  );
  return Buffer.from(`*${partitions.length * 4}\r\n${items.join('')}`, 'latin1');
}

const [array, dollar, cr, lf] = [0x2a, 0x24, 0x0d, 0x0a];

/** `<mark><count>` and its line end. */
function lineBytes(count: number): number {
  return 3 + digitsOf(count);
}

/** A number as a bulk string. */
function numberBytes(value: number): number {
  const digits = digitsOf(value);
  return lineBytes(digits) + digits + 2;
}

function writeLine(into: Buffer, start: number, mark: number, count: number): number {
  into[start] = mark;
  return writeLineEnd(into, writeDigits(into, start + 1, count, digitsOf(count)));
}

function writeNumber(into: Buffer, start: number, value: number): number {
  const digits = digitsOf(value);
  const at = writeLine(into, start, dollar, digits);
  return writeLineEnd(into, writeDigits(into, at, value, digits));
}

function writeLineEnd(into: Buffer, start: number): number {
  into[start] = cr;
  into[start + 1] = lf;
  return start + 2;
}

function bulk(value: number): string {
  const text = String(value);
  return `$${text.length}\r\n${text}\r\n`;
}
