/** Replies about topics. Every element is a bulk string, as the commands have always answered. */
import type { KafkaRecord } from '@respool/kafka/gateway';
import type { FoundOffset } from '../backend/kafka/offsets.ts';
import type { Pushed } from '../backend/kafka/produce.ts';
import { encodeArrayHeader, encodeNull, type Protocol } from '../resp/encoder.ts';

/** KPUSH: `[partition, offset]`. */
export function pushedReply({ partition, offset }: Pushed): Buffer {
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

const lineEnd = Buffer.from('\r\n', 'latin1');

/**
 * KPOP from a position: partition, offset and content of each record, one after the other; empty
 * at the end of the log. A tombstone's content is null.
 */
export function recordsReply(
  partition: number,
  records: readonly KafkaRecord[],
  protocol: Protocol,
): Buffer {
  const parts: Uint8Array[] = [encodeArrayHeader(records.length * 3)];
  for (const { offset, value } of records) {
    const place = `${bulk(partition)}${bulk(offset)}`;
    if (value === null) parts.push(Buffer.from(place, 'latin1'), encodeNull(protocol));
    else parts.push(Buffer.from(`${place}$${value.length}\r\n`, 'latin1'), value, lineEnd);
  }
  return Buffer.concat(parts);
}

function bulk(value: number): string {
  const text = String(value);
  return `$${text.length}\r\n${text}\r\n`;
}
