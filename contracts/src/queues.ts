/** What an operator configures of queues: topics, and the places consumers are sent to. */
import { z } from 'zod';
import { backendId, consumerName, kafkaTopicName, tenantId, topicName, userName } from './ids.ts';

/** Kafka's own bound on offsets is 2^63 - 1; see the gateway for why this one is enough. */
const offset = z.int().min(0);
export const partition = z.int().min(0).max(4_095);

export const topicOrigin = z.enum(['created', 'adopted']);
/** Null: as Kafka has it. */
export const partitions = z.int().min(1).max(4_096).nullable();
export const replication = z.int().min(1).max(7).nullable();
export const retentionMs = z.int().min(1).nullable();
/** Records handed out and not yet acknowledged, per position and partition. */
export const window = z.int().min(1).max(100_000);
export const ackMs = z.int().min(100).max(86_400_000);
export const maxDeliveries = z.int().min(0).max(1_000);
/** `auto`: a record is acknowledged once its reply was taken; `manual`: by KACK. */
export const ackMode = z.enum(['auto', 'manual']);
/** Where a consumer begins that has no position yet. */
export const startAt = z.enum(['earliest', 'latest']);

export const grant = z.strictObject({
  user: userName,
  produce: z.boolean(),
  consume: z.boolean(),
  /** May send its own consumer elsewhere: KSEEK. */
  seek: z.boolean(),
});
export type Grant = z.infer<typeof grant>;

export const grantsMax = 1_000;

/** `grants` that name each user once. */
export function grantsOf<S extends z.ZodType<{ user: string }>>(one: S) {
  return z.array(one).max(grantsMax).superRefine(refuseRepeatedUsers);
}

function refuseRepeatedUsers(grants: readonly { user: string }[], context: z.RefinementCtx): void {
  refuseRepeated(
    grants.map(({ user }) => user),
    'user',
    context,
  );
}

/** One issue for each value that came before; `field` is the one of the list's items that holds it. */
function refuseRepeated(
  values: readonly (string | number)[],
  field: string,
  context: z.RefinementCtx,
): void {
  const seen = new Set<string | number>();
  for (const [place, value] of values.entries()) {
    if (seen.has(value)) {
      const message = `${field} ${value} is named twice`;
      context.addIssue({ code: 'custom', path: [place, field], message });
    }
    seen.add(value);
  }
}

export const topic = z.strictObject({
  tenant: tenantId,
  /** What clients call it. */
  name: topicName,
  backend: backendId,
  /** What Kafka calls it. */
  kafkaName: kafkaTopicName,
  /** Made for the product, or there before it; an adopted one is left as it is. */
  origin: topicOrigin,
  partitions,
  replication,
  retentionMs,
  ack: ackMode,
  startAt,
  window,
  /** In `manual`: how long a record may be out before it is delivered again. */
  ackMs,
  /** Deliveries after which a record goes to `deadLetter`, or is skipped without one; 0 is off. */
  maxDeliveries,
  /** Another topic of the tenant. */
  deadLetter: topicName.nullable(),
  grants: grantsOf(grant),
  enabled: z.boolean(),
});
export type Topic = z.infer<typeof topic>;

export const partitionOffset = z.strictObject({ partition, offset });

/** Where a consumer is sent: an end, the first record at a time or later, or a place in each log. */
export const seekTarget = z.union(
  [
    startAt,
    z.strictObject({ time: z.iso.datetime() }),
    z.strictObject({
      /** Partitions that are not named stay where they are. */
      offsets: z
        .array(partitionOffset)
        .min(1)
        .max(4_096)
        .superRefine((offsets, context) =>
          refuseRepeated(
            offsets.map((one) => one.partition),
            'partition',
            context,
          ),
        ),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? 'must be "earliest", "latest", {"time": "<ISO 8601, UTC>"} or {"offsets": [{"partition", "offset"}]}'
        : undefined,
  },
);
export type SeekTarget = z.infer<typeof seekTarget>;

/** An operator's wish where a consumer should go on. What it reads then moves it on in Kafka only. */
export const position = z.strictObject({
  tenant: tenantId,
  topic: topicName,
  consumer: consumerName,
  /**
   * Sequence of the event that sought, so that it never comes again: not after the wish was
   * deleted, and not when a revert brings an old one back. Proxies act on a higher one only.
   */
  generation: z.int().min(1),
  to: seekTarget,
});
export type Position = z.infer<typeof position>;

/** Under which a position stands in its tenant's state. */
export function positionKey({ topic, consumer }: Pick<Position, 'topic' | 'consumer'>): string {
  return `${topic}/${consumer}`;
}

/** Kafka group of a consumer: one for all topics of its tenant, as Kafka's own tools show it. */
export function consumerGroup(tenant: string, consumer: string): string {
  return `kq.${tenant}.${consumer}`;
}
