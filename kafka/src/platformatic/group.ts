/** Positions of consumer groups: which broker keeps them, and the two requests about them. */
import { findCoordinatorV4, offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import type { Committed, Position, TopicPartition } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { BrokerAddress } from './dial.ts';
import type { Ask, Metadata } from './metadata.ts';
import { safeNumber } from './record-batch-reader.ts';

const groupKey = 0;
/** Of one who is no member: accepted while nobody is. */
const noGeneration = -1;
const noEpoch = -1;

/** Broker per group, remembered until it turns out to be another one. */
export class Coordinators {
  readonly #ask: Ask;
  readonly #metadata: Metadata;
  readonly #groupsMax: number;
  readonly #known = new Map<string, BrokerAddress>();

  constructor(ask: Ask, metadata: Metadata, groupsMax: number) {
    this.#ask = ask;
    this.#metadata = metadata;
    this.#groupsMax = groupsMax;
  }

  /** One try; only this group's positions change. */
  async commit(group: string, positions: readonly Position[], attempt: Attempt): Promise<void> {
    const topics = [...Map.groupBy(positions, ({ topic }) => topic)].map(([name, parts]) => {
      return { name, partitions: parts.map(positionOf) };
    });
    await this.#with(group, attempt, async (at) => {
      const answer = await this.#ask(at, attempt, (connection) => {
        attempt.markSent();
        return answerOf(
          offsetCommitV8.api.async(connection, group, noGeneration, '', null, topics),
        ).catch((error: KafkaError) => Promise.reject(error.asUncertain()));
      });
      refuseFirstError(answer.topics, group);
    });
  }

  /** One try; in the order of `partitions`. */
  async committed(
    group: string,
    partitions: readonly TopicPartition[],
    attempt: Attempt,
  ): Promise<(Committed | null)[]> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, parts]) => {
      return { name, partitionIndexes: parts.map(({ partition }) => partition) };
    });
    // The library wants the two fields of a member that version 8 does not send.
    const asked = [{ groupId: group, memberId: null, memberEpoch: noEpoch, topics }];
    return await this.#with(group, attempt, async (at) => {
      const answer = await this.#ask(at, attempt, (connection) =>
        answerOf(offsetFetchV8.api.async(connection, asked, true)),
      );
      const [one] = answer.groups;
      if (one === undefined) throw new KafkaError('answer-unreadable', `group ${group}: no answer`);
      if (one.errorCode !== 0) throw brokerError(one.errorCode, `group ${group}`);
      refuseFirstError(one.topics, group);
      const found = new Map<string, Committed>();
      for (const { name, partitions: parts } of one.topics) {
        for (const { partitionIndex, committedOffset, ...one } of parts) {
          const offset = safeNumber(committedOffset);
          if (offset < 0) continue;
          const leaderEpoch = one.committedLeaderEpoch < 0 ? null : one.committedLeaderEpoch;
          const note = one.metadata ?? '';
          found.set(`${partitionIndex} ${name}`, { offset, note, leaderEpoch });
        }
      }
      return partitions.map(({ topic, partition }) => found.get(`${partition} ${topic}`) ?? null);
    });
  }

  /** Forgets the group's broker when that is gone or is the wrong one. */
  async #with<T>(
    group: string,
    attempt: Attempt,
    perform: (at: BrokerAddress) => Promise<T>,
  ): Promise<T> {
    const at = this.#known.get(group) ?? (await this.#find(group, attempt));
    try {
      return await perform(at);
    } catch (error) {
      this.#known.delete(group);
      throw error;
    }
  }

  async #find(group: string, attempt: Attempt): Promise<BrokerAddress> {
    const answer = await this.#ask(this.#metadata.next(), attempt, (connection) =>
      answerOf(findCoordinatorV4.api.async(connection, groupKey, [group])),
    );
    const [found] = answer.coordinators;
    if (found === undefined) throw new KafkaError('answer-unreadable', `group ${group}: no answer`);
    if (found.errorCode !== 0) throw brokerError(found.errorCode, `group ${group}`);
    const at = { host: found.host, port: found.port };
    const [oldest] = this.#known.keys();
    if (this.#known.size >= this.#groupsMax && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(group, at);
    return at;
  }
}

function positionOf({ partition, offset, note, leaderEpoch }: Position) {
  return {
    partitionIndex: partition,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: leaderEpoch ?? noEpoch,
    committedMetadata: note,
  };
}

interface AnsweredTopic {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
}

function refuseFirstError(topics: readonly AnsweredTopic[], group: string): void {
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      if (errorCode === 0) continue;
      throw brokerError(errorCode, `group ${group}, ${name} partition ${partitionIndex}`);
    }
  }
}
