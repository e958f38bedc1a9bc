/** One partition in memory: what a broker does with batches, transactions and readers. */
import type { Fetched, FetchRequest, KafkaRecord, NewRecord, ProduceBatch } from './gateway.ts';
import { KafkaError } from './kafka-error.ts';
import { recordBytes } from './record-size.ts';

interface Transaction {
  state: 'open' | 'committed' | 'aborted';
}

interface Entry {
  readonly offset: number;
  /** Null for a control record, which only ends a transaction. */
  readonly record: KafkaRecord | null;
  readonly transaction: Transaction | null;
}

interface ProducerState {
  epoch: number;
  /** The last five batches, the newest last, as a broker remembers them. */
  batches: { sequence: number; count: number; baseOffset: number }[];
}

const batchesRemembered = 5;

export class MemoryLog {
  readonly #producers = new Map<bigint, ProducerState>();
  readonly #readers = new Set<() => void>();
  #entries: Entry[] = [];
  #nextOffset = 0;
  /** Where each leader but the first began to write, in their order. */
  #elections: { readonly epoch: number; readonly offset: number }[] = [];
  startOffset = 0;

  get leaderEpoch(): number {
    return this.#elections.at(-1)?.epoch ?? 0;
  }

  /** The next leader. An unclean election lets one lead that has the log up to `offset` only. */
  elect(offset = this.#nextOffset): void {
    const epoch = this.leaderEpoch + 1;
    this.#entries = this.#entries.filter((entry) => entry.offset < offset);
    this.#nextOffset = offset;
    const before = this.#elections.filter((one) => one.offset <= offset);
    this.#elections = [...before, { epoch, offset }];
    this.#wake();
  }

  endOfEpoch(epoch: number): number {
    const end = this.#elections.find((one) => one.epoch > epoch)?.offset ?? this.#nextOffset;
    return Math.max(this.startOffset, end);
  }

  /** As it is now: what a leader goes on with that is cut off from all others. */
  copy(): MemoryLog {
    const log = new MemoryLog();
    log.#entries = [...this.#entries];
    log.#nextOffset = this.#nextOffset;
    log.#elections = [...this.#elections];
    log.startOffset = this.startOffset;
    return log;
  }

  /** One past the last record of a finished transaction, or of none. */
  get endOffset(): number {
    const open = this.#entries.find(({ transaction }) => transaction?.state === 'open');
    return open?.offset ?? this.#nextOffset;
  }

  /** Stores the batch once however often it comes; throws `producer-stale` as a broker would. */
  append(batch: ProduceBatch): number {
    const { producerId, epoch, sequence, records } = batch;
    let producer = this.#producers.get(producerId);
    if (producer !== undefined && epoch < producer.epoch) throw stale('an old epoch');
    if (producer === undefined || epoch > producer.epoch) {
      if (producer !== undefined && sequence !== 0) throw stale('a new epoch starts at 0');
      producer = { epoch, batches: [] };
      this.#producers.set(producerId, producer);
    }
    const known = producer.batches.find((one) => one.sequence === sequence);
    if (known !== undefined) return known.baseOffset;
    const last = producer.batches.at(-1);
    if (last !== undefined && last.sequence + last.count !== sequence) throw stale('out of order');
    const baseOffset = this.write(records, null);
    producer.batches.push({ sequence, count: records.length, baseOffset });
    producer.batches.splice(0, producer.batches.length - batchesRemembered);
    return baseOffset;
  }

  /** Records of somebody else, perhaps within a transaction; the offset of the first. */
  write(records: readonly NewRecord[], transaction: Transaction | null): number {
    const baseOffset = this.#nextOffset;
    for (const { key, value, headers, timestampMs } of records) {
      const offset = this.#nextOffset++;
      const record = { offset, timestampMs, key: copy(key), value: copy(value), headers };
      this.#entries.push({ offset, record, transaction });
    }
    this.#wake();
    return baseOffset;
  }

  /** The marker takes an offset too. */
  end(transaction: Transaction, state: 'committed' | 'aborted'): void {
    transaction.state = state;
    this.#entries.push({ offset: this.#nextOffset++, record: null, transaction: null });
    this.#wake();
  }

  /** Forgets everything before `offset`, as retention does. */
  trim(offset: number): void {
    this.startOffset = Math.max(this.startOffset, offset);
    this.#entries = this.#entries.filter((entry) => entry.offset >= offset);
  }

  /** Forgets single records in the middle, as compaction does. */
  compact(keep: (record: KafkaRecord) => boolean): void {
    this.#entries = this.#entries.filter(({ record }) => record === null || keep(record));
  }

  read({ topic, partition, offset, recordBytesMax }: FetchRequest): Omit<Fetched, 'topicId'> {
    const { startOffset, endOffset, leaderEpoch } = this;
    if (offset < startOffset || offset > this.#nextOffset) {
      const range = `${startOffset} to ${this.#nextOffset}`;
      const message = `${topic} partition ${partition} has offsets ${range}, not ${offset}`;
      throw new KafkaError('offset-out-of-range', message);
    }
    const records: KafkaRecord[] = [];
    let [nextOffset, heldBytes] = [offset, 0];
    for (const { offset: at, record, transaction } of this.#entries) {
      if (at < offset || at >= endOffset) continue;
      if (record !== null && transaction?.state !== 'aborted') {
        const size = recordBytes(record);
        if (records.length > 0 && heldBytes + size > recordBytesMax) break;
        records.push(record);
        heldBytes += size;
      }
      nextOffset = at + 1;
    }
    return { leaderEpoch, records, nextOffset, endOffset, startOffset, heldBytes };
  }

  /** The first record that a reader sees at that time or later. */
  findTime(timeMs: number): KafkaRecord | null {
    const seen = this.#entries.filter(
      ({ offset, transaction }) => offset < this.endOffset && transaction?.state !== 'aborted',
    );
    const found = seen.find(({ record }) => record !== null && record.timestampMs >= timeMs);
    return found?.record ?? null;
  }

  /** Calls `reader` once, at the next change; returns the function that calls it off. */
  onChange(reader: () => void): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  #wake(): void {
    const readers = [...this.#readers];
    this.#readers.clear();
    for (const reader of readers) reader();
  }
}

function copy(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function stale(why: string): KafkaError {
  return new KafkaError('producer-stale', `the broker refuses the batch: ${why}`);
}
