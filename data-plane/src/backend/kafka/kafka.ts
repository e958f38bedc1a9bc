/** One Kafka backend: what topics of any tenant push to it and read from it, its beginning and end. */
import type { Clock } from '@respool/contracts/clock';
import type { KafkaGateway, KafkaRecord, OffsetTime, TopicPartition } from '@respool/kafka/gateway';
import { asKafkaError, type KafkaError } from '@respool/kafka/kafka-error';
import type { KafkaSample } from '../../observe/queue-metrics.ts';
import type { KafkaLog, KafkaView } from '../../state.ts';
import { OffsetReader, type ReadLimits, type ReadRequest } from './consume.ts';
import { type LagQuestion, lagOf, type PartitionLag } from './lag.ts';
import type { PushEnd } from './lane.ts';
import { type FoundOffset, findOffset, partitionsOf } from './offsets.ts';
import { Pusher, type PushLimits } from './produce.ts';
import type { PushRequest } from './topic-lanes.ts';

export interface KafkaLimits {
  readonly push: PushLimits;
  readonly read: ReadLimits;
  /** A question about a topic: its partitions, an offset. */
  readonly askMsMax: number;
  /** Less than a new state may take to be warm, so that the reason is told. */
  readonly warmMsMax: number;
}

export interface KafkaParts {
  readonly gateway: KafkaGateway;
  readonly clock: Clock;
  readonly limits: KafkaLimits;
  /** Kafka's names of topics that are in use when it is opened. */
  readonly topics: readonly string[];
}

/** Enough to know that the brokers answer, and that the first pushes need not wait for leaders. */
const warmTopicsMax = 64;

export class KafkaBackend implements KafkaView {
  readonly id: string;
  readonly kind = 'kafka';
  readonly #parts: KafkaParts;
  readonly #pusher: Pusher;
  readonly #reader: OffsetReader;
  readonly #counts = { pushes: 0, pushedBytes: 0, pushErrors: 0, reads: 0, readErrors: 0 };
  readonly #reading = new Set<Promise<unknown>>();
  #recordsRead = 0;
  #pushesInDoubt = 0;
  /** What was asked last came back, were it as a refusal of what was asked. */
  #answers = false;

  constructor(id: string, parts: KafkaParts) {
    const { gateway, clock, limits } = parts;
    this.id = id;
    this.#parts = parts;
    this.#pusher = new Pusher(gateway, clock, limits.push);
    this.#reader = new OffsetReader(gateway, clock, limits.read);
  }

  get log(): KafkaLog {
    return this.#parts.gateway;
  }

  get hasRoom(): boolean {
    return this.#pusher.hasRoom;
  }

  room(): Promise<void> {
    return this.#pusher.room();
  }

  push(request: PushRequest, end: PushEnd): void {
    const counts = this.#counts;
    const bytes = (request.key?.length ?? 0) + (request.value?.length ?? 0);
    this.#pusher.push(request, {
      done: (partition, offset) => {
        counts.pushes++;
        counts.pushedBytes += bytes;
        this.#answers = true;
        end.done(partition, offset);
      },
      fail: (error) => {
        this.#noteFailure(error);
        counts.pushErrors++;
        if (error.mayHaveHappened) this.#pushesInDoubt++;
        end.fail(error);
      },
    });
  }

  /** More than the limit is not given, whatever is asked for. */
  async read(request: ReadRequest): Promise<KafkaRecord[]> {
    const most = this.#parts.limits.read.fetchBytesMax;
    const bytesMax = request.bytesMax === null ? null : Math.min(request.bytesMax, most);
    const records = await this.#asked(this.#reader.read({ ...request, bytesMax }));
    this.#recordsRead += records.length;
    return records;
  }

  async find(where: TopicPartition, time: OffsetTime): Promise<FoundOffset> {
    const { gateway, limits } = this.#parts;
    return await this.#asked(findOffset(gateway, where, time, limits.askMsMax));
  }

  async partitions(topic: string): Promise<number[]> {
    const { gateway, limits } = this.#parts;
    return await this.#asked(partitionsOf(gateway, topic, limits.askMsMax));
  }

  async lag(question: LagQuestion): Promise<PartitionLag[]> {
    const { gateway, limits } = this.#parts;
    return await this.#asked(lagOf(gateway, question, limits.askMsMax));
  }

  /**
   * Rejects while no broker answers. A topic that is not there, or not for us, is its own affair:
   * its commands are told, and nobody else's need wait for that.
   */
  async warm(): Promise<void> {
    const { gateway, limits, topics } = this.#parts;
    const asked = await Promise.allSettled(
      topics.slice(0, warmTopicsMax).map((name) => gateway.topic(name, limits.warmMsMax)),
    );
    for (const one of asked) {
      if (one.status === 'fulfilled') continue;
      const error = this.#failed(one.reason);
      if (!isAnswer(error)) throw error;
    }
    this.#answers = true;
  }

  /** Another takes its place: what was pushed is stored or refused, what is read is answered. */
  async retire(deadlineMs: number): Promise<void> {
    const { clock, gateway } = this.#parts;
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(deadlineMs, late.resolve);
    const reads = Promise.allSettled([...this.#reading]);
    await Promise.all([this.#pusher.close(deadlineMs), Promise.race([reads, late.promise])]);
    cancel();
    await gateway.close();
  }

  close(): void {
    void this.#pusher.close(0);
    void this.#parts.gateway.close();
  }

  sample(): KafkaSample {
    return {
      backend: this.id,
      answers: this.#answers,
      ...this.#counts,
      recordsRead: this.#recordsRead,
      pushesInDoubt: this.#pushesInDoubt,
      queuedRecords: this.#pusher.queuedRecords,
      queuedBytes: this.#pusher.queuedBytes,
      windowBytes: this.#reader.windowBytes,
    };
  }

  async #asked<T>(answer: Promise<T>): Promise<T> {
    this.#counts.reads++;
    this.#reading.add(answer);
    try {
      const value = await answer;
      this.#answers = true;
      return value;
    } catch (thrown) {
      this.#counts.readErrors++;
      throw this.#failed(thrown);
    } finally {
      this.#reading.delete(answer);
    }
  }

  #failed(thrown: unknown): KafkaError {
    const error = asKafkaError(thrown);
    this.#noteFailure(error);
    return error;
  }

  #noteFailure(error: KafkaError): void {
    if (isAnswer(error)) this.#answers = true;
    else if (!isOurs.has(error.code)) this.#answers = false;
  }
}

const answers: ReadonlySet<string> = new Set([
  ...['topic-unknown', 'partition-unknown', 'offset-out-of-range', 'message-too-large'],
  ...['record-invalid', 'topic-invalid', 'not-authorized'],
]);
/** They say nothing of the brokers. */
const isOurs: ReadonlySet<string> = new Set(['overloaded', 'closed']);

/** The brokers answered: it is what was asked that they refuse. */
function isAnswer({ code }: KafkaError): boolean {
  return answers.has(code);
}
