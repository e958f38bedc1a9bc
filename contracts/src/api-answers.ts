/** Answers of the control plane's HTTP API. */
import { z } from 'zod';
import {
  address,
  backendCommands,
  backendTls,
  entityKind,
  route,
  sasl,
  tenant,
  user,
} from './entities.ts';
import { errors } from './errors.ts';
import { ackStatus } from './follow.ts';
import { backendId } from './ids.ts';
import { position, topic } from './queues.ts';

/** Sequence of the change that last wrote the entity; also its ETag, in quotes. */
const revision = z.int().min(1);
const sequence = z.int().min(0);

const fingerprint = z.string();
const secretFields = z.strictObject({
  kind: z.enum(['none', 'token', 'password']),
  /** Another one whenever the secret is another one; null without secret. */
  fingerprint: fingerprint.nullable(),
});

export const tenantAnswer = tenant.extend({
  revision,
  users: z.int(),
  routes: z.int(),
  topics: z.int(),
});
export type TenantAnswer = z.infer<typeof tenantAnswer>;

const userShown = user.omit({ verifier: true }).extend({ secret: secretFields });
export const userAnswer = userShown.extend({ revision });
export type UserAnswer = z.infer<typeof userAnswer>;

export const routeAnswer = route.extend({ revision });
export type RouteAnswer = z.infer<typeof routeAnswer>;

export const topicAnswer = topic.extend({ revision });
export type TopicAnswer = z.infer<typeof topicAnswer>;

export const positionAnswer = position.extend({ revision });
export type PositionAnswer = z.infer<typeof positionAnswer>;

const backendCommon = {
  id: backendId,
  description: z.string(),
  username: z.string().nullable(),
  password: z.strictObject({ fingerprint }).nullable(),
  tls: backendTls.nullable(),
};
const redisCommon = { ...backendCommon, commands: backendCommands };
const standalone = { kind: z.literal('standalone'), address, databases: z.int(), ...redisCommon };
const cluster = { kind: z.literal('cluster'), seeds: z.array(address), ...redisCommon };
const kafka = { kind: z.literal('kafka'), bootstrap: z.array(address), sasl, ...backendCommon };
export const backendAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ ...standalone, revision }),
  z.strictObject({ ...cluster, revision }),
  z.strictObject({ ...kafka, revision }),
]);
export type BackendAnswer = z.infer<typeof backendAnswer>;

/** One page of a list, in order of names; `next` is the `after` of the page that follows. */
export function listOf<S extends z.ZodType>(item: S) {
  return z.strictObject({ sequence, items: z.array(item), next: z.string().nullable() });
}

export const proxyAnswer = z.strictObject({
  id: z.string(),
  /** `lost`: not heard of for 10 s; `other-log`: it follows another log than this control plane. */
  status: z.enum([...ackStatus.options, 'lost', 'other-log']),
  /** The sequence it serves with. */
  sequence,
  /** The sequence it warms or rejected. */
  target: sequence,
  /** How many changes it is behind. */
  behind: z.int(),
  error: z.strictObject({ field: z.string(), message: z.string() }).nullable(),
  heardMsAgo: z.int(),
  startedAt: z.string(),
});
export type ProxyAnswer = z.infer<typeof proxyAnswer>;

export const proxiesAnswer = z.strictObject({ sequence, items: z.array(proxyAnswer) });

export const rolloutAnswer = z.strictObject({
  sequence,
  /** Whether every proxy that is not lost has applied it. */
  complete: z.boolean(),
  applied: z.array(z.string()),
  pending: z.array(z.string()),
  rejected: z.array(
    z.strictObject({
      id: z.string(),
      error: z.strictObject({ field: z.string(), message: z.string() }),
    }),
  ),
  /** Not heard of for 10 s, so not counted. */
  lost: z.array(z.string()),
});
export type RolloutAnswer = z.infer<typeof rolloutAnswer>;

const waited = z.strictObject({
  ...rolloutAnswer.shape,
  quorum: z.string(),
  reached: z.boolean(),
  /** Where to look again. */
  address: z.string(),
});

export const changeShown = z.strictObject({
  op: z.enum(['put', 'delete']),
  kind: entityKind,
  id: z.string(),
});

const errorCode = z.enum(Object.keys(errors) as [keyof typeof errors]);

export const purged = z.strictObject({
  kafkaName: z.string(),
  /** Whether Kafka has no such topic any more. */
  done: z.boolean(),
  error: z.strictObject({ code: errorCode, message: z.string() }).optional(),
});
export type Purged = z.infer<typeof purged>;

export const writeAnswer = z.strictObject({
  /** The change's place in the log; of the present state when nothing changed. */
  sequence,
  changed: z.boolean(),
  changes: z.array(changeShown),
  /** Tokens made by this request, by `<tenant>/<user>`; shown this once and stored nowhere. */
  tokens: z.record(z.string(), z.string()).optional(),
  tenant: tenantAnswer.optional(),
  user: userAnswer.optional(),
  backend: backendAnswer.optional(),
  route: routeAnswer.optional(),
  topic: topicAnswer.optional(),
  position: positionAnswer.optional(),
  /** Only with `purge`: what became of the topic in Kafka, after the change was made. */
  purged: purged.optional(),
  /** Only with `wait=applied`. */
  rollout: waited.optional(),
});
export type WriteAnswer = z.infer<typeof writeAnswer>;

/** An entity as an event holds it: as above, without what only the present knows. */
const entityShown = z.union([
  z.strictObject(tenant.shape),
  z.strictObject(userShown.shape),
  z.strictObject(standalone),
  z.strictObject(cluster),
  z.strictObject(kafka),
  z.strictObject(route.shape),
  z.strictObject(topic.shape),
  z.strictObject(position.shape),
]);

export const changeDetail = changeShown.extend({
  before: entityShown.optional(),
  after: entityShown.optional(),
});
export type ChangeDetail = z.infer<typeof changeDetail>;

export const eventAnswer = z.strictObject({
  sequence,
  hash: z.string(),
  prev: z.string(),
  type: z.enum(['LogCreated', 'ConfigurationChanged']),
  version: z.int(),
  at: z.string(),
  actor: z.string(),
  reason: z.string(),
  requestId: z.string(),
  changes: z.array(changeDetail),
  revertOf: z.int().optional(),
  importId: z.string().optional(),
  logId: z.string().optional(),
});
export type EventAnswer = z.infer<typeof eventAnswer>;

/** `next` is the `after` with which the search goes on; null where the log ended. */
export const eventsAnswer = z.strictObject({
  sequence,
  items: z.array(eventAnswer),
  next: z.int().nullable(),
});

export const stateAnswer = z.strictObject({
  logId: z.string(),
  sequence,
  hash: z.string(),
  at: z.string(),
  tenants: z.array(
    tenantAnswer.omit({ users: true, routes: true, topics: true }).extend({
      users: z.array(userAnswer),
      routes: z.array(routeAnswer),
      topics: z.array(topicAnswer),
      positions: z.array(positionAnswer),
    }),
  ),
  backends: z.array(backendAnswer),
});
export type StateAnswer = z.infer<typeof stateAnswer>;

export const diffAnswer = z.strictObject({
  from: sequence,
  to: sequence,
  changes: z.array(changeDetail),
});

export const errorAnswer = z.strictObject({
  error: z.strictObject({
    code: errorCode,
    message: z.string(),
    fields: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
    requestId: z.string(),
    retryAfterMs: z.int().optional(),
  }),
});

export const auditAnswer = z.discriminatedUnion('sound', [
  z.strictObject({
    sound: z.literal(true),
    logId: z.string(),
    sequence,
    hash: z.string(),
    /** Signed checkpoints that agree with the log. */
    checkpoints: z.int(),
    /** Checkpoints signed with a key this control plane does not have: they say nothing. */
    unknownKeys: z.int(),
  }),
  z.strictObject({
    sound: z.literal(false),
    /** The first sequence at which the log cannot be what was written; 0: it is not the log. */
    badSequence: z.int(),
    reason: z.string(),
  }),
]);
