/** Batches of many partitions → one Produce request to their broker, and its answer back to each. */
import { type Connection, produceV9, Writer } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import type { Produced, TopicPartition } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { answerOf, connectionError, produceError } from './broker-answer.ts';
import type { Work } from './channel.ts';
import { safeNumber } from './record-batch-reader.ts';

export interface ProduceWork extends Work, TopicPartition {
  readonly attempt: Attempt;
  readonly batch: Buffer;
  done(produced: Produced): void;
}

type ProduceAnswer = produceV9.ProduceResponse;
type PartitionAnswer = ProduceAnswer['responses'][number]['partitionResponses'][number];

const produceKey = 0;
const produceVersion = 9;
const acksAll = -1;

/** As many as fit into `bytesMax`, in their order, at most one for each partition; at least one. */
export function pickProduce(waiting: ProduceWork[], bytesMax: number): ProduceWork[] {
  const picked: ProduceWork[] = [];
  const partitions = new Set<string>();
  let bytes = 0;
  for (const work of waiting) {
    const partition = `${work.partition} ${work.topic}`;
    const fits = picked.length === 0 || bytes + work.batch.length <= bytesMax;
    if (!fits) break;
    if (partitions.has(partition)) continue;
    partitions.add(partition);
    picked.push(work);
    bytes += work.batch.length;
  }
  const isPicked = new Set(picked);
  const left = waiting.filter((work) => !isPicked.has(work));
  waiting.splice(0, waiting.length, ...left);
  return picked;
}

/**
 * Sends the batches with acks=all and tells each its end. `acksMsMax` is how long the leader may
 * wait for its replicas. When there is no answer each of the batches may be stored.
 */
export async function sendProduce(
  connection: Connection,
  works: readonly ProduceWork[],
  acksMsMax: number,
): Promise<void> {
  let answer: ProduceAnswer;
  for (const { attempt } of works) attempt.markSent();
  try {
    answer = await answerOf(ask(connection, works, acksMsMax));
  } catch (error) {
    const failure = connectionError(error).asUncertain();
    for (const work of works) work.fail(failure);
    return;
  }
  const found = new Map<string, PartitionAnswer>();
  for (const { name, partitionResponses } of answer.responses) {
    for (const one of partitionResponses) found.set(`${one.index} ${name}`, one);
  }
  for (const work of works) settle(work, found.get(`${work.partition} ${work.topic}`));
}

function ask(
  connection: Connection,
  works: readonly ProduceWork[],
  acksMsMax: number,
): Promise<ProduceAnswer> {
  return new Promise((resolve, reject) => {
    connection.send<ProduceAnswer>(
      produceKey,
      produceVersion,
      () => requestOf(works, acksMsMax),
      produceV9.parseResponse,
      true,
      true,
      (error, answer) => {
        if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
        else resolve(answer);
      },
    );
  });
}

/*
  Produce Request (Version: 9) => transactional_id acks timeout_ms [topic_data] TAG_BUFFER
    topic_data => name [partition_data] TAG_BUFFER
      partition_data => index records TAG_BUFFER
*/
function requestOf(works: readonly ProduceWork[], acksMsMax: number): Writer {
  const topics = Map.groupBy(works, ({ topic }) => topic);
  return Writer.create()
    .appendString(null)
    .appendInt16(acksAll)
    .appendInt32(acksMsMax)
    .appendArray([...topics], (writer, [topic, parts]) => {
      writer.appendString(topic).appendArray(parts, (inner, { partition, batch }) => {
        inner.appendInt32(partition).appendBytes(batch);
      });
    })
    .appendTaggedFields();
}

function settle(work: ProduceWork, answer: PartitionAnswer | undefined): void {
  const what = `${work.topic} partition ${work.partition}`;
  if (answer === undefined) {
    const message = `${what}: the broker's answer does not speak of it`;
    work.fail(new KafkaError('answer-unreadable', message, { mayHaveHappened: true }));
  } else if (answer.errorCode !== 0) {
    const [bad] = answer.recordErrors;
    const told = bad?.batchIndexErrorMessage ?? answer.errorMessage ?? null;
    work.fail(produceError(answer.errorCode, what, told));
  } else {
    work.done({ baseOffset: safeNumber(answer.baseOffset) });
  }
}
