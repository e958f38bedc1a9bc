/** Branded identifiers, and the one rule each must obey. */
import { z } from 'zod';

/**
 * A name an operator chooses: 1…63 of a-z, 0-9 and hyphen, starting with a letter or digit. It
 * holds no dot, slash, brace or blank, so it can stand inside a NATS subject, a URL path, a login
 * and a key prefix without escaping.
 */
export const nameRule = /^[a-z0-9][a-z0-9-]{0,62}$/;

const name = z
  .string()
  .regex(nameRule, 'must be 1 to 63 of a-z, 0-9 and hyphen, first a letter or digit');

export const tenantId = name.brand<'TenantId'>();
export const backendId = name.brand<'BackendId'>();
export const userName = name.brand<'UserName'>();
export const routeId = name.brand<'RouteId'>();

/**
 * Names that clients chose before there was a rule: wider, but without blank, slash and brace. Two
 * are steps in a path, and one is no key that a plain object can hold.
 */
const clientName = (lengthMax: number) =>
  z
    .string()
    .regex(
      new RegExp(`^(?!(?:\\.{1,2}|__proto__)$)[A-Za-z0-9._-]{1,${lengthMax}}$`),
      `must be 1 to ${lengthMax} of A-Z a-z 0-9 . _ -, and neither . nor .. nor __proto__`,
    );

/** A proxy process; stands in subjects of NATS. */
export const proxyId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

export const topicName = clientName(128).brand<'TopicName'>();
export const consumerName = clientName(64).brand<'ConsumerName'>();

/** Kafka's own rule (`Topic.validate`), without the topics in which Kafka keeps its own state. */
export const kafkaTopicName = z
  .string()
  .regex(
    /^(?!\.{1,2}$|__)[A-Za-z0-9._-]{1,249}$/,
    'must be 1 to 249 of A-Z a-z 0-9 . _ -, neither . nor .., and not begin with two underscores',
  );

export type TenantId = z.infer<typeof tenantId>;
export type BackendId = z.infer<typeof backendId>;
export type UserName = z.infer<typeof userName>;
export type RouteId = z.infer<typeof routeId>;
export type TopicName = z.infer<typeof topicName>;
export type ConsumerName = z.infer<typeof consumerName>;

/** Position in the log, 1…2^53−1; 0 means "before the first event". */
export const sequence = z.int().min(0);
export type Sequence = number;
