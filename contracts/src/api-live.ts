/** Answers of the API about queues as Kafka has them at the moment: positions, lag, leaders. */
import { z } from 'zod';
import { consumerName, tenantId, topicName } from './ids.ts';
import { partition, position } from './queues.ts';

const offset = z.int().min(0);
/** Null while the partition has no leader that could tell. */
const edges = { start: offset.nullable(), end: offset.nullable() };

export const partitionPlace = z.strictObject({
  partition,
  /** Of the next record to be delivered; null where the consumer has no position yet. */
  committed: offset.nullable(),
  ...edges,
  /** Offsets between the position and the end that are still stored; null without a position. */
  lag: offset.nullable(),
  /** Generation of the last seek this commit knows of; null for what other tools committed. */
  seek: z.int().min(0).nullable(),
});
export type PartitionPlace = z.infer<typeof partitionPlace>;

export const consumerAnswer = z.strictObject({
  tenant: tenantId,
  topic: topicName,
  consumer: consumerName,
  /** Its group in Kafka. */
  group: z.string(),
  /** Where an operator or the consumer itself sent it; null: nowhere. */
  wish: z
    .strictObject({
      ...position.pick({ generation: true, to: true }).shape,
      revision: z.int().min(1),
      /** Whether every partition it is about has been moved. */
      done: z.boolean(),
    })
    .nullable(),
  total: z.strictObject({
    /** Of the partitions with a position; null when none has one. */
    lag: offset.nullable(),
    /** Partitions in which it has no position yet. */
    withoutPosition: z.int().min(0),
  }),
  partitions: z.array(partitionPlace),
});
export type ConsumerAnswer = z.infer<typeof consumerAnswer>;

export const liveTopicAnswer = z.strictObject({
  tenant: tenantId,
  topic: topicName,
  kafkaName: z.string(),
  /** Another one when the topic was deleted in Kafka and made again. */
  topicId: z.string(),
  /** In force now; -1 is for ever; null where Kafka does not tell. */
  retentionMs: z.int().nullable(),
  partitions: z.array(
    z.strictObject({
      partition,
      /** Id of the broker; null while there is none. */
      leader: z.int().nullable(),
      replicas: z.array(z.int()),
      inSync: z.array(z.int()),
      ...edges,
    }),
  ),
});
export type LiveTopicAnswer = z.infer<typeof liveTopicAnswer>;
