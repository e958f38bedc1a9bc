/** Who leads which partition: asked of any broker, kept for a while, doubted after an error. */

import { type Connection, metadataV12 } from '@platformatic/kafka';
import type { Clock } from '@respool/contracts/clock';
import type { Attempt } from '../attempts.ts';
import type { TopicPartition, TopicPartitionState, TopicState } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { BrokerAddress } from './dial.ts';

/** Asks one broker something, over a connection that is not used for records. */
export type Ask = <T>(
  at: BrokerAddress,
  attempt: Attempt,
  perform: (connection: Connection) => Promise<T>,
) => Promise<T>;

export interface MetadataOptions {
  /** At least one; asked until brokers are known, and again when none of those answers. */
  readonly bootstrap: readonly BrokerAddress[];
  readonly ask: Ask;
  readonly clock: Clock;
  /** A topic is asked about again after so long even when nothing seems wrong. */
  readonly freshMsMax: number;
  /** Topics remembered; those asked about longest ago are forgotten. */
  readonly topicsMax: number;
}

export interface Leader {
  readonly at: BrokerAddress;
  readonly topicId: string;
  readonly leaderEpoch: number;
}

interface KnownTopic {
  readonly state: TopicState;
  readonly askedMs: number;
  isDoubted: boolean;
}

type MetadataAnswer = Awaited<ReturnType<typeof metadataV12.api.async>>;

const unknownTopic = 3;
/** A topic just created is not known to every broker at once. */
const unknownTries = 3;
const unknownPauseMs = 80;
/** For questions that several callers wait for: each of those has a deadline of its own. */
const forAll: Attempt = { deadlineAtMs: Number.POSITIVE_INFINITY, isOver: false, markSent() {} };

export class Metadata {
  readonly #options: MetadataOptions;
  readonly #topics = new Map<string, KnownTopic>();
  readonly #asking = new Map<string, Promise<TopicState>>();
  #brokers = new Map<number, BrokerAddress>();
  /** Counts questions, so that a broker that does not answer is not asked again at once. */
  #turn = 0;

  constructor(options: MetadataOptions) {
    this.#options = options;
  }

  get brokers(): readonly BrokerAddress[] {
    return [...this.#brokers.values()];
  }

  /** Throws `topic-unknown`, and transient errors while no broker answers. */
  topic(name: string): Promise<TopicState> {
    const known = this.#topics.get(name);
    const freshMsMin = this.#options.clock.now() - this.#options.freshMsMax;
    if (known !== undefined && !known.isDoubted && known.askedMs >= freshMsMin) {
      return Promise.resolve(known.state);
    }
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#askAbout(name).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  /** Throws `leader-moved` while nobody knows of a leader of that epoch or a later one. */
  async leaderOf({ topic, partition }: TopicPartition, leaderEpochMin = -1): Promise<Leader> {
    let { partitions, topicId } = await this.topic(topic);
    if (partitions[partition] === undefined) {
      // It may have been added since.
      this.doubt(topic);
      ({ partitions, topicId } = await this.topic(topic));
    }
    const state = partitions[partition];
    if (state === undefined) {
      const has = `topic ${topic} has partitions 0 to ${partitions.length - 1}`;
      throw new KafkaError('partition-unknown', `${has}, not ${partition}`);
    }
    const { leader, leaderEpoch } = state;
    const isOld = leaderEpoch < leaderEpochMin;
    const at = leader === null || isOld ? undefined : this.#brokers.get(leader);
    if (at !== undefined) return { at, topicId, leaderEpoch };
    this.doubt(topic);
    if (isOld) {
      const message = `${topic} partition ${partition} had a leader after the one that is named now`;
      throw new KafkaError('leader-moved', message);
    }
    throw new KafkaError('leader-moved', `${topic} partition ${partition} has no leader now`);
  }

  /** The next question about this topic goes to a broker. */
  doubt(topic: string): void {
    const known = this.#topics.get(topic);
    if (known !== undefined) known.isDoubted = true;
  }

  brokerOf(id: number): BrokerAddress | undefined {
    return this.#brokers.get(id);
  }

  async names(attempt: Attempt): Promise<string[]> {
    const { topics } = await this.#ask(null, attempt);
    const own = topics.filter(({ isInternal, errorCode }) => !isInternal && errorCode === 0);
    return own.map(({ name }) => name ?? '').toSorted();
  }

  /** Any broker, another one at each call. */
  next(): BrokerAddress {
    const { bootstrap } = this.#options;
    const known = this.brokers;
    // When all known brokers are gone the cluster may have moved: every second turn starts anew.
    const round = [...known, ...bootstrap];
    const at = round[this.#turn++ % round.length];
    if (at === undefined) throw new KafkaError('broker-unreachable', 'no broker is named');
    return at;
  }

  async #askAbout(name: string): Promise<TopicState> {
    for (let tries = 1; ; tries++) {
      const { topics } = await this.#ask([name], forAll);
      const topic = topics.find((one) => one.name === name);
      if (topic === undefined) throw new KafkaError('answer-unreadable', `no answer on ${name}`);
      if (topic.errorCode === 0) return this.#remember(name, topic);
      this.doubt(name);
      if (topic.errorCode !== unknownTopic) throw brokerError(topic.errorCode, `topic ${name}`);
      this.#topics.delete(name);
      if (tries === unknownTries) {
        throw new KafkaError('topic-unknown', `the backend has no topic ${name}`);
      }
      await new Promise<void>((resolve) => {
        this.#options.clock.after(unknownPauseMs, resolve);
      });
    }
  }

  async #ask(names: string[] | null, attempt: Attempt): Promise<MetadataAnswer> {
    // Null asks about every topic; the types of the library do not know that.
    const wanted = names as unknown as string[];
    const answer = await this.#options.ask(this.next(), attempt, (connection) =>
      answerOf(metadataV12.api.async(connection, wanted, false, false)),
    );
    const entries = answer.brokers.map(
      ({ nodeId, host, port }) => [nodeId, { host, port }] as const,
    );
    if (entries.length > 0) this.#brokers = new Map(entries);
    return answer;
  }

  #remember(name: string, topic: MetadataAnswer['topics'][number]): TopicState {
    const partitions = topic.partitions.map((one) => {
      return {
        partition: one.partitionIndex,
        leader: one.leaderId < 0 ? null : one.leaderId,
        leaderEpoch: one.leaderEpoch,
        replicas: one.replicaNodes,
        inSyncReplicas: one.isrNodes,
      };
    });
    const inOrder = partitions.toSorted((one, other) => one.partition - other.partition);
    const known = this.#topics.get(name)?.state;
    const before = known?.topicId === topic.topicId ? known.partitions : [];
    const state = { name, topicId: topic.topicId, partitions: newest(inOrder, before) };
    this.#topics.delete(name);
    this.#topics.set(name, { state, askedMs: this.#options.clock.now(), isDoubted: false });
    const [oldest] = this.#topics.keys();
    if (this.#topics.size > this.#options.topicsMax && oldest !== undefined) {
      this.#topics.delete(oldest);
    }
    return state;
  }
}

/**
 * Of each partition the later leader: a broker that was cut off names those of before, and knows
 * nothing of partitions that were added since.
 */
function newest(
  told: readonly TopicPartitionState[],
  before: readonly TopicPartitionState[],
): TopicPartitionState[] {
  const all = told.length >= before.length ? told : before;
  return all.flatMap((_, at) => {
    const [one, other] = [told[at], before[at]];
    if (one === undefined || other === undefined) return one ?? other ?? [];
    return one.leaderEpoch < other.leaderEpoch ? other : one;
  });
}
