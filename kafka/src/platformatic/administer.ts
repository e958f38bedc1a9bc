/** The requests that shape topics: one try each. */
import {
  createPartitionsV3,
  createTopicsV7,
  deleteTopicsV6,
  describeConfigsV4,
  incrementalAlterConfigsV1,
} from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import type { NewTopic, TopicSetting } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { Ask, Metadata } from './metadata.ts';

// Any broker takes these, and hands on to the controller what only that may do. "Unknown topic or
// partition" elsewhere means that the leader moved; of a topic as a whole it is final.

const unknownTopic = 3;
const topicResource = 2;
/** As `ConfigSource` in Kafka's source: set for this very topic. */
const ofTopic = 1;
const [set, forget] = [0, 1] as const;

export class Administrator {
  readonly #ask: Ask;
  readonly #metadata: Metadata;
  /** How long a broker may wait until the other brokers know. */
  readonly #waitMs: number;

  constructor(ask: Ask, metadata: Metadata, waitMs: number) {
    this.#ask = ask;
    this.#metadata = metadata;
    this.#waitMs = waitMs;
  }

  async create(topic: NewTopic, attempt: Attempt): Promise<void> {
    const { name, partitions, replicationFactor, settings } = topic;
    const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const wanted = { name, numPartitions: partitions, replicationFactor, assignments: [], configs };
    const answer = await this.#write(attempt, (connection) =>
      createTopicsV7.api.async(connection, [wanted], this.#waitMs, false),
    );
    refuseFailure(answer.topics[0], name);
  }

  /** The brokers choose where the new ones live: null, where an empty list is none at all. */
  async grow(name: string, partitions: number, attempt: Attempt): Promise<void> {
    const wanted = { name, count: partitions, assignments: null };
    const answer = await this.#write(attempt, (connection) =>
      createPartitionsV3.api.async(connection, [wanted], this.#waitMs, false),
    );
    refuseFailure(answer.results[0], name);
  }

  async remove(name: string, attempt: Attempt): Promise<void> {
    const answer = await this.#write(attempt, (connection) =>
      deleteTopicsV6.api.async(connection, [{ name, topicId: null }], this.#waitMs),
    );
    refuseFailure(answer.responses[0], name);
  }

  async alter(
    name: string,
    settings: Readonly<Record<string, string | null>>,
    attempt: Attempt,
  ): Promise<void> {
    const configs = Object.entries(settings).map(([key, value]) =>
      value === null
        ? { name: key, configOperation: forget }
        : { name: key, configOperation: set, value },
    );
    const wanted = { resourceType: topicResource, resourceName: name, configs } as const;
    const answer = await this.#write(attempt, (connection) =>
      incrementalAlterConfigsV1.api.async(connection, [wanted], false),
    );
    refuseFailure(answer.responses[0], name);
  }

  async settings(
    name: string,
    names: readonly string[],
    attempt: Attempt,
  ): Promise<ReadonlyMap<string, TopicSetting>> {
    const of = { resourceType: topicResource, resourceName: name } as const;
    const wanted = { ...of, configurationKeys: [...names] };
    const answer = await this.#ask(this.#metadata.next(), attempt, (connection) =>
      answerOf(describeConfigsV4.api.async(connection, [wanted])),
    );
    const [result] = answer.results;
    refuseFailure(result, name);
    const found = (result?.configs ?? []).map(({ name: key, value, configSource }) => {
      return [key, { value: value ?? null, isOwn: configSource === ofTopic }] as const;
    });
    return new Map(found);
  }

  async #write<T>(
    attempt: Attempt,
    send: (connection: Parameters<Parameters<Ask>[2]>[0]) => Promise<T>,
  ): Promise<T> {
    return await this.#ask(this.#metadata.next(), attempt, (connection) => {
      attempt.markSent();
      return answerOf(send(connection)).catch((error: KafkaError) =>
        Promise.reject(error.asUncertain()),
      );
    });
  }
}

interface Outcome {
  readonly errorCode: number;
  readonly errorMessage?: string | null | undefined;
}

function refuseFailure(outcome: Outcome | undefined, name: string): void {
  const code = outcome?.errorCode ?? -1;
  if (code === 0) return;
  if (code === unknownTopic) {
    throw new KafkaError('topic-unknown', `the backend has no topic ${name}`);
  }
  throw brokerError(code, `topic ${name}`, outcome?.errorMessage);
}
