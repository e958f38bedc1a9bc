/** What proxies noticed of queues and an operator should know; not part of the log, kept for a while. */
import { z } from 'zod';
import { consumerName, proxyId, tenantId, topicName } from './ids.ts';
import { partition } from './queues.ts';

/**
 * - `retention-overtook`: records were deleted before the consumer had them; `count` of them, where
 *   known, from offset `from` to `to`.
 * - `topic-recreated`: Kafka has another topic under this name; the consumer begins anew.
 * - `log-truncated`: the log of this very topic lost its end, with what the consumer had from offset
 *   `from` to `to`; it goes on at `from`, with what was written there since.
 * - `group-in-use`: a consumer outside joined the group, so positions cannot be committed.
 * - `group-free`: it left; they are committed again.
 * - `sought`: the consumer was sent elsewhere, as an operator wished.
 * - `dead-letter`: a record was delivered too often and went to the dead-letter topic.
 * - `dead-letter-failed`: `count` of them, from offset `from` on, cannot be pushed there for a while:
 *   nothing behind them is committed.
 * - `dropped`: delivered too often, without a dead-letter topic.
 * - `partitions-added`: the topic has grown.
 */
export const noticeKind = z.enum([
  'retention-overtook',
  'topic-recreated',
  'log-truncated',
  'group-in-use',
  'group-free',
  'sought',
  'dead-letter',
  'dead-letter-failed',
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

export const noticesMax = 500;

export const noticesQuery = z.strictObject({
  tenant: tenantId.optional(),
  topic: topicName.optional(),
  consumer: consumerName.optional(),
  kind: noticeKind.optional(),
  /** A `sequence` of an earlier answer. */
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= noticesMax, { error: `must be 1 to ${noticesMax}` })
    .prefault('100'),
});
export type NoticesQuery = z.infer<typeof noticesQuery>;

/** Numbered as they came; numbers are not those of the log. */
export const numberedNotice = storedNotice.extend({ sequence: z.int().min(1) });
export type NumberedNotice = z.infer<typeof numberedNotice>;

/** `next` is the `after` with which the search goes on; null where the notices ended. */
export const noticesAnswer = z.strictObject({
  items: z.array(numberedNotice),
  next: z.int().nullable(),
});
export type NoticesAnswer = z.infer<typeof noticesAnswer>;
