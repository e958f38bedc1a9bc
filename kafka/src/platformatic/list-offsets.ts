/** Offsets by time: one ListOffsets request a broker. */
import { listOffsetsV7 } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import type { OffsetAnswer, OffsetQuery, OffsetTime } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { BrokerAddress } from './dial.ts';
import type { Ask, Metadata } from './metadata.ts';
import { safeNumber } from './record-batch-reader.ts';

const clientReplica = -1;
const readCommitted = 1;
const noEpoch = -1;

/** One try; in the order of `queries`, which name each partition once. */
export async function listOffsets(
  queries: readonly OffsetQuery[],
  metadata: Metadata,
  ask: Ask,
  attempt: Attempt,
): Promise<OffsetAnswer[]> {
  const byBroker = new Map<string, { at: BrokerAddress; queries: OffsetQuery[] }>();
  for (const query of queries) {
    const { at } = await metadata.leaderOf(query);
    const key = `${at.host}:${at.port}`;
    const entry = byBroker.get(key) ?? { at, queries: [] };
    entry.queries.push(query);
    byBroker.set(key, entry);
  }
  const found = new Map<string, OffsetAnswer>();
  const asked = [...byBroker.values()].map((one) => askOne(one.at, one.queries, ask, attempt));
  for (const answers of await Promise.all(asked)) {
    for (const [key, answer] of answers) found.set(key, answer);
  }
  return queries.map(({ topic, partition }) => {
    const answer = found.get(`${partition} ${topic}`);
    if (answer !== undefined) return answer;
    throw new KafkaError('answer-unreadable', `${topic} partition ${partition}: no answer`);
  });
}

async function askOne(
  at: BrokerAddress,
  queries: readonly OffsetQuery[],
  ask: Ask,
  attempt: Attempt,
): Promise<[string, OffsetAnswer][]> {
  const topics = [...Map.groupBy(queries, ({ topic }) => topic)].map(([name, parts]) => {
    return { name, partitions: parts.map(partitionOf) };
  });
  const answer = await ask(at, attempt, (connection) =>
    answerOf(listOffsetsV7.api.async(connection, clientReplica, readCommitted, topics)),
  );
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map((one): [string, OffsetAnswer] => {
      const what = `${name} partition ${one.partitionIndex}`;
      if (one.errorCode !== 0) throw brokerError(one.errorCode, what);
      return [`${one.partitionIndex} ${name}`, answerTo(one.offset, one.timestamp)];
    }),
  );
}

function partitionOf({ partition, time }: OffsetQuery) {
  return { partitionIndex: partition, currentLeaderEpoch: noEpoch, timestamp: timestampOf(time) };
}

/** Kafka's numbers for the ends: KIP-79. */
function timestampOf(time: OffsetTime): bigint {
  if (time === 'latest') return -1n;
  return time === 'earliest' ? -2n : BigInt(time);
}

function answerTo(offset: bigint, timestamp: bigint): OffsetAnswer {
  return {
    offset: offset < 0n ? null : safeNumber(offset),
    timestampMs: timestamp < 0n ? null : safeNumber(timestamp),
  };
}
