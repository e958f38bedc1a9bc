/** What proxies noticed of queues and an operator should know; not part of the log, kept for a while. */
import { z } from 'zod';
import { consumerName, proxyId, tenantId, topicName } from './ids.ts';
import { partition } from './queues.ts';

/**
 * - `retention-overtook`: records were deleted before the consumer had them; `count` of them, where
 *   known, from offset `from` to `to`.
 * - `topic-recreated`: Kafka has another topic under this name; the consumer begins anew.
 * - `group-in-use`: a consumer outside joined the group, so positions cannot be committed.
 * - `group-free`: it left; they are committed again.
 * - `sought`: the consumer was sent elsewhere, as an operator wished.
 * - `dead-letter`: a record was delivered too often and went to the dead-letter topic.
 * - `dropped`: the same, without a dead-letter topic.
 * - `partitions-added`: the topic has grown.
 */
export const noticeKind = z.enum([
  'retention-overtook',
  'topic-recreated',
  'group-in-use',
  'group-free',
  'sought',
  'dead-letter',
  'dropped',
  'partitions-added',
]);

export const notice = z.strictObject({
  kind: noticeKind,
  tenant: tenantId,
  topic: topicName,
  consumer: consumerName,
  /** Null when it is about all of them. */
  partition: partition.nullable(),
  from: z.int().min(0).nullable(),
  to: z.int().min(0).nullable(),
  count: z.int().min(0).nullable(),
});
export type Notice = z.input<typeof notice>;

/** As it is stored and shown. */
export const storedNotice = notice.extend({ proxy: proxyId, at: z.iso.datetime() });
export type StoredNotice = z.infer<typeof storedNotice>;
