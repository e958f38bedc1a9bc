/** Fetches of many partitions → one Fetch request to their broker, and its records back to each. */
import { type Connection, fetchV13, Reader } from '@platformatic/kafka';
import type { Fetched, FetchRequest } from '../gateway.ts';
import { asKafkaError, KafkaError } from '../kafka-error.ts';
import { brokerError, connectionError } from './broker-answer.ts';
import type { Work } from './channel.ts';
import { type AbortedTransaction, readBatches, safeNumber } from './record-batch-reader.ts';

export interface FetchWork extends Work {
  readonly request: FetchRequest;
  readonly topicId: string;
  /** Of the leader it is for: one that is not, or no longer, refuses. */
  readonly leaderEpoch: number;
  /** Goes alone: beside others its first batch did not fit into the answer. */
  isAlone: boolean;
  done(fetched: Fetched): void;
}

export interface FetchLimits {
  /** Asked for by one request, all its partitions together. */
  readonly answerBytesMax: number;
  readonly partitionsMax: number;
  /** One batch, unpacked. */
  readonly batchBytesMax: number;
}

interface PartitionAnswer {
  readonly errorCode: number;
  readonly endOffset: number;
  readonly startOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer;
}

const fetchKey = 1;
const fetchVersion = 13;
const readCommitted = 1;

/** As many as the limits allow, in their order, at most one for each partition; at least one. */
export function pickFetch(waiting: FetchWork[], limits: FetchLimits): FetchWork[] {
  const picked: FetchWork[] = [];
  const partitions = new Set<string>();
  let bytes = 0;
  for (const work of waiting) {
    const { isAlone, request } = work;
    const fits = !isAlone && bytes + request.bytesMax <= limits.answerBytesMax;
    if (picked.length > 0 && (!fits || picked.length >= limits.partitionsMax)) break;
    if (partitions.has(keyOf(work))) continue;
    partitions.add(keyOf(work));
    picked.push(work);
    bytes += request.bytesMax;
    if (isAlone) break;
  }
  const isPicked = new Set(picked);
  const left = waiting.filter((work) => !isPicked.has(work));
  waiting.splice(0, waiting.length, ...left);
  return picked;
}

/**
 * Asks without a fetch session (KIP-227), so the same place can be asked for any number of times.
 * `again` takes back a fetch that got nothing because others filled the answer.
 */
export async function sendFetch(
  connection: Connection,
  works: readonly FetchWork[],
  limits: FetchLimits,
  again: (work: FetchWork) => void,
): Promise<void> {
  let answers: ReadonlyMap<string, PartitionAnswer>;
  try {
    answers = await ask(connection, works);
  } catch (error) {
    for (const work of works) work.fail(connectionError(error));
    return;
  }
  for (const work of works) {
    if (work.attempt.isOver) continue;
    const answer = answers.get(keyOf(work));
    const isStarved = works.length > 1 && answer !== undefined && isEmptyBeforeEnd(work, answer);
    if (isStarved) {
      work.isAlone = true;
      again(work);
    } else {
      await settle(work, answer, limits);
    }
  }
}

function ask(
  connection: Connection,
  works: readonly FetchWork[],
): Promise<ReadonlyMap<string, PartitionAnswer>> {
  return new Promise((resolve, reject) => {
    connection.send<ReadonlyMap<string, PartitionAnswer>>(
      fetchKey,
      fetchVersion,
      () => requestOf(works),
      (_correlation, _key, _version, reader) => readAnswer(flat(reader)),
      true,
      true,
      (error, answers) => {
        if (error !== null || answers === undefined) reject(error ?? new Error('no answer'));
        else resolve(answers);
      },
    );
  });
}

function requestOf(works: readonly FetchWork[]) {
  const topics = Map.groupBy(works, ({ topicId }) => topicId);
  const waitMs = Math.min(...works.map(({ request }) => request.waitMs));
  const bytesMax = works.reduce((sum, { request }) => sum + request.bytesMax, 0);
  const asked = [...topics].map(([topicId, parts]) => {
    return { topicId, partitions: parts.map(partitionOf) };
  });
  return fetchV13.createRequest(waitMs, 1, bytesMax, readCommitted, 0, -1, asked, [], '');
}

function partitionOf({ request: { partition, offset, bytesMax }, leaderEpoch }: FetchWork) {
  return {
    partition,
    currentLeaderEpoch: leaderEpoch,
    fetchOffset: BigInt(offset),
    lastFetchedEpoch: -1,
    partitionMaxBytes: bytesMax,
  };
}

/** Records are read at random places: one copy here, instead of a search at each. */
function flat(reader: Reader): Reader {
  return Reader.from(reader.buffer.slice(reader.position));
}

/*
  Fetch Response (Version: 13) => throttle_time_ms error_code session_id [responses] TAG_BUFFER
    responses => topic_id [partitions] TAG_BUFFER
      partitions => partition_index error_code high_watermark last_stable_offset log_start_offset
                    [aborted_transactions] preferred_read_replica records TAG_BUFFER
        aborted_transactions => producer_id first_offset TAG_BUFFER
*/
function readAnswer(reader: Reader): ReadonlyMap<string, PartitionAnswer> {
  const answers = new Map<string, PartitionAnswer>();
  reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) throw brokerError(errorCode, 'fetch');
  reader.readInt32();
  reader.readArray((topic) => {
    const topicId = topic.readUUID();
    topic.readArray((part) => {
      const partition = part.readInt32();
      answers.set(`${partition} ${topicId}`, readPartition(part));
    });
  });
  return answers;
}

function readPartition(reader: Reader): PartitionAnswer {
  const errorCode = reader.readInt16();
  reader.readInt64();
  const endOffset = safeNumber(reader.readInt64());
  const startOffset = safeNumber(reader.readInt64());
  const aborted = reader.readNullableArray((one) => {
    return { producerId: one.readInt64(), firstOffset: safeNumber(one.readInt64()) };
  });
  reader.readInt32();
  const records = reader.readNullableBytes();
  return {
    errorCode,
    endOffset,
    startOffset,
    aborted: aborted ?? [],
    records: records ?? Buffer.alloc(0),
  };
}

/** Kafka sends a whole first batch for one partition only; others get what room is left (KIP-74). */
function isEmptyBeforeEnd({ request }: FetchWork, answer: PartitionAnswer): boolean {
  const { errorCode, records, endOffset } = answer;
  return errorCode === 0 && records.length === 0 && endOffset > request.offset;
}

async function settle(
  work: FetchWork,
  answer: PartitionAnswer | undefined,
  limits: FetchLimits,
): Promise<void> {
  const { topic, partition, offset, recordBytesMax } = work.request;
  const what = `${topic} partition ${partition} at offset ${offset}`;
  try {
    if (answer === undefined) throw new KafkaError('answer-unreadable', `${what}: no answer`);
    const { errorCode, endOffset, startOffset, aborted } = answer;
    if (errorCode !== 0) throw brokerError(errorCode, what);
    const { batchBytesMax } = limits;
    const options = { offset, recordBytesMax, batchBytesMax, aborted };
    const { records, nextOffset, heldBytes } = await readBatches(answer.records, options);
    const { topicId, leaderEpoch } = work;
    work.done({ topicId, leaderEpoch, records, nextOffset, endOffset, startOffset, heldBytes });
  } catch (error) {
    work.fail(asKafkaError(error));
  }
}

function keyOf({ request, topicId }: FetchWork): string {
  return `${request.partition} ${topicId}`;
}
