/** The lanes of one topic, and which of them a record takes. */
import type { RecordHeader } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import { type Entry, Lane, type LaneServices } from './lane.ts';
import { partitionOfKey } from './partition.ts';

/** The bytes belong to the push until it has ended; nobody may change them. */
export interface PushRequest {
  readonly topic: string;
  /** Null: by the key, or in turn when there is none. */
  readonly partition: number | null;
  readonly key: Uint8Array | null;
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface TopicServices extends LaneServices {
  /** The number of partitions is asked for again after so long. */
  readonly topicMsMax: number;
  /** For the question itself. */
  readonly askMsMax: number;
  /** Whether `asking` may have one more lane. */
  readonly mayOpen: (asking: TopicLanes) => boolean;
}

interface Waiting {
  readonly request: PushRequest;
  readonly entry: Entry;
}

/** A partition whose batch takes longer is passed over while others are well. */
const slowMs = 1_000;
/** A partition that is not known is asked about at most this often. */
const askAgainMs = 1_000;

export class TopicLanes {
  readonly #name: string;
  readonly #services: TopicServices;
  readonly #lanes = new Map<number, Lane>();
  /** How many; null before that was asked. */
  #partitions: number | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;
  /** Came before the partitions were known; in their order. */
  #waiting: Waiting[] = [];
  /** The partition that took the last record that may go anywhere. */
  #turn = -1;

  constructor(name: string, services: TopicServices) {
    this.#name = name;
    this.#services = services;
  }

  get size(): number {
    return this.#lanes.size;
  }

  get isIdle(): boolean {
    const isWaiting = this.#isAsking || this.#waiting.length > 0;
    return !isWaiting && [...this.#lanes.values()].every(({ isIdle }) => isIdle);
  }

  route(request: PushRequest, entry: Entry): void {
    const ageMs = this.#services.clock.now() - this.#askedAtMs;
    if (ageMs >= this.#services.topicMsMax) void this.#ask();
    if (this.#partitions === null) {
      this.#waiting.push({ request, entry });
      return;
    }
    const partition = this.#partitionFor(request, this.#partitions);
    if (partition < this.#partitions) {
      this.#enqueue(partition, entry);
      return;
    }
    const has = `topic ${this.#name} has partitions 0 to ${this.#partitions - 1}`;
    entry.fail(new KafkaError('partition-unknown', `${has}, not ${partition}`));
    // It may have been added since: whoever tries again will know.
    if (ageMs >= askAgainMs) void this.#ask();
  }

  /** What was gathered so far leaves now. */
  flush(): void {
    for (const lane of this.#lanes.values()) lane.flush();
  }

  /** Gives up everything that was not sent yet. */
  abandon(error: KafkaError): void {
    this.#failWaiting(error);
    for (const lane of this.#lanes.values()) lane.abandon(error);
  }

  /** Drops lanes nobody uses now; one that is opened again begins a new epoch. */
  forgetIdle(): void {
    for (const [partition, { isIdle }] of this.#lanes) if (isIdle) this.#lanes.delete(partition);
  }

  #enqueue(partition: number, entry: Entry): void {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) {
      if (!this.#services.mayOpen(this)) {
        entry.fail(new KafkaError('overloaded', 'too many partitions are written to'));
        return;
      }
      lane = new Lane({ topic: this.#name, partition }, this.#services);
      this.#lanes.set(partition, lane);
    }
    lane.push(entry);
  }

  #partitionFor({ partition, key }: PushRequest, count: number): number {
    if (partition !== null) return partition;
    return key === null ? this.#nextTurn(count) : partitionOfKey(key, count);
  }

  /** In turn, a batch at a time: while one is gathered, all goes there. */
  #nextTurn(count: number): number {
    const current = this.#turn;
    const nowMs = this.#services.clock.now();
    const isWell = (turn: number) => (this.#lanes.get(turn)?.waitingMs(nowMs) ?? 0) < slowMs;
    const isMore = current < count && this.#lanes.get(current)?.isGathering === true;
    if (isMore && isWell(current)) return current;
    for (let step = 1; step <= count; step++) {
      const turn = (current + step) % count;
      if (!isWell(turn)) continue;
      this.#turn = turn;
      return turn;
    }
    this.#turn = (current + 1) % count;
    return this.#turn;
  }

  /** Nobody waits who has known the partitions before. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { gateway, askMsMax, clock } = this.#services;
    try {
      const { partitions } = await gateway.topic(this.#name, askMsMax);
      this.#partitions = partitions.length;
      this.#askedAtMs = clock.now();
      for (const { request, entry } of this.#waiting.splice(0)) this.route(request, entry);
    } catch (thrown) {
      const error = asKafkaError(thrown);
      if (error.code === 'topic-unknown') this.#partitions = null;
      this.#failWaiting(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #failWaiting(error: KafkaError): void {
    for (const { entry } of this.#waiting.splice(0)) entry.fail(error);
  }
}
