/** Bodies of the API about queues: topics, and the places consumers are sent to. */
import { z } from 'zod';
import { backendId, consumerName, kafkaTopicName, tenantId, topicName, userName } from './ids.ts';
import {
  ackMode,
  ackMs,
  grantsOf,
  maxDeliveries,
  partitions,
  replication,
  retentionMs,
  seekTarget,
  startAt,
  topicOrigin,
  window,
} from './queues.ts';

const grants = grantsOf(
  z.strictObject({
    user: userName,
    produce: z.boolean().default(false),
    consume: z.boolean().default(false),
    seek: z.boolean().default(false),
  }),
);

const topicFields = {
  backend: backendId,
  kafkaName: kafkaTopicName,
  origin: topicOrigin,
  partitions,
  replication,
  retentionMs,
  ack: ackMode,
  startAt,
  window,
  ackMs,
  maxDeliveries,
  deadLetter: topicName.nullable(),
  grants,
  enabled: z.boolean(),
};

/**
 * The optional ones say how the topic stands in Kafka: absent, a known topic keeps what it has. A
 * new one is created, as `<tenant>.<name>`, with one partition and the brokers' own replication.
 */
export const topicBody = z.strictObject({
  ...topicFields,
  kafkaName: kafkaTopicName.optional(),
  origin: topicOrigin.optional(),
  partitions: partitions.optional(),
  replication: replication.optional(),
  retentionMs: retentionMs.default(null),
  ack: ackMode.default('auto'),
  startAt: startAt.default('earliest'),
  window: window.default(1_000),
  ackMs: ackMs.default(30_000),
  maxDeliveries: maxDeliveries.default(0),
  deadLetter: topicFields.deadLetter.default(null),
  grants: grants.default([]),
  enabled: topicFields.enabled.default(true),
});
export const topicPatch = z.strictObject(topicFields).partial();
export type TopicBody = z.infer<typeof topicBody>;
export type TopicPatch = z.infer<typeof topicPatch>;

/** Every PUT is another seek, also to the same place. */
export const positionBody = z.strictObject({ to: seekTarget });
export type PositionBody = z.infer<typeof positionBody>;

export const onTopic = { kind: z.literal('topic'), tenant: tenantId, id: topicName };
export const onPosition = {
  kind: z.literal('position'),
  tenant: tenantId,
  topic: topicName,
  id: consumerName,
};
