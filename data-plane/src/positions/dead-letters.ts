/** Records that were delivered too often: pushed to the dead-letter topic, or dropped. */
import type { KafkaRecord, RecordHeader } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import type { TopicView } from '../state.ts';
import { Gate } from './gate.ts';
import type { Holding } from './holding.ts';
import type { Lent } from './loans.ts';
import { NoticeTally } from './notice-tally.ts';
import type { UnitPartition } from './partition.ts';
import type { Reader } from './reader.ts';

/** Records of one partition on their way at once. */
const pushesMax = 100;
/** An outage of Kafka or a change of its backend is often over by then. */
const failingMsMax = 10_000;

export class DeadLetters {
  readonly #holding: Holding;
  readonly #reader: Reader;
  readonly #gate = new Gate();
  #isMoving = false;
  readonly #moved: NoticeTally;
  readonly #dropped: NoticeTally;
  /** By partition: since when its records cannot be moved, and whether that was told. */
  readonly #failing = new Map<number, { readonly sinceMs: number; isTold: boolean }>();

  constructor(holding: Holding, reader: Reader) {
    this.#holding = holding;
    this.#reader = reader;
    this.#moved = new NoticeTally((more) => holding.notice('dead-letter', more));
    this.#dropped = new NoticeTally((more) => holding.notice('dropped', more));
  }

  /** A record came back: it is given out again unless that was done too often. */
  judge(entry: Lent): void {
    if (this.#holding.mayDeliver(entry)) return;
    if (this.#holding.topic.deadLetter !== null) entry.ledger.move(entry);
    else this.#drop(entry);
  }

  /** Goes on with what is to be moved, and tells what was dropped. */
  run(): void {
    const { nowMs } = this.#holding;
    this.#moved.run(nowMs);
    this.#dropped.run(nowMs);
    if (this.#isMoving || this.#gate.isShut(nowMs)) return;
    if (this.#holding.partitions.some(({ ledger }) => ledger.moving > 0)) void this.#moveAll();
  }

  /** Before the unit is let go: tells what was not told yet. */
  end(): void {
    this.#moved.flush(this.#holding.nowMs);
    this.#dropped.flush(this.#holding.nowMs);
  }

  #drop(entry: Lent): void {
    entry.ledger.skip(entry);
    this.#holding.counts.deadLetters++;
    this.#dropped.add(entry.ledger.partition, entry.offset);
  }

  async #moveAll(): Promise<void> {
    this.#isMoving = true;
    let failure: KafkaError | null = null;
    for (const partition of this.#holding.partitions) {
      try {
        while (partition.ledger.moving > 0 && this.#mayMove(partition)) await this.#move(partition);
        this.#failing.delete(partition.number);
      } catch (thrown) {
        failure = asKafkaError(thrown);
        this.#failed(partition);
      }
    }
    if (failure === null) this.#gate.open();
    else this.#gate.fail(failure, this.#holding.nowMs);
    this.#isMoving = false;
  }

  /** Its position stands still behind them: that is told once it lasts. */
  #failed({ number: partition, ledger }: UnitPartition): void {
    const { nowMs } = this.#holding;
    const failing = this.#failing.get(partition) ?? { sinceMs: nowMs, isTold: false };
    this.#failing.set(partition, failing);
    if (failing.isTold || nowMs - failing.sinceMs < failingMsMax) return;
    failing.isTold = true;
    const [first] = ledger.from('moving', 0, 1);
    const from = first?.offset ?? null;
    this.#holding.notice('dead-letter-failed', { partition, from, count: ledger.moving });
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
      for (const entry of entries) {
        ledger.unmove(entry);
        this.judge(entry);
      }
      this.#holding.changed();
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
      }),
    );
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
    const { key, value } = record;
    const headers = [...record.headers, ...this.#headers(entry)];
    await new Promise<void>((done, fail) => {
      backend.push({ topic, partition: null, key, value, headers }, { done: () => done(), fail });
    });
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
    if (!isMoved) {
      this.#holding.counts.skipped++;
      return;
    }
    this.#holding.counts.deadLetters++;
    this.#moved.add(entry.ledger.partition, entry.offset);
  }
}
