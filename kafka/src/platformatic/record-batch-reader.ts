/** Record batches of an answer → the committed records from an offset on. */
import type { KafkaRecord, RecordHeader } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { recordBytes, recordShareBytes } from '../record-size.ts';
import {
  attribute,
  type Compression,
  checksum,
  compressions,
  magic,
  place,
} from './record-batch.ts';
import { unpack } from './unpack.ts';

/** A transaction of `producerId` that began at `firstOffset` and was given up. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface ReadOptions {
  readonly offset: number;
  /** Records are taken up to this size (record-size.ts); at least one. */
  readonly recordBytesMax: number;
  /** Of one batch, unpacked. */
  readonly batchBytesMax: number;
  readonly aborted: readonly AbortedTransaction[];
}

export interface ReadResult {
  readonly records: KafkaRecord[];
  /** One past the last record taken, or past the last whole batch. */
  readonly nextOffset: number;
  readonly heldBytes: number;
}

/**
 * Reads whole batches from the start of `bytes`; one that is cut off at their end is left out.
 * Drops records below `offset`, control records and those of aborted transactions. Throws
 * `answer-unreadable` for what is damaged, too large unpacked, or of a version before 2.
 */
export async function readBatches(bytes: Buffer, options: ReadOptions): Promise<ReadResult> {
  const transactions = new Transactions(options.aborted);
  const result = new Collector(options);
  for (let at = 0; !result.isFull; ) {
    const batch = batchAt(bytes, at);
    if (batch === null) break;
    at += batch.size;
    const isWanted = batch.lastOffset >= options.offset;
    if (transactions.hides(batch)) result.pass(batch);
    else if (isWanted) await result.take(batch);
  }
  return result;
}

interface Batch {
  readonly bytes: Buffer;
  readonly size: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly producerId: bigint;
}

function batchAt(bytes: Buffer, at: number): Batch | null {
  const rest = bytes.length - at;
  if (rest < place.leaderEpoch) return null;
  const size = place.leaderEpoch + bytes.readInt32BE(at + place.length);
  if (size > rest) return null;
  const version = size > place.magic ? bytes.readInt8(at + place.magic) : -1;
  if (version !== magic || size < place.records) {
    throw unreadable(`a batch of message format ${version}; format ${magic} is needed`);
  }
  const baseOffset = safeNumber(bytes.readBigInt64BE(at + place.baseOffset));
  const own = bytes.subarray(at, at + size);
  // Before anything is believed: a damaged head could hide its records.
  if (checksum(own) !== own.readUInt32BE(place.crc)) {
    throw unreadable(`the batch at offset ${baseOffset} is damaged (CRC)`);
  }
  return {
    bytes: own,
    size,
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + place.lastOffsetDelta),
    attributes: bytes.readInt16BE(at + place.attributes),
    producerId: bytes.readBigInt64BE(at + place.producerId),
  };
}

/**
 * Which batches no reader of committed records sees, as they come by in order: KIP-98, and
 * `PartitionRecords` of the Java client. The broker lists transactions aborted in the range.
 */
class Transactions {
  readonly #waiting: AbortedTransaction[];
  readonly #aborted = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset);
  }

  hides(batch: Batch): boolean {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.firstOffset > batch.lastOffset) break;
      this.#aborted.add(next.producerId);
      this.#waiting.shift();
    }
    if ((batch.attributes & attribute.control) !== 0) {
      // Commit or abort, it ends the transaction: the next one of this producer stands for itself.
      this.#aborted.delete(batch.producerId);
      return true;
    }
    const isTransactional = (batch.attributes & attribute.transactional) !== 0;
    return isTransactional && this.#aborted.has(batch.producerId);
  }
}

class Collector implements ReadResult {
  readonly records: KafkaRecord[] = [];
  readonly #options: ReadOptions;
  nextOffset: number;
  heldBytes = 0;
  #takenBytes = 0;
  isFull = false;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.nextOffset = options.offset;
  }

  pass(batch: Batch): void {
    this.nextOffset = Math.max(this.nextOffset, batch.lastOffset + 1);
  }

  async take(batch: Batch): Promise<void> {
    const packed = batch.bytes.subarray(place.records);
    const compression = compressionOf(batch);
    const payload =
      compression === 'none'
        ? packed
        : await unpack(packed, compression, this.#options.batchBytesMax);
    this.heldBytes += payload.length;
    this.#takeRecords(batch, payload);
    if (!this.isFull) this.pass(batch);
  }

  #takeRecords({ bytes, baseOffset, attributes }: Batch, payload: Buffer): void {
    const base = Number(bytes.readBigInt64BE(place.baseTimestamp));
    // With LogAppendTime the broker writes only the batch's own time.
    const isAppendTime = (attributes & attribute.logAppendTime) !== 0;
    const appendTime = isAppendTime ? Number(bytes.readBigInt64BE(place.maxTimestamp)) : null;
    const reader = new RecordReader(payload);
    for (let left = bytes.readInt32BE(place.count); left > 0; left--) {
      reader.begin();
      const offset = baseOffset + reader.offsetDelta;
      if (offset < this.#options.offset) {
        reader.skip();
        continue;
      }
      const record = reader.record(offset, appendTime ?? base + reader.timestampDelta);
      const size = recordBytes(record);
      if (this.records.length > 0 && this.#takenBytes + size > this.#options.recordBytesMax) {
        this.isFull = true;
        return;
      }
      this.records.push(record);
      this.#takenBytes += size;
      this.heldBytes += recordShareBytes;
      this.nextOffset = offset + 1;
    }
  }
}

/** Reads one record after the other; every length is held against the record's own end. */
class RecordReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end = 0;
  timestampDelta = 0;
  offsetDelta = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Goes to the next record and reads what comes before its key. */
  begin(): void {
    this.#end = this.#bytes.length;
    const length = this.#varint();
    if (length < 0 || length > this.#bytes.length - this.#at) throw unreadable('a record cut off');
    this.#end = this.#at + length;
    this.#at++;
    this.timestampDelta = this.#varint();
    this.offsetDelta = this.#varint();
  }

  skip(): void {
    this.#at = this.#end;
  }

  record(offset: number, timestampMs: number): KafkaRecord {
    const key = this.#nullableBytes();
    const value = this.#nullableBytes();
    const count = this.#varint();
    const headers: RecordHeader[] = [];
    for (let done = 0; done < count; done++) {
      const name = this.#nullableBytes()?.toString() ?? '';
      headers.push({ name, value: this.#nullableBytes() });
    }
    this.skip();
    return { offset, timestampMs, key, value, headers: count === 0 ? noHeaders : headers };
  }

  #nullableBytes(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    if (length > this.#end - this.#at) throw unreadable('a field runs past the end of its record');
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let unit = 1; unit < 2 ** 70; unit *= 128) {
      if (this.#at >= this.#end) break;
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 127) * unit;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw unreadable('a number runs past the end of its record');
  }
}

const noHeaders: readonly RecordHeader[] = [];

function compressionOf({ attributes, baseOffset }: Batch): Compression {
  const compression = compressions[attributes & attribute.compression];
  if (compression !== undefined) return compression;
  throw unreadable(`the batch at offset ${baseOffset} is packed in a way nobody here knows`);
}

/** Throws for what a number cannot hold exactly. */
export function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw unreadable(`${value} is beyond 2^53`);
  return number;
}

function unreadable(message: string): KafkaError {
  return new KafkaError('answer-unreadable', message);
}
