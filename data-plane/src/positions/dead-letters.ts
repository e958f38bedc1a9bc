/** Records that were delivered too often: pushed to the dead-letter topic, or dropped. */
import type { KafkaRecord, RecordHeader } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import type { TopicView } from '../state.ts';
import { Gate } from './gate.ts';
import type { Holding } from './holding.ts';
import type { Lent } from './loans.ts';
import type { UnitPartition } from './partition.ts';
import type { Reader } from './reader.ts';

/** Records of one partition on their way at once. */
const pushesMax = 100;

export class DeadLetters {
  readonly #holding: Holding;
  readonly #reader: Reader;
  readonly #gate = new Gate();
  #isMoving = false;
  /** Dropped since that was told, by partition. */
  readonly #dropped = new Map<number, { from: number; to: number; count: number }>();

  constructor(holding: Holding, reader: Reader) {
    this.#holding = holding;
    this.#reader = reader;
  }

  /** A record came back: it is given out again unless that was done too often. */
  judge(entry: Lent): void {
    if (this.#holding.mayDeliver(entry)) return;
    if (this.#holding.topic.deadLetter !== null) entry.ledger.move(entry);
    else this.#drop(entry);
  }

  /** Goes on with what is to be moved, and tells what was dropped. */
  run(): void {
    for (const [partition, dropped] of this.#dropped) {
      this.#holding.notice('dropped', { partition, ...dropped });
    }
    this.#dropped.clear();
    if (this.#isMoving || this.#gate.isShut(this.#holding.nowMs)) return;
    if (this.#holding.partitions.some(({ ledger }) => ledger.moving > 0)) void this.#moveAll();
  }

  #drop(entry: Lent): void {
    const { partition } = entry.ledger;
    entry.ledger.skip(entry);
    this.#holding.counts.deadLetters++;
    const { offset } = entry;
    const dropped = this.#dropped.get(partition) ?? { from: offset, to: offset, count: 0 };
    dropped.from = Math.min(dropped.from, offset);
    dropped.to = Math.max(dropped.to, offset);
    dropped.count++;
    this.#dropped.set(partition, dropped);
  }

  async #moveAll(): Promise<void> {
    this.#isMoving = true;
    try {
      for (const partition of this.#holding.partitions) {
        while (partition.ledger.moving > 0 && this.#mayMove(partition)) await this.#move(partition);
      }
      this.#gate.open();
    } catch (thrown) {
      this.#gate.fail(asKafkaError(thrown), this.#holding.nowMs);
    } finally {
      this.#isMoving = false;
    }
  }

  #mayMove({ isDropped }: UnitPartition): boolean {
    return this.#holding.mayWork && this.#holding.host.holds() && !isDropped;
  }

  /** Some of its records, the lowest first. */
  async #move(partition: UnitPartition): Promise<void> {
    const { ledger } = partition;
    const { deadLetter } = this.#holding.topic;
    const entries = [...ledger.from('moving', 0, pushesMax)];
    const [first] = entries;
    if (first === undefined) return;
    if (deadLetter === null) {
      // It was taken away while they waited.
      for (const entry of entries) this.#drop(entry);
      return;
    }
    const records = await this.#read(partition, first.offset);
    if (records === null || !this.#mayMove(partition)) return;
    const found = entries.filter(({ offset }) => offset < records.nextOffset);
    const moved = await Promise.allSettled(
      found.map(async (entry) => {
        const record = records.byOffset.get(entry.offset);
        if (record !== undefined) await this.#push(deadLetter, entry, record);
        if (!partition.isDropped) this.#finish(entry, record !== undefined);
        return record === undefined ? null : entry.offset;
      }),
    );
    this.#tell(partition, moved);
    this.#holding.changed();
    const failed = moved.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #read(partition: UnitPartition, from: number) {
    try {
      const { records, nextOffset } = await this.#reader.fetchAgain(partition, from);
      if (nextOffset <= from) throw new KafkaError('answer-unreadable', `no record at ${from}`);
      return { byOffset: new Map(records.map((one) => [one.offset, one])), nextOffset };
    } catch (thrown) {
      const error = asKafkaError(thrown);
      if (error.code !== 'offset-out-of-range') throw error;
      if (!(await this.#reader.catchUp(partition, from))) throw error;
      return null;
    }
  }

  async #push(deadLetter: TopicView, entry: Lent, record: KafkaRecord): Promise<void> {
    const { backend, enabled, kafkaName: topic, name } = deadLetter;
    if (backend === null || !enabled) {
      throw new KafkaError('closed', `the dead-letter topic ${name} takes nothing now`);
    }
    const { key } = record;
    const value = record.value ?? Buffer.alloc(0);
    const headers = [...record.headers, ...this.#headers(entry)];
    await backend.push({ topic, partition: null, key, value, headers });
  }

  /** Where it came from. */
  #headers({ ledger, offset, deliveries }: Lent): RecordHeader[] {
    const said = {
      topic: this.#holding.unit.topic,
      partition: ledger.partition,
      offset,
      deliveries,
    };
    return Object.entries(said).map(([name, value]) => {
      return { name: `respool-${name}`, value: Buffer.from(String(value)) };
    });
  }

  #finish(entry: Lent, isMoved: boolean): void {
    if (entry.state !== 'moving') return;
    entry.ledger.skip(entry);
    if (isMoved) this.#holding.counts.deadLetters++;
    else this.#holding.counts.skipped++;
  }

  #tell(
    { number: partition }: UnitPartition,
    moved: readonly PromiseSettledResult<number | null>[],
  ): void {
    const offsets = moved.flatMap((one) => {
      return one.status === 'fulfilled' && one.value !== null ? [one.value] : [];
    });
    const [from] = offsets;
    if (from === undefined) return;
    const [to = from, count] = [offsets.at(-1), offsets.length];
    this.#holding.notice('dead-letter', { partition, from, to, count });
  }
}
