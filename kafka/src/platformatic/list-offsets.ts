/** Offsets by time: one ListOffsets request a broker. */
import { listOffsetsV7 } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import type { OffsetAnswer, OffsetQuery, OffsetTime, TopicPartition } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { BrokerAddress } from './dial.ts';
import type { Ask, Metadata } from './metadata.ts';
import { safeNumber } from './record-batch-reader.ts';

const clientReplica = -1;
const readCommitted = 1;

/** A query, and the leader it is for. */
interface Question {
  readonly query: OffsetQuery;
  readonly leaderEpoch: number;
}

/** One try; in the order of `queries`, which name each partition once. A stale leader refuses. */
export async function listOffsets(
  queries: readonly OffsetQuery[],
  metadata: Metadata,
  ask: Ask,
  attempt: Attempt,
): Promise<OffsetAnswer[]> {
  const byBroker = new Map<string, { at: BrokerAddress; questions: Question[] }>();
  for (const query of queries) {
    const { at, leaderEpoch } = await metadata.leaderOf(query, query.leaderEpochMin);
    const key = `${at.host}:${at.port}`;
    const entry = byBroker.get(key) ?? { at, questions: [] };
    entry.questions.push({ query, leaderEpoch });
    byBroker.set(key, entry);
  }
  const found = new Map<string, OffsetAnswer>();
  const asked = [...byBroker.values()].map((one) => askOne(one.at, one.questions, ask, attempt));
  for (const answers of await Promise.all(asked)) {
    for (const [key, answer] of answers) found.set(key, answer);
  }
  return queries.map((query) => {
    const { topic, partition } = query;
    const answer = found.get(keyOf(query));
    if (answer !== undefined) return answer;
    throw new KafkaError('answer-unreadable', `${topic} partition ${partition}: no answer`);
  });
}

async function askOne(
  at: BrokerAddress,
  questions: readonly Question[],
  ask: Ask,
  attempt: Attempt,
): Promise<[string, OffsetAnswer][]> {
  const epochs = new Map(questions.map((one) => [keyOf(one.query), one.leaderEpoch]));
  const topics = [...Map.groupBy(questions, ({ query }) => query.topic)].map(([name, parts]) => {
    return { name, partitions: parts.map(partitionOf) };
  });
  const answer = await ask(at, attempt, (connection) =>
    answerOf(listOffsetsV7.api.async(connection, clientReplica, readCommitted, topics)),
  );
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map((one): [string, OffsetAnswer] => {
      const what = `${name} partition ${one.partitionIndex}`;
      if (one.errorCode !== 0) throw brokerError(one.errorCode, what);
      const key = keyOf({ topic: name, partition: one.partitionIndex });
      const ends = answerTo(one.offset, one.timestamp);
      return [key, { ...ends, leaderEpoch: epochs.get(key) ?? one.leaderEpoch }];
    }),
  );
}

function partitionOf({ query: { partition, time }, leaderEpoch: currentLeaderEpoch }: Question) {
  return { partitionIndex: partition, currentLeaderEpoch, timestamp: timestampOf(time) };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`;
}

/** Kafka's numbers for the ends: KIP-79. */
function timestampOf(time: OffsetTime): bigint {
  if (time === 'latest') return -1n;
  return time === 'earliest' ? -2n : BigInt(time);
}

function answerTo(offset: bigint, timestamp: bigint): Omit<OffsetAnswer, 'leaderEpoch'> {
  return {
    offset: offset < 0n ? null : safeNumber(offset),
    timestampMs: timestamp < 0n ? null : safeNumber(timestamp),
  };
}
