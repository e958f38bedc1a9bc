/** A Kafka cluster in memory, and gateways to it: for tests, which may make it fail as they like. */
import type { Clock } from '@respool/contracts/clock';
import { type Attempt, type Patience, withinDeadline } from './attempts.ts';
import type * as port from './gateway.ts';
import { KafkaError, type KafkaErrorCode } from './kafka-error.ts';
import type { MemoryLog } from './memory-log.ts';
import { MemoryTopics } from './memory-topics.ts';
import { recordBytes } from './record-size.ts';

export type Operation = Exclude<keyof port.KafkaGateway, 'close'>;

/**
 * What befalls one try. `refuse`: nothing happens. `lose`: it happens, and the answer gets lost.
 * `stall`: it never arrives, and nobody says so. `delay`: it arrives when `delayMs` have passed, or
 * `until` is done, whoever still waits for it.
 */
export interface Fault {
  readonly operation: Operation;
  readonly kind: 'refuse' | 'lose' | 'stall' | 'delay';
  readonly code?: KafkaErrorCode;
  readonly delayMs?: number;
  readonly until?: Promise<void>;
}

/** As a broker's `message.max.bytes`: of one batch. */
const batchBytesMax = 1_048_588;
const writes: readonly Operation[] = [
  ...(['produce', 'commit'] as const),
  ...(['createTopic', 'addPartitions', 'deleteTopic', 'alterTopic'] as const),
];

export class MemoryKafka extends MemoryTopics {
  readonly #groups = new Map<string, Map<string, port.Committed>>();
  readonly #members = new Set<string>();
  readonly #faults: Fault[] = [];
  #producers = 0n;
  isReachable = true;
  /** Batches that were tried, in the order they arrived, failed ones included. */
  readonly batches: port.ProduceBatch[] = [];
  /** Tries of each operation. */
  readonly tries = new Map<Operation, number>();

  /** Each befalls the next try of its operation that no earlier fault befalls. */
  fail(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  takeFault(operation: Operation): Fault | null {
    this.tries.set(operation, (this.tries.get(operation) ?? 0) + 1);
    if (!this.isReachable) return { operation, kind: 'refuse' };
    const at = this.#faults.findIndex((fault) => fault.operation === operation);
    return at < 0 ? null : (this.#faults.splice(at, 1)[0] ?? null);
  }

  /** A consumer joins the group, or its last one leaves. */
  setMember(group: string, isMember: boolean): void {
    if (isMember) this.#members.add(group);
    else this.#members.delete(group);
  }

  append(batch: port.ProduceBatch): port.Produced {
    const size = batch.records.reduce((sum, record) => sum + recordBytes(record), 0);
    if (size > batchBytesMax) {
      throw new KafkaError('message-too-large', `a batch of ${size} bytes`);
    }
    return { baseOffset: this.log(batch).append(batch) };
  }

  newProducerId(): bigint {
    return this.#producers++;
  }

  commit(group: string, positions: readonly port.Position[]): void {
    if (this.#members.has(group)) {
      throw new KafkaError('group-in-use', `group ${group} has a member`);
    }
    const offsets = this.#groups.get(group) ?? new Map<string, port.Committed>();
    this.#groups.set(group, offsets);
    for (const { topic, partition, ...committed } of positions) {
      offsets.set(`${partition} ${topic}`, committed);
    }
  }

  committed(group: string, partitions: readonly port.TopicPartition[]): (port.Committed | null)[] {
    const offsets = this.#groups.get(group);
    return partitions.map(({ topic, partition }) => offsets?.get(`${partition} ${topic}`) ?? null);
  }
}

export interface MemoryGatewayOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Each try takes so long, half of it before anything happens. */
  readonly answerMs: number;
}

export class MemoryGateway implements port.KafkaGateway {
  readonly #kafka: MemoryKafka;
  readonly #options: MemoryGatewayOptions;
  readonly #patience: Patience;
  readonly #closed = Promise.withResolvers<never>();
  /** By topic id and partition: epoch of the latest leader it met. */
  readonly #epochs = new Map<string, number>();
  #isClosed = false;

  constructor(kafka: MemoryKafka, options: MemoryGatewayOptions) {
    // Nobody may be waiting when it ends.
    this.#closed.promise.catch(() => {});
    this.#kafka = kafka;
    this.#options = options;
    this.#patience = { ...options, pauseMsMin: 20, pauseMsMax: 500 };
  }

  async produce(batch: port.ProduceBatch, deadlineMs: number): Promise<port.Produced> {
    return await this.#call('produce', deadlineMs, () => {
      this.#kafka.batches.push(batch);
      return this.#kafka.append(batch);
    });
  }

  async newProducerId(deadlineMs: number): Promise<bigint> {
    return await this.#call('newProducerId', deadlineMs, () => this.#kafka.newProducerId());
  }

  async fetchAt(request: port.FetchRequest, deadlineMs: number): Promise<port.Fetched> {
    return await this.#call('fetchAt', deadlineMs, async () => {
      const { topicId } = this.#kafka.topic(request.topic);
      const log = this.#leaderOf(request);
      const fetched = log.read(request);
      if (fetched.nextOffset > request.offset || request.waitMs === 0) {
        return { topicId, ...fetched };
      }
      await this.#changeOf(log, request.waitMs);
      return { topicId, ...log.read(request) };
    });
  }

  async listOffsets(
    queries: readonly port.OffsetQuery[],
    deadlineMs: number,
  ): Promise<port.OffsetAnswer[]> {
    return await this.#call('listOffsets', deadlineMs, () =>
      queries.map(({ leaderEpochMin = 0, ...query }) => {
        const log = this.#leaderOf(query, leaderEpochMin);
        return { ...placeOf(log, query.time), leaderEpoch: log.leaderEpoch };
      }),
    );
  }

  async endOfEpoch(query: port.EpochQuery, deadlineMs: number): Promise<number | null> {
    return await this.#call('endOfEpoch', deadlineMs, () =>
      this.#leaderOf(query).endOfEpoch(query.leaderEpoch),
    );
  }

  async topic(name: string, deadlineMs: number): Promise<port.TopicState> {
    return await this.#call('topic', deadlineMs, () => this.#kafka.topic(name));
  }

  async topics(deadlineMs: number): Promise<string[]> {
    return await this.#call('topics', deadlineMs, () => this.#kafka.names);
  }

  async createTopic(topic: port.NewTopic, deadlineMs: number): Promise<port.TopicState> {
    return await this.#call('createTopic', deadlineMs, () => {
      this.#kafka.create(topic);
      return this.#kafka.topic(topic.name);
    });
  }

  async addPartitions(
    name: string,
    partitions: number,
    deadlineMs: number,
  ): Promise<port.TopicState> {
    return await this.#call('addPartitions', deadlineMs, () => {
      this.#kafka.grow(name, partitions);
      return this.#kafka.topic(name);
    });
  }

  async deleteTopic(name: string, deadlineMs: number): Promise<void> {
    await this.#call('deleteTopic', deadlineMs, () => {
      this.#kafka.topic(name);
      this.#kafka.remove(name);
    });
  }

  async topicSettings(
    name: string,
    names: readonly string[],
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, port.TopicSetting>> {
    return await this.#call('topicSettings', deadlineMs, () => this.#kafka.settings(name, names));
  }

  async alterTopic(
    name: string,
    settings: Readonly<Record<string, string | null>>,
    deadlineMs: number,
  ): Promise<void> {
    await this.#call('alterTopic', deadlineMs, () => this.#kafka.alter(name, settings));
  }

  async commit(
    group: string,
    positions: readonly port.Position[],
    deadlineMs: number,
  ): Promise<void> {
    await this.#call('commit', deadlineMs, () => this.#kafka.commit(group, positions));
  }

  async committed(
    group: string,
    partitions: readonly port.TopicPartition[],
    deadlineMs: number,
  ): Promise<(port.Committed | null)[]> {
    return await this.#call('committed', deadlineMs, () =>
      this.#kafka.committed(group, partitions),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closed.reject(new KafkaError('closed', 'the gateway was closed'));
  }

  /** Never one before a leader that it met in the same topic. */
  #leaderOf(where: port.TopicPartition, leaderEpochMin = 0): MemoryLog {
    const key = `${where.partition} ${this.#kafka.topic(where.topic).topicId}`;
    const epochMin = Math.max(leaderEpochMin, this.#epochs.get(key) ?? 0);
    const log = this.#kafka.atLeader(where, epochMin);
    this.#epochs.set(key, log.leaderEpoch);
    return log;
  }

  #call<T>(operation: Operation, deadlineMs: number, perform: () => T | Promise<T>): Promise<T> {
    return withinDeadline(this.#patience, deadlineMs, (attempt) => {
      if (this.#isClosed) return this.#closed.promise;
      return Promise.race([this.#closed.promise, this.#once(operation, attempt, perform)]);
    });
  }

  async #once<T>(
    operation: Operation,
    attempt: Attempt,
    perform: () => T | Promise<T>,
  ): Promise<T> {
    const fault = this.#kafka.takeFault(operation);
    const mayHaveHappened = writes.includes(operation);
    if (mayHaveHappened && this.#kafka.isReachable) attempt.markSent();
    if (fault?.kind === 'stall') return await new Promise<never>(() => {});
    const halfMs = this.#options.answerMs / 2;
    await this.#pass(halfMs + (fault?.delayMs ?? 0));
    if (fault?.until !== undefined) await fault.until;
    const code = fault?.code ?? 'broker-unreachable';
    if (fault?.kind === 'refuse') throw new KafkaError(code, `told to refuse ${operation}`);
    const done = await perform();
    await this.#pass(halfMs);
    if (fault === null || fault.kind === 'delay') return done;
    throw new KafkaError(code, `told to lose the answer to ${operation}`, { mayHaveHappened });
  }

  async #pass(ms: number): Promise<void> {
    if (ms === 0) return;
    await new Promise<void>((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }

  async #changeOf(log: MemoryLog, waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const giveUp = this.#options.clock.after(waitMs, () => {
        ignore();
        resolve();
      });
      const ignore = log.onChange(() => {
        giveUp();
        resolve();
      });
    });
  }
}

function placeOf(log: MemoryLog, time: port.OffsetTime) {
  if (time === 'earliest') return { offset: log.startOffset, timestampMs: null };
  if (time === 'latest') return { offset: log.endOffset, timestampMs: null };
  const { offset = null, timestampMs = null } = log.findTime(time) ?? {};
  return { offset, timestampMs };
}
