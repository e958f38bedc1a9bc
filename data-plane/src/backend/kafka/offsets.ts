/** KOFFSET and KPARTITION: where a time lies in a partition, and which partitions a topic has. */
import type { KafkaGateway, OffsetTime, TopicPartition } from '@respool/kafka/gateway';

/** As the commands speak of it: a number that is not there is -1. */
export interface FoundOffset {
  readonly offset: number;
  readonly timestampMs: number;
}

const latest = -1;
const earliest = -2;

/**
 * A time as KOFFSET takes it: milliseconds since 1970, -1 for the end of the log, -2 for its
 * start. Null for every other number; those mean nothing to us.
 */
export function offsetTimeOf(time: number): OffsetTime | null {
  if (time === latest) return 'latest';
  if (time === earliest) return 'earliest';
  return Number.isSafeInteger(time) && time >= 0 ? time : null;
}

/**
 * Offset and time of the first record at `time` or later, both -1 when there is none. The end and
 * the start of the log are places, not records: their time is -1.
 */
export async function findOffset(
  gateway: KafkaGateway,
  where: TopicPartition,
  time: OffsetTime,
  deadlineMs: number,
): Promise<FoundOffset> {
  const [answer] = await gateway.listOffsets([{ ...where, time }], deadlineMs);
  return { offset: answer?.offset ?? -1, timestampMs: answer?.timestampMs ?? -1 };
}

/** Numbers of the topic's partitions, from 0 up. */
export async function partitionsOf(
  gateway: KafkaGateway,
  topic: string,
  deadlineMs: number,
): Promise<number[]> {
  const { partitions } = await gateway.topic(topic, deadlineMs);
  return partitions.map(({ partition }) => partition);
}
