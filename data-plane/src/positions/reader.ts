/** Reads a unit's partitions: ahead of what is given out, again what came back, and their ends. */
import type { Fetched, FetchRequest } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import { Gate } from './gate.ts';
import type { Holding } from './holding.ts';
import type { UnitPartition } from './partition.ts';

/** One fetch of one partition. */
const fetchBytesMin = 64 * 2 ** 10;
const fetchBytesMax = 256 * 2 ** 10;
/** How long a broker may wait for the next record while callers wait for it here. */
const pollMsMax = 500;

/**
 * Something hints at another topic under the same name, or at a new partition; `isCutOff`: the log
 * ends before what was read of it, so it is another one or has lost its end.
 */
export type Doubt = (isCutOff: boolean) => void;

export class Reader {
  readonly #holding: Holding;
  readonly #doubt: Doubt;
  /** Looks at the ends: the last one begun, and the last one that was answered. */
  #looksBegun = 0;
  #looked = 0;
  #isLooking = false;
  /** The look that somebody asked for last. */
  #lookWanted = 0;
  /** Asked of brokers and not here yet, but for what is waited for at the ends of the logs. */
  #underWayBytes = 0;
  /** The partition that is the first to be read ahead next, so that each has its turn. */
  #turn = 0;
  readonly lookGate = new Gate();

  constructor(holding: Holding, doubt: Doubt) {
    this.#holding = holding;
    this.#doubt = doubt;
  }

  /** The number of the first look that begins from now on. */
  get nextLook(): number {
    return this.#looksBegun + 1;
  }

  hasLooked(look: number): boolean {
    return this.#looked >= look;
  }

  /** Reads on in partitions of which little is left. */
  refill(): void {
    const { partitions } = this.#holding;
    const from = this.#turn;
    for (let step = 0; step < partitions.length && this.#hasWay(); step++) {
      const at = (from + step) % partitions.length;
      const partition = partitions[at];
      if (partition?.isLow !== true || !this.#mayRead(partition)) continue;
      this.#turn = at + 1;
      void this.#readAhead(partition, 0);
    }
  }

  /**
   * For callers that got nothing: reads what it lacks, even when that is more than the bounds
   * allow by the smallest fetch, since what fills them may be what nobody can be given now. While
   * enough is under way it waits for that: a topic may have thousands of partitions.
   */
  bring(partition: UnitPartition, lack: 'back' | 'behind'): void {
    const { mayWork, nowMs } = this.#holding;
    if (!mayWork || partition.gate.isShut(nowMs) || !this.#hasWay()) return;
    if (lack === 'back') {
      void this.#readAgain(partition);
    } else if (!partition.isReading) {
      if (!this.#fits(fetchBytesMin)) this.#dropFull();
      void this.#readAhead(partition, 0);
    }
  }

  /** Waits at the brokers for the next records, as long as callers wait for them here. */
  poll(): void {
    const { partitions, mayServe, hasWaiting, topic } = this.#holding;
    if (!mayServe || !hasWaiting) return;
    for (const partition of partitions) {
      if (partition.lack(topic.window) !== 'ended' || !this.#mayRead(partition)) continue;
      void this.#readAhead(partition, pollMsMax);
    }
  }

  /** Looks at the ends of all partitions, once for everybody who wants to know by now. */
  look(look: number): void {
    this.#lookWanted = Math.max(this.#lookWanted, look);
    if (this.#isLooking) return;
    if (this.hasLooked(this.#lookWanted) || this.lookGate.isShut(this.#holding.nowMs)) return;
    void this.#look();
  }

  async #look(): Promise<void> {
    const { partitions, kafkaName: topic, host } = this.#holding;
    const number = ++this.#looksBegun;
    this.#isLooking = true;
    const before = partitions.map(({ ledger }) => ledger.next);
    const queries = partitions.map(({ number: partition }) => {
      return { topic, partition, time: 'latest' as const };
    });
    try {
      const ends = await this.#holding.log.listOffsets(queries, host.limits.askMsMax);
      this.lookGate.open();
      this.#looked = number;
      let isCutOff = false;
      for (const [at, partition] of partitions.entries()) {
        const end = ends[at]?.offset ?? 0;
        // A fetch under way may have gone on to a younger end.
        if (end > partition.end) partition.tellEnd(end);
        isCutOff ||= end < (before[at] ?? 0) && !partition.isDropped;
      }
      if (isCutOff) this.#doubt(true);
    } catch (thrown) {
      const error = asKafkaError(thrown);
      this.lookGate.fail(error, this.#holding.nowMs);
      this.#doubt(false);
    }
    this.#isLooking = false;
    this.#holding.changed();
    if (!this.hasLooked(this.#lookWanted)) this.look(this.#lookWanted);
  }

  async #readAhead(partition: UnitPartition, waitMs: number): Promise<void> {
    const { kafkaName: topic, host } = this.#holding;
    const offset = partition.readTo;
    const news = partition.endNews;
    const size = this.#fetchBytes();
    const counted = waitMs === 0 ? size : 0;
    partition.isReading = true;
    this.#underWayBytes += counted;
    try {
      const where = { topic, partition: partition.number, offset };
      const request = { ...where, bytesMax: size, recordBytesMax: size, waitMs };
      const fetched = await this.#fetch(request, host.limits.askMsMax + waitMs);
      const isStuck = fetched.nextOffset === offset && fetched.endOffset > offset;
      if (isStuck) partition.gate.fail(unreadable(partition), this.#holding.nowMs);
      else partition.gate.open();
      const goesOn = await this.#goesOn(partition, offset, fetched);
      // Unless what it held was dropped meanwhile, this comes next.
      const isNext = !partition.isDropped && partition.readTo === offset;
      if (!goesOn) this.#doubt(true);
      else if (isNext) partition.keepAhead(fetched, news);
    } catch (thrown) {
      if (!partition.isDropped) await this.#failed(partition, offset, asKafkaError(thrown));
    }
    partition.isReading = false;
    this.#underWayBytes -= counted;
    this.#holding.changed();
    this.poll();
  }

  /**
   * Whether the log of a later leader holds what was read before `offset`. One that was elected
   * without it has other records there (KIP-320).
   */
  async #goesOn(partition: UnitPartition, offset: number, fetched: Fetched): Promise<boolean> {
    const leaderEpoch = partition.epochs.last;
    if (leaderEpoch === null || fetched.leaderEpoch <= leaderEpoch) return true;
    const { kafkaName: topic, host, log } = this.#holding;
    const query = { topic, partition: partition.number, leaderEpoch };
    const end = await log.endOfEpoch(query, host.limits.askMsMax);
    return end === null || Math.max(end, fetched.startOffset) >= offset;
  }

  /** What came back first, and what lies right behind it. */
  async #readAgain(partition: UnitPartition): Promise<void> {
    const first = partition.ledger.firstReady();
    if (first === null || partition.isReadingAgain) return;
    partition.isReadingAgain = true;
    this.#underWayBytes += fetchBytesMin;
    try {
      const fetched = await this.fetchAgain(partition, first.offset);
      if (fetched.nextOffset > first.offset) partition.gate.open();
      else partition.gate.fail(unreadable(partition), this.#holding.nowMs);
      if (!partition.isDropped) {
        this.#holding.counts.skipped += partition.keepAgain(fetched, first.offset);
      }
    } catch (thrown) {
      if (!partition.isDropped) await this.#failed(partition, first.offset, asKafkaError(thrown));
    }
    partition.isReadingAgain = false;
    this.#underWayBytes -= fetchBytesMin;
    this.#holding.changed();
  }

  /** Records from `offset` on, which were given out before. */
  async fetchAgain(partition: UnitPartition, offset: number): Promise<Fetched> {
    const { kafkaName: topic, host } = this.#holding;
    const where = { topic, partition: partition.number, offset };
    const bytes = { bytesMax: fetchBytesMin, recordBytesMax: fetchBytesMax };
    return await this.#fetch({ ...where, ...bytes, waitMs: 0 }, host.limits.askMsMax);
  }

  /** Never of another topic that took the name: its records begin at another place. */
  async #fetch(request: FetchRequest, deadlineMs: number): Promise<Fetched> {
    const { log, topicId } = this.#holding;
    const fetched = await log.fetchAt(request, deadlineMs);
    if (fetched.topicId === topicId) return fetched;
    this.#doubt(true);
    throw new KafkaError('topic-unknown', `the topic ${request.topic} was made anew`);
  }

  async #failed(partition: UnitPartition, offset: number, error: KafkaError): Promise<void> {
    const isOutside = error.code === 'offset-out-of-range';
    if (isOutside && (await this.catchUp(partition, offset))) return;
    if (partition.isDropped) return;
    partition.gate.fail(error, this.#holding.nowMs);
    this.#doubt(false);
  }

  /**
   * Of a partition that has no such offset: goes on at the first record stored, when retention
   * deleted those before it, or has the topic looked at. False when Kafka does not say.
   */
  async catchUp(partition: UnitPartition, offset: number): Promise<boolean> {
    const start = await this.#startOf(partition);
    if (start === null) return false;
    if (partition.isDropped) return true;
    if (offset < start) this.#skipLost(partition, start);
    else this.#doubt(true);
    return true;
  }

  /** Retention deleted what comes next, or what came back. */
  #skipLost(partition: UnitPartition, start: number): void {
    const { readTo, ledger } = partition;
    const [back] = [...ledger.from('ready', 0, 1), ...ledger.from('moving', 0, 1)];
    const from = Math.min(back?.offset ?? readTo, readTo);
    // Another fetch found out before this one.
    if (start <= from) return;
    const count = Math.max(0, start - readTo) + partition.skipBelow(start);
    this.#holding.counts.skipped += count;
    const lost = { partition: partition.number, from, to: start - 1, count };
    this.#holding.notice('retention-overtook', lost);
  }

  /** First offset stored; null when Kafka does not say. */
  async #startOf(partition: UnitPartition): Promise<number | null> {
    const { kafkaName: topic, host, log } = this.#holding;
    const query = { topic, partition: partition.number, time: 'earliest' as const };
    try {
      const [answer] = await log.listOffsets([query], host.limits.askMsMax);
      return answer?.offset ?? null;
    } catch {
      // What failed first is told.
      return null;
    }
  }

  #dropFull(): void {
    const { partitions, topic } = this.#holding;
    for (const one of partitions) {
      if (!one.isReading && one.lack(topic.window) === 'full') one.dropAhead();
    }
  }

  #mayRead(partition: UnitPartition): boolean {
    const { mayWork, nowMs } = this.#holding;
    if (!mayWork || partition.isReading || partition.gate.isShut(nowMs)) return false;
    return this.#fits(this.#fetchBytes());
  }

  /** One read at least may be under way, whatever the bound. */
  #hasWay(): boolean {
    const { aheadBytesMax } = this.#holding.host.limits;
    const bytes = this.#underWayBytes;
    return bytes === 0 || bytes + this.#fetchBytes() <= aheadBytesMax;
  }

  #fits(size: number): boolean {
    const { host, bytes } = this.#holding;
    const { aheadBytesMax, processAheadBytesMax } = host.limits;
    return bytes.bytes + size <= aheadBytesMax && host.ahead.bytes + size <= processAheadBytesMax;
  }

  #fetchBytes(): number {
    const { partitions, host } = this.#holding;
    const { aheadBytesMax, processAheadBytesMax } = host.limits;
    if (host.ahead.bytes * 2 > processAheadBytesMax) return fetchBytesMin;
    const share = Math.floor(aheadBytesMax / (2 * Math.max(1, partitions.length)));
    return Math.min(fetchBytesMax, Math.max(fetchBytesMin, share));
  }
}

function unreadable({ number, readTo }: UnitPartition): KafkaError {
  return asKafkaError(new Error(`partition ${number} cannot be read at offset ${readTo}`));
}
