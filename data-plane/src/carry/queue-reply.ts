/** Replies about topics. Every element is a bulk string, as the commands have always answered. */
import type { PartitionLag } from '../backend/kafka/lag.ts';
import type { FoundOffset } from '../backend/kafka/offsets.ts';
import { encodeNull, type Protocol } from '../resp/encoder.ts';

/** KPUSH: `[partition, offset]`. */
export function pushedReply(partition: number, offset: number): Buffer {
  return Buffer.from(`*2\r\n${bulk(partition)}${bulk(offset)}`, 'latin1');
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
  const none = protocol === 3 ? '_\r\n' : '$-1\r\n';
  let bytes = headBytesMax + records.length * placeBytesMax;
  for (const { value } of records) bytes += value === null ? 0 : value.length;
  // Written in place: a pop costs one buffer, whatever it gives.
  const into = Buffer.allocUnsafe(bytes);
  let at = into.write(`*${records.length * 3}\r\n`, 0, 'latin1');
  for (const { partition, offset, value } of records) {
    const content = value === null ? none : `$${value.length}\r\n`;
    at += into.write(`${bulk(partition)}${bulk(offset)}${content}`, at, 'latin1');
    if (value === null) continue;
    at += value.copy(into, at);
    at += into.write('\r\n', at, 'latin1');
  }
  return into.subarray(0, at);
}

/** `*<n>`, up to 10 digits. */
const headBytesMax = 13;
/** `$2 <10 digits> $2 <16 digits> $<10 digits>`, each with its line end, and the content's. */
const placeBytesMax = 5 + 12 + 5 + 18 + 13 + 2;

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

function bulk(value: number): string {
  const text = String(value);
  return `$${text.length}\r\n${text}\r\n`;
}
