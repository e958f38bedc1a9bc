/** KLAG: how far a consumer's committed positions are behind the ends of a topic. */
import { isPositionIn } from '@respool/contracts/commit-note';
import { consumerGroup } from '@respool/contracts/queues';
import type { Committed, KafkaGateway } from '@respool/kafka/gateway';

export interface PartitionLag {
  readonly partition: number;
  /** Of the next record to be delivered, were everything that is out acknowledged by now. */
  readonly position: number;
  /** Where the next record will be written. */
  readonly end: number;
  /** Offsets between the two that are still stored: records, where the log has no gaps. */
  readonly lag: number;
}

/** Whose position of which topic, as Kafka calls it. */
export interface LagQuestion {
  readonly topic: string;
  readonly tenant: string;
  readonly consumer: string;
  /** Where a consumer begins that has no position yet. */
  readonly startAt: 'earliest' | 'latest';
}

/**
 * From what Kafka holds, whoever owns the position. One that does not count is where its next owner
 * begins (positions/places.ts): at the first record, unless there never was any position. One
 * before the first record stays as it is, and what is gone does not count.
 */
export async function lagOf(
  gateway: Pick<KafkaGateway, 'topic' | 'committed' | 'listOffsets'>,
  { topic, tenant, consumer, startAt }: LagQuestion,
  deadlineMs: number,
): Promise<PartitionLag[]> {
  const { topicId, partitions } = await gateway.topic(topic, deadlineMs);
  const places = partitions.map(({ partition }) => ({ topic, partition }));
  const at = (time: 'earliest' | 'latest') => places.map((place) => ({ ...place, time }));
  const [committed, starts, ends] = await Promise.all([
    gateway.committed(consumerGroup(tenant, consumer), places, deadlineMs),
    gateway.listOffsets(at('earliest'), deadlineMs),
    gateway.listOffsets(at('latest'), deadlineMs),
  ]);
  const isFirst = committed.every((held) => held === null);
  return places.map(({ partition }, index) => {
    const start = starts[index]?.offset ?? 0;
    const end = ends[index]?.offset ?? 0;
    const fresh = isFirst && startAt === 'latest' ? end : start;
    const position = countedIn(topicId, committed[index] ?? null, end) ?? fresh;
    return { partition, position, end, lag: end - Math.max(position, start) };
  });
}

/** Null for none, and for one that does not count; beyond the end nothing is to come yet. */
function countedIn(topicId: string, held: Committed | null, end: number): number | null {
  if (held === null || !isPositionIn(topicId, held, end)) return null;
  return Math.min(held.offset, end);
}
