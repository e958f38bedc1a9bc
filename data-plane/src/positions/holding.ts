/** What the parts of an owned unit share: its partitions and loans, and whether it still is ours. */
import { writeCommitNote } from '@respool/contracts/commit-note';
import type { Notice } from '@respool/contracts/notices';
import { consumerGroup } from '@respool/contracts/queues';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { KafkaLog, TopicView } from '../state.ts';
import { AheadBytes } from './ahead.ts';
import type { UnitName } from './exchange.ts';
import { type Lent, Loans } from './loans.ts';
import type { OwnerHost, OwnerStart } from './owner.ts';
import type { UnitPartition } from './partition.ts';

/** A session whose callers wait asks again each second; after so long none of them waits. */
const silentMsMax = 3_000;

export class Holding {
  readonly unit: UnitName;
  readonly epoch: number;
  readonly host: OwnerHost;
  readonly group: string;
  readonly loans = new Loans();
  readonly bytes: AheadBytes;
  readonly counts = { skipped: 0, deadLetters: 0, commits: 0, commitErrors: 0 };
  /** As it is configured; the last one known when it is gone. */
  topic: TopicView;
  isGone = false;
  /** By their numbers; none before they were loaded. */
  partitions: readonly UnitPartition[] = [];
  topicId = '';
  /** Of the last seek that was done. */
  seek: number;
  /** Positions are known, and no seek is to be done. */
  isLoaded = false;
  /** False while the backend was replaced and nobody looked whether it has the same topic. */
  isBound = true;
  isDraining = false;
  isFenced = false;
  askedAtMs: number;
  /** The partition whose turn it is. */
  #turn = 0;
  #change = Promise.withResolvers<void>();

  constructor(start: OwnerStart, topic: TopicView, host: OwnerHost) {
    this.unit = start.unit;
    this.epoch = start.epoch;
    this.seek = start.seek;
    this.host = host;
    this.topic = topic;
    this.group = consumerGroup(start.unit.tenant, start.unit.consumer);
    this.bytes = new AheadBytes(host.ahead);
    this.askedAtMs = host.clock.now();
  }

  get nowMs(): number {
    return this.host.clock.now();
  }

  get kafkaName(): string {
    return this.topic.kafkaName;
  }

  get note(): string {
    return writeCommitNote({ seek: this.seek, topicId: this.topicId });
  }

  /** Throws `closed` while there is none. */
  get log(): KafkaLog {
    const { backend } = this.topic;
    if (backend === null) throw new KafkaError('closed', 'the backend of the topic is not open');
    return backend.log;
  }

  /** Says whether the topic lies elsewhere by then: in another log than now. */
  replacement(): () => boolean {
    const { backend, kafkaName } = this.topic;
    return () => this.topic.backend !== backend || this.topic.kafkaName !== kafkaName;
  }

  /** Records are given out, or would be if there were any. */
  get mayServe(): boolean {
    return this.mayWork && !this.isDraining && !this.isGone && this.topic.enabled;
  }

  /** What it read and committed is of use: it may read on, and commit. */
  get mayWork(): boolean {
    return this.isLoaded && this.isBound && !this.isFenced;
  }

  /** A generation that was not acted on yet. */
  get wantsSeek(): boolean {
    const sought = this.topic.seeks.get(this.unit.consumer);
    return sought !== undefined && sought.generation > this.seek;
  }

  /** How long a record may be out. */
  get loanMsMax(): number {
    return this.topic.ack === 'manual' ? this.topic.ackMs : this.host.limits.loanMsMax;
  }

  /** Found at once, since Kafka numbers them from 0: thousands may be asked for, of thousands. */
  partition(number: number): UnitPartition | null {
    const { partitions } = this;
    const found = partitions[number];
    if (found?.number === number) return found;
    if (partitions.at(-1)?.number === partitions.length - 1) return null;
    return partitions.find((one) => one.number === number) ?? null;
  }

  /** The partition of the next record, in turns; null when none offers one. */
  next(): UnitPartition | null {
    const { partitions, topic } = this;
    for (let step = 0; step < partitions.length; step++) {
      const at = (this.#turn + step) % partitions.length;
      const partition = partitions[at];
      if (partition?.offer(topic.window) === undefined) continue;
      this.#turn = at + 1;
      return partition;
    }
    return null;
  }

  /** The log of `unit` goes on elsewhere: what was lent of it is nobody's any more. */
  dropPartitions(): void {
    for (const partition of this.partitions) partition.drop(this.loans);
    this.partitions = [];
  }

  /** Resolves at the next change of anything a caller may wait for, or when `ms` have passed. */
  async change(ms: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.host.clock.after(Math.max(0, ms), late.resolve);
    await Promise.race([this.#change.promise, late.promise]);
    cancel();
  }

  /** Something changed: asks that wait here look again, and sessions that wait are told to ask. */
  changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
    if (!this.mayServe) return;
    let records = this.#offered();
    if (records === 0) return;
    for (const borrower of this.loans.waiting(this.nowMs, silentMsMax)) {
      borrower.waits = false;
      this.host.hint(borrower.session, this.unit, this.epoch);
      if (--records <= 0) return;
    }
  }

  get hasWaiting(): boolean {
    return this.loans.waiting(this.nowMs, silentMsMax).length > 0;
  }

  /**
   * Somebody has records of it or waits for some, a seek is to be done, or the next owner would
   * repeat what was acknowledged or begin to count deliveries anew.
   */
  get isUsed(): boolean {
    if (this.loans.size > 0 || this.wantsSeek || this.hasWaiting) return true;
    const mayForget = this.topic.maxDeliveries === 0;
    return this.partitions.some(({ ledger: { held, ready } }) => {
      return held > (mayForget ? ready : 0);
    });
  }

  notice(kind: Notice['kind'], more: Partial<Notice> = {}): void {
    const none = { partition: null, from: null, to: null, count: null };
    this.host.notice({ kind, ...this.unit, ...none, ...more });
  }

  /**
   * Deliveries left: false for a record that goes to the dead letters instead. Where there are none
   * it would be dropped, so those that nobody may have seen do not count.
   */
  mayDeliver({ deliveries, doubts }: Lent): boolean {
    const { maxDeliveries, deadLetter } = this.topic;
    const counted = deadLetter === null ? deliveries - doubts : deliveries;
    return maxDeliveries === 0 || counted < maxDeliveries;
  }

  /** Sessions worth a hint: one for each partition that has something, at least. */
  #offered(): number {
    let offered = 0;
    for (const partition of this.partitions) {
      const { ledger } = partition;
      if (ledger.ready > 0) offered += ledger.ready;
      else if (partition.offer(this.topic.window) !== undefined) offered++;
    }
    return offered;
  }
}
