/** Where the records of leaders up to an epoch end: one OffsetForLeaderEpoch request. */
import { offsetForLeaderEpochV4 } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import type { EpochQuery } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, brokerError } from './broker-answer.ts';
import type { Ask, Leader } from './metadata.ts';
import { safeNumber } from './record-batch-reader.ts';

const clientReplica = -1;

/** One try; null where the log of `leader` does not reach back so far (KIP-101, KIP-320). */
export async function endOfEpoch(
  { topic: name, partition: partitionIndex, leaderEpoch }: EpochQuery,
  { at, leaderEpoch: currentLeaderEpoch }: Leader,
  ask: Ask,
  attempt: Attempt,
): Promise<number | null> {
  const partitions = [{ partitionIndex, currentLeaderEpoch, leaderEpoch }];
  const answer = await ask(at, attempt, (connection) =>
    answerOf(offsetForLeaderEpochV4.api.async(connection, clientReplica, [{ name, partitions }])),
  );
  const what = `${name} partition ${partitionIndex}`;
  const [one] = answer.topics.flatMap((topic) => topic.partitions);
  if (one === undefined) throw new KafkaError('answer-unreadable', `${what}: no answer`);
  if (one.errorCode !== 0) throw brokerError(one.errorCode, what);
  return one.endOffset < 0n ? null : safeNumber(one.endOffset);
}
