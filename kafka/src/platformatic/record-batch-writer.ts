/** Records → one record batch, as it lies in a partition's log. */
import assert from 'node:assert/strict';
import type { NewRecord } from '../gateway.ts';
import { checksum, magic, place } from './record-batch.ts';

export interface BatchIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
}

/**
 * The batch, ready to be sent, in a buffer of exactly its size. Not compressed: batches of a
 * millisecond are small, and the time would be taken from everybody else's commands.
 */
export function writeBatch(records: readonly NewRecord[], identity: BatchIdentity): Buffer {
  const [first] = records;
  assert(first !== undefined, 'a batch holds at least one record');
  const baseTimestamp = first.timestampMs;
  const sizes = records.map((record, delta) => bodySize(record, delta, baseTimestamp));
  let size: number = place.records;
  for (const body of sizes) size += varintSize(zigzag(body)) + body;
  const batch = Buffer.allocUnsafe(size);
  writeHead(batch, records, identity);
  let at: number = place.records;
  for (const [delta, record] of records.entries()) {
    at = writeVarint(batch, at, zigzag(sizes[delta] ?? 0));
    at = writeBody(batch, at, record, delta, baseTimestamp);
  }
  assert(at === size, 'a batch is as long as it was measured');
  batch.writeUInt32BE(checksum(batch), place.crc);
  return batch;
}

function writeHead(batch: Buffer, records: readonly NewRecord[], identity: BatchIdentity): void {
  const { producerId, epoch, sequence } = identity;
  let maxTimestamp = 0;
  for (const { timestampMs } of records) maxTimestamp = Math.max(maxTimestamp, timestampMs);
  batch.writeBigInt64BE(0n, place.baseOffset);
  batch.writeInt32BE(batch.length - place.leaderEpoch, place.length);
  batch.writeInt32BE(-1, place.leaderEpoch);
  batch.writeInt8(magic, place.magic);
  batch.writeInt16BE(0, place.attributes);
  batch.writeInt32BE(records.length - 1, place.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(records[0]?.timestampMs ?? 0), place.baseTimestamp);
  batch.writeBigInt64BE(BigInt(maxTimestamp), place.maxTimestamp);
  batch.writeBigInt64BE(producerId, place.producerId);
  batch.writeInt16BE(epoch, place.producerEpoch);
  batch.writeInt32BE(sequence, place.baseSequence);
  batch.writeInt32BE(records.length, place.count);
}

/*
  Record => length VARINT attributes INT8 timestamp_delta VARLONG offset_delta VARINT
            key VARINT-BYTES value VARINT-BYTES count VARINT [headers]
  A length of -1 is null. Numbers are in zigzag: 0, -1, 1, -2 are 0, 1, 2, 3.
*/
function bodySize(record: NewRecord, delta: number, baseTimestamp: number): number {
  const { key, value, headers, timestampMs } = record;
  let size = 1 + varintSize(zigzag(timestampMs - baseTimestamp)) + varintSize(zigzag(delta));
  size += bytesSize(key) + bytesSize(value) + varintSize(zigzag(headers.length));
  for (const header of headers) {
    const nameBytes = Buffer.byteLength(header.name);
    size += varintSize(zigzag(nameBytes)) + nameBytes + bytesSize(header.value);
  }
  return size;
}

function writeBody(
  batch: Buffer,
  start: number,
  record: NewRecord,
  delta: number,
  baseTimestamp: number,
): number {
  let at = batch.writeInt8(0, start);
  at = writeVarint(batch, at, zigzag(record.timestampMs - baseTimestamp));
  at = writeVarint(batch, at, zigzag(delta));
  at = writeBytes(batch, at, record.key);
  at = writeBytes(batch, at, record.value);
  at = writeVarint(batch, at, zigzag(record.headers.length));
  for (const { name, value } of record.headers) {
    at = writeBytes(batch, at, Buffer.from(name));
    at = writeBytes(batch, at, value);
  }
  return at;
}

/** Whole numbers only, of at most 52 bits: lengths, and differences of times. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(zigzag(bytes.length)) + bytes.length;
}

function writeVarint(batch: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) batch[at++] = (rest % 128) | 128;
  batch[at++] = rest;
  return at;
}

function writeBytes(batch: Buffer, start: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(batch, start, zigzag(-1));
  const at = writeVarint(batch, start, zigzag(bytes.length));
  batch.set(bytes, at);
  return at + bytes.length;
}
