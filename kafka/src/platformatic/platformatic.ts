/** The gateway to a real cluster, over the connections and messages of `@platformatic/kafka`. */

import { type Connection, initProducerIdV4 } from '@platformatic/kafka';
import type { Clock } from '@respool/contracts/clock';
import { type Attempt, type Patience, withinDeadline } from '../attempts.ts';
import type * as port from '../gateway.ts';
import { asKafkaError, KafkaError } from '../kafka-error.ts';
import { Administrator } from './administer.ts';
import { type BrokerLimits, Brokers, brokerWaitMsMax } from './broker.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { BrokerAddress, DialOptions } from './dial.ts';
import { endOfEpoch } from './epoch-end.ts';
import { Coordinators } from './group.ts';
import { listOffsets } from './list-offsets.ts';
import { type Leader, Metadata } from './metadata.ts';
import { writeBatch } from './record-batch-writer.ts';

// The library's own producer and consumer are not used. Its consumer keeps one fetch session a
// broker, in which the same offset asked for twice is empty the second time; its producer retries
// for ever and cannot say whether a write that failed may have happened.

export interface GatewayLimits extends BrokerLimits {
  readonly topicsMax: number;
  readonly groupsMax: number;
  /** Leaders are asked for again after so long even when nothing seems wrong. */
  readonly metadataMsMax: number;
}

export const defaultLimits: GatewayLimits = {
  produceBytesMax: 4 * 2 ** 20,
  answerBytesMax: 8 * 2 ** 20,
  partitionsMax: 64,
  batchBytesMax: 64 * 2 ** 20,
  connectionsMax: 2,
  pollConnectionsMax: 8,
  waitingMax: 10_000,
  topicsMax: 10_000,
  groupsMax: 10_000,
  metadataMsMax: 30_000,
};

export interface PlatformaticOptions {
  readonly bootstrap: readonly BrokerAddress[];
  readonly dial: DialOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: GatewayLimits;
}

const allLed = (state: port.TopicState) => state.partitions.every(({ leader }) => leader !== null);

export class PlatformaticGateway implements port.KafkaGateway {
  readonly #options: PlatformaticOptions;
  readonly #patience: Patience;
  readonly #metadata: Metadata;
  readonly #coordinators: Coordinators;
  readonly #administrator: Administrator;
  readonly #brokers: Brokers;
  #isClosed = false;

  constructor(options: PlatformaticOptions) {
    const { bootstrap, clock, random, limits } = options;
    this.#options = options;
    this.#patience = { clock, random, pauseMsMin: 20, pauseMsMax: 500 };
    const ask = this.#ask.bind(this);
    const { metadataMsMax: freshMsMax, topicsMax, groupsMax } = limits;
    this.#metadata = new Metadata({ bootstrap, ask, clock, freshMsMax, topicsMax });
    const named = () => [...this.#metadata.brokers, ...bootstrap];
    this.#brokers = new Brokers(options.dial, limits, named);
    this.#coordinators = new Coordinators(ask, this.#metadata, groupsMax);
    const waitMs = brokerWaitMsMax(options.dial);
    this.#administrator = new Administrator(ask, this.#metadata, waitMs);
  }

  async produce(given: port.ProduceBatch, deadlineMs: number): Promise<port.Produced> {
    const batch = writeBatch(given.records, given);
    const { topic, partition } = given;
    return await this.#atLeader(given, deadlineMs, ({ at }, attempt) => {
      const { promise, resolve: done, reject: fail } = Promise.withResolvers<port.Produced>();
      this.#brokers.at(at).produce.submit({ topic, partition, batch, attempt, done, fail });
      return promise;
    });
  }

  async newProducerId(deadlineMs: number): Promise<bigint> {
    return await this.#call(deadlineMs, async (attempt) => {
      const { requestMsMax } = this.#options.dial;
      const answer = await this.#ask(this.#metadata.next(), attempt, (connection) =>
        answerOf(initProducerIdV4.api.async(connection, null, requestMsMax, -1n, -1)),
      );
      if (answer.errorCode !== 0) throw brokerError(answer.errorCode, 'a new producer id');
      return answer.producerId;
    });
  }

  async fetchAt(given: port.FetchRequest, deadlineMs: number): Promise<port.Fetched> {
    const waitMs = Math.min(given.waitMs, brokerWaitMsMax(this.#options.dial));
    const request = { ...given, waitMs };
    return await this.#atLeader(request, deadlineMs, ({ at, topicId, leaderEpoch }, attempt) => {
      const { promise, resolve: done, reject: fail } = Promise.withResolvers<port.Fetched>();
      const broker = this.#brokers.at(at);
      const channel = request.waitMs > 0 ? broker.poll : broker.fetch;
      channel.submit({ request, topicId, leaderEpoch, attempt, isAlone: false, done, fail });
      return promise;
    });
  }

  async listOffsets(
    queries: readonly port.OffsetQuery[],
    deadlineMs: number,
  ): Promise<port.OffsetAnswer[]> {
    return await this.#call(deadlineMs, (attempt) =>
      this.#doubting(queries, () =>
        listOffsets(queries, this.#metadata, this.#ask.bind(this), attempt),
      ),
    );
  }

  async endOfEpoch(query: port.EpochQuery, deadlineMs: number): Promise<number | null> {
    return await this.#atLeader(query, deadlineMs, (leader, attempt) =>
      endOfEpoch(query, leader, this.#ask.bind(this), attempt),
    );
  }

  async topic(
    name: string,
    deadlineMs: number,
    as: 'known' | 'now' = 'known',
  ): Promise<port.TopicState> {
    if (as === 'now') this.#metadata.doubt(name);
    return await this.#call(deadlineMs, () => this.#metadata.topic(name));
  }

  async topics(deadlineMs: number): Promise<string[]> {
    return await this.#call(deadlineMs, (attempt) => this.#metadata.names(attempt));
  }

  async createTopic(topic: port.NewTopic, deadlineMs: number): Promise<port.TopicState> {
    const isReady = (state: port.TopicState) => state.partitions.length > 0;
    return await this.#shape(topic.name, deadlineMs, isReady, (attempt) =>
      this.#administrator.create(topic, attempt),
    );
  }

  async addPartitions(
    name: string,
    partitions: number,
    deadlineMs: number,
  ): Promise<port.TopicState> {
    const isReady = (state: port.TopicState) => state.partitions.length >= partitions;
    return await this.#shape(name, deadlineMs, isReady, (attempt) =>
      this.#administrator.grow(name, partitions, attempt),
    );
  }

  async deleteTopic(name: string, deadlineMs: number): Promise<void> {
    await this.#call(deadlineMs, (attempt) => this.#administrator.remove(name, attempt));
    this.#metadata.doubt(name);
  }

  async topicSettings(
    name: string,
    names: readonly string[],
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, port.TopicSetting>> {
    return await this.#call(deadlineMs, (attempt) =>
      this.#administrator.settings(name, names, attempt),
    );
  }

  async alterTopic(
    name: string,
    settings: Readonly<Record<string, string | null>>,
    deadlineMs: number,
  ): Promise<void> {
    await this.#call(deadlineMs, (attempt) => this.#administrator.alter(name, settings, attempt));
  }

  async commit(
    group: string,
    positions: readonly port.Position[],
    deadlineMs: number,
  ): Promise<void> {
    await this.#call(deadlineMs, (attempt) => this.#coordinators.commit(group, positions, attempt));
  }

  async committed(
    group: string,
    partitions: readonly port.TopicPartition[],
    deadlineMs: number,
  ): Promise<(port.Committed | null)[]> {
    return await this.#call(deadlineMs, (attempt) =>
      this.#coordinators.committed(group, partitions, attempt),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#brokers.close();
  }

  /** Shapes the topic, then waits until the broker that is asked shows it so, with its leaders. */
  async #shape(
    name: string,
    deadlineMs: number,
    isReady: (state: port.TopicState) => boolean,
    perform: (attempt: Attempt) => Promise<void>,
  ): Promise<port.TopicState> {
    const end = this.#options.clock.now() + deadlineMs;
    await this.#call(deadlineMs, perform);
    this.#metadata.doubt(name);
    return await this.#call(end - this.#options.clock.now(), async () => {
      const state = await this.#metadata.topic(name).catch((error: KafkaError) => {
        const isNew = error.code === 'topic-unknown';
        throw isNew ? new KafkaError('leader-moved', `${name} is not there yet`) : error;
      });
      if (isReady(state) && allLed(state)) return state;
      this.#metadata.doubt(name);
      throw new KafkaError('leader-moved', `${name} has not all its leaders yet`);
    });
  }

  /** Tries at the partition's leader; whatever goes wrong there, the leader is looked up again. */
  #atLeader<T>(
    where: port.TopicPartition,
    deadlineMs: number,
    tryOnce: (leader: Leader, attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    return this.#call(deadlineMs, (attempt) =>
      this.#doubting([where], async () => tryOnce(await this.#metadata.leaderOf(where), attempt)),
    );
  }

  async #doubting<T>(where: readonly port.TopicPartition[], perform: () => Promise<T>): Promise<T> {
    try {
      return await perform();
    } catch (thrown) {
      const error = asKafkaError(thrown);
      if (error.transient) for (const { topic } of where) this.#metadata.doubt(topic);
      throw error;
    }
  }

  #call<T>(deadlineMs: number, tryOnce: (attempt: Attempt) => Promise<T>): Promise<T> {
    return withinDeadline(this.#patience, deadlineMs, async (attempt) => {
      if (this.#isClosed) throw new KafkaError('closed', 'the gateway was closed');
      return await tryOnce(attempt);
    });
  }

  #ask<T>(
    at: BrokerAddress,
    attempt: Attempt,
    ask: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const { promise, resolve, reject: fail } = Promise.withResolvers<T>();
    // What fails here has its own words already; a connection stays of use unless it broke.
    const perform = (connection: Connection) => ask(connection).then(resolve, fail);
    this.#brokers.at(at).call.submit({ attempt, perform, fail });
    return promise;
  }
}
