/** KPUSH: records → batches for each partition, told where they are once every replica has them. */
import type { Clock } from '@respool/contracts/clock';
import type { KafkaGateway, NewRecord } from '@respool/kafka/gateway';
import { KafkaError } from '@respool/kafka/kafka-error';
import { recordBytes } from '@respool/kafka/record-size';
import type { Entry, LaneLimits, PushEnd } from './lane.ts';
import { ProducerIdentities } from './producer-identity.ts';
import { type PushRequest, TopicLanes, type TopicServices } from './topic-lanes.ts';

export interface PushLimits extends LaneLimits {
  /** A larger record is refused before it is sent; by record-size.ts. */
  readonly recordBytesMax: number;
  /** All that waits or is under way; beyond it pushes are refused. */
  readonly queuedRecordsMax: number;
  readonly queuedBytesMax: number;
  /** From the push to its end; up to twice that when it is sent with younger ones. */
  readonly pushMsMax: number;
  /** Partitions written to at once, of all topics. */
  readonly lanesMax: number;
  /** The number of a topic's partitions is asked for again after so long. */
  readonly topicMsMax: number;
}

export const defaultPushLimits: PushLimits = {
  lingerMs: 0,
  batchRecordsMax: 10_000,
  gatherRecordsMax: 256,
  // Below Kafka's own default for one batch, 1 MB, with what the format adds.
  batchBytesMax: 900_000,
  recordBytesMax: 32 * 2 ** 20,
  queuedRecordsMax: 100_000,
  queuedBytesMax: 64 * 2 ** 20,
  pushMsMax: 10_000,
  lanesMax: 10_000,
  topicMsMax: 30_000,
};

/** Callers do well to wait beyond this share of the bounds. */
const crowdedShare = 0.75;

export class Pusher {
  readonly #clock: Clock;
  readonly #limits: PushLimits;
  readonly #services: TopicServices;
  readonly #topics = new Map<string, TopicLanes>();
  #queuedRecords = 0;
  #queuedBytes = 0;
  #isClosed = false;
  /** Called, once, when a push has ended. */
  #listeners: (() => void)[] = [];

  constructor(gateway: KafkaGateway, clock: Clock, limits: PushLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#services = {
      ...{ gateway, clock, limits, identities: new ProducerIdentities(gateway) },
      topicMsMax: limits.topicMsMax,
      askMsMax: limits.pushMsMax,
      mayOpen: (asking) => this.#mayOpen(asking),
    };
  }

  /** Waiting or under way. */
  get queuedRecords(): number {
    return this.#queuedRecords;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get hasRoom(): boolean {
    const { queuedRecordsMax, queuedBytesMax } = this.#limits;
    const isCrowded = this.#queuedRecords > queuedRecordsMax * crowdedShare;
    return !isCrowded && this.#queuedBytes <= queuedBytesMax * crowdedShare;
  }

  /** Resolves as soon as there is room: whoever waits for it will not be refused `overloaded`. */
  async room(): Promise<void> {
    while (!this.hasRoom) await this.#nextEnd();
  }

  /**
   * Done once every replica in sync has the record. It may fail at once; the error says whether
   * the record may be stored all the same. Records of one partition are stored in the order they
   * were pushed; those without key and partition take turns, a batch at a time.
   */
  push(request: PushRequest, end: PushEnd): void {
    const { key, value, headers, topic } = request;
    const nowMs = this.#clock.now();
    const record = { key, value, headers, timestampMs: nowMs };
    const bytes = recordBytes(record);
    const refusal = this.#refusal(bytes);
    if (refusal !== null) {
      end.fail(refusal);
      return;
    }
    this.#queuedRecords++;
    this.#queuedBytes += bytes;
    const deadlineAtMs = nowMs + this.#limits.pushMsMax;
    const entry = new Queued(record, { bytes, deadlineAtMs }, this.#ended, end);
    this.#topic(topic).route(request, entry);
  }

  /**
   * Sends what is queued; resolves when all of it has ended, or after `drainMs`, with what was not
   * sent by then refused as `closed`. What is under way then ends by its own deadline.
   */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    const late = Promise.withResolvers<'late'>();
    const cancel = this.#clock.after(drainMs, () => late.resolve('late'));
    for (const topic of this.#topics.values()) topic.flush();
    while (this.#queuedRecords > 0) {
      const first = await Promise.race([this.#nextEnd(), late.promise]);
      if (first === 'late') break;
    }
    cancel();
    const error = new KafkaError('closed', 'the proxy ends, and did not send it');
    for (const topic of this.#topics.values()) topic.abandon(error);
  }

  #refusal(bytes: number): KafkaError | null {
    const { recordBytesMax, queuedRecordsMax, queuedBytesMax } = this.#limits;
    if (this.#isClosed) return new KafkaError('closed', 'the proxy ends');
    if (bytes > recordBytesMax) {
      const message = `a record of ${bytes} bytes, more than ${recordBytesMax}`;
      return new KafkaError('message-too-large', message);
    }
    const isFull =
      this.#queuedRecords >= queuedRecordsMax || this.#queuedBytes + bytes > queuedBytesMax;
    return isFull ? new KafkaError('overloaded', 'too many records wait to be stored') : null;
  }

  #topic(name: string): TopicLanes {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      if (this.#topics.size >= this.#limits.lanesMax) this.#forgetIdle(null);
      topic = new TopicLanes(name, this.#services);
      this.#topics.set(name, topic);
    }
    return topic;
  }

  #mayOpen(asking: TopicLanes): boolean {
    const count = () => [...this.#topics.values()].reduce((sum, { size }) => sum + size, 0);
    if (count() < this.#limits.lanesMax) return true;
    this.#forgetIdle(asking);
    return count() < this.#limits.lanesMax;
  }

  /** Whatever waits keeps its topic, so no more stay than records are queued. */
  #forgetIdle(butNot: TopicLanes | null): void {
    for (const [name, topic] of this.#topics) {
      topic.forgetIdle();
      if (topic.isIdle && topic !== butNot) this.#topics.delete(name);
    }
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#listeners.push(resolve);
    });
  }

  readonly #ended = (bytes: number): void => {
    this.#queuedRecords--;
    this.#queuedBytes -= bytes;
    if (this.#listeners.length === 0) return;
    for (const listener of this.#listeners.splice(0)) listener();
  };
}

/** Counted as long as it has not ended; no promise, for these are made at the pace of commands. */
class Queued implements Entry {
  readonly record: NewRecord;
  readonly bytes: number;
  readonly deadlineAtMs: number;
  readonly #ended: (bytes: number) => void;
  readonly #end: PushEnd;

  constructor(
    record: NewRecord,
    { bytes, deadlineAtMs }: Pick<Entry, 'bytes' | 'deadlineAtMs'>,
    ended: (bytes: number) => void,
    end: PushEnd,
  ) {
    this.record = record;
    this.bytes = bytes;
    this.deadlineAtMs = deadlineAtMs;
    this.#ended = ended;
    this.#end = end;
  }

  done(partition: number, offset: number): void {
    this.#ended(this.bytes);
    try {
      this.#end.done(partition, offset);
    } catch (fault) {
      throwLater(fault);
    }
  }

  fail(error: KafkaError): void {
    this.#ended(this.bytes);
    try {
      this.#end.fail(error);
    } catch (fault) {
      throwLater(fault);
    }
  }
}

/** A fault of one who hears its end must not keep the others of its batch from hearing theirs. */
function throwLater(fault: unknown): void {
  queueMicrotask(() => {
    throw fault;
  });
}
