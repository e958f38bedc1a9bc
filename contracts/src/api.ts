/** Bodies and queries the control plane's HTTP API takes; the answers stand in api-answers.ts. */
import { z } from 'zod';
import { onPosition, onTopic, positionBody, topicBody, topicPatch } from './api-topics.ts';
import {
  address,
  backendCommands,
  crossSlot,
  entityKind,
  isolation,
  readFrom,
  sasl,
} from './entities.ts';
import { backendId, routeId, tenantId, userName } from './ids.ts';

export const reasonLengthMax = 1024;
export const changesMax = 5_000;
export const eventsPageMax = 500;

const description = z.string().max(256);

const tenantFields = { enabled: z.boolean(), isolation, description, crossSlot };
export const tenantBody = z.strictObject({
  ...tenantFields,
  enabled: tenantFields.enabled.default(true),
  description: description.default(''),
  crossSlot: crossSlot.default('emulate'),
});
export const tenantPatch = z.strictObject(tenantFields).partial();
export type TenantBody = z.infer<typeof tenantBody>;
export type TenantPatch = z.infer<typeof tenantPatch>;

/** How a user proves who it is. Written, never read back: answers carry a fingerprint. */
export const userSecret = z
  .strictObject({
    /** Chosen by somebody; stored as scrypt. */
    password: z.string().min(1).max(512).optional(),
    /** Made by the control plane and shown once, in this answer. */
    token: z.literal('generate').optional(),
    /** No secret at all; proxies honour it for connections from loopback only. */
    none: z.literal(true).optional(),
  })
  .refine((secret) => Object.values(secret).filter((value) => value !== undefined).length === 1, {
    error: 'must hold exactly one of "password", "token" and "none"',
  });
export type UserSecret = z.infer<typeof userSecret>;

const userFields = {
  enabled: z.boolean(),
  readOnly: z.boolean(),
  backends: z.array(backendId).max(256).nullable(),
  passThrough: z.boolean(),
  secret: userSecret,
};
export const userBody = z.strictObject({
  enabled: userFields.enabled.default(true),
  readOnly: userFields.readOnly.default(false),
  backends: userFields.backends.default(null),
  passThrough: userFields.passThrough.default(false),
  /** Needed for a new user; when absent, an existing user keeps its secret. */
  secret: userSecret.optional(),
});
export const userPatch = z.strictObject(userFields).partial();
export type UserBody = z.infer<typeof userBody>;
export type UserPatch = z.infer<typeof userPatch>;

const tls = z.strictObject({
  serverName: z.string().max(253).nullable().default(null),
  authority: z.string().max(65_536).nullable().default(null),
  verify: z.boolean().default(true),
});
const username = z.string().min(1).max(256).nullable();
/**
 * In clear on the way in, sealed before it is stored, never answered. Absent keeps the one stored.
 */
const password = z.string().min(1).max(4_096).nullable();
const databases = z.int().min(1).max(65_536);
/** Cluster nodes, or brokers. */
const seeds = z.array(address).min(1).max(64);

const backendCommon = {
  description: description.default(''),
  username: username.default(null),
  password: password.optional(),
  tls: tls.nullable().default(null),
};
const redisCommon = { ...backendCommon, commands: backendCommands.default([]) };
export const backendBody = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('standalone'),
    address,
    databases: databases.default(16),
    ...redisCommon,
  }),
  z.strictObject({ kind: z.literal('cluster'), seeds, ...redisCommon }),
  z.strictObject({
    kind: z.literal('kafka'),
    bootstrap: seeds,
    sasl: sasl.default(null),
    ...backendCommon,
  }),
]);
export const backendPatch = z
  .strictObject({
    kind: z.enum(['standalone', 'cluster', 'kafka']),
    address,
    databases,
    seeds,
    bootstrap: seeds,
    sasl,
    description,
    username,
    password,
    tls: tls.nullable(),
    commands: backendCommands,
  })
  .partial();
export type BackendBody = z.infer<typeof backendBody>;
export type BackendPatch = z.infer<typeof backendPatch>;

const routeFields = { backend: backendId, default: z.boolean(), readFrom };
/**
 * `default` absent: a tenant's first route becomes its default, an existing route stays what it
 * was. There is no `database`: the control plane allocates it for tenants in `db` mode.
 */
export const routeBody = z.strictObject({
  ...routeFields,
  default: routeFields.default.optional(),
  readFrom: readFrom.default('primary'),
});
export const routePatch = z.strictObject(routeFields).partial();
export type RouteBody = z.infer<typeof routeBody>;
export type RoutePatch = z.infer<typeof routePatch>;

/** The revision the entity must have now; 0: it must not exist; `any`: it must exist. */
const expect = { expectedRevision: z.union([z.int().min(0), z.literal('any')]).optional() };

const onTenant = { kind: z.literal('tenant'), id: tenantId, ...expect };
const onUser = { kind: z.literal('user'), tenant: tenantId, id: userName, ...expect };
const onBackend = { kind: z.literal('backend'), id: backendId, ...expect };
const onRoute = { kind: z.literal('route'), tenant: tenantId, id: routeId, ...expect };

/** One wish of a change-set; the order of wishes in a set does not matter. */
export const wish = z.discriminatedUnion('op', [
  z.discriminatedUnion('kind', [
    z.strictObject({ op: z.literal('put'), ...onTenant, value: tenantBody }),
    z.strictObject({ op: z.literal('put'), ...onUser, value: userBody }),
    z.strictObject({ op: z.literal('put'), ...onBackend, value: backendBody }),
    z.strictObject({ op: z.literal('put'), ...onRoute, value: routeBody }),
    z.strictObject({ op: z.literal('put'), ...onTopic, ...expect, value: topicBody }),
    z.strictObject({ op: z.literal('put'), ...onPosition, ...expect, value: positionBody }),
  ]),
  z.discriminatedUnion('kind', [
    z.strictObject({ op: z.literal('patch'), ...onTenant, value: tenantPatch }),
    z.strictObject({ op: z.literal('patch'), ...onUser, value: userPatch }),
    z.strictObject({ op: z.literal('patch'), ...onBackend, value: backendPatch }),
    z.strictObject({ op: z.literal('patch'), ...onRoute, value: routePatch }),
    z.strictObject({ op: z.literal('patch'), ...onTopic, ...expect, value: topicPatch }),
  ]),
  z.discriminatedUnion('kind', [
    z.strictObject({ op: z.literal('delete'), ...onTenant }),
    z.strictObject({ op: z.literal('delete'), ...onUser }),
    z.strictObject({ op: z.literal('delete'), ...onBackend }),
    z.strictObject({ op: z.literal('delete'), ...onRoute }),
    z.strictObject({ op: z.literal('delete'), ...onTopic, ...expect }),
    z.strictObject({ op: z.literal('delete'), ...onPosition, ...expect }),
  ]),
]);
export type Wish = z.infer<typeof wish>;

const reason = z.string().max(reasonLengthMax);
export const changesBody = z.strictObject({
  reason: reason.optional(),
  changes: z.array(wish).min(1).max(changesMax),
  /** The same in each part of an import that is too large for one event. */
  importId: z.uuid().optional(),
});

export const revertBody = z.strictObject({
  /** The sequence whose state is wanted back. */
  to: z.int().min(1),
  reason: reason.optional(),
  /** Only this tenant with all it owns, or only this backend; absent: everything. */
  scope: z
    .union([z.strictObject({ tenant: tenantId }), z.strictObject({ backend: backendId })])
    .optional(),
});
export type RevertScope = NonNullable<z.infer<typeof revertBody>['scope']>;

/**
 * A duration as `500ms` or `5s`, at most ten seconds, so that it fits in the request's deadline.
 */
const duration = z
  .string()
  .regex(/^\d{1,5}(ms|s)$/, 'must be a number with ms or s, as in 500ms or 5s')
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('ms') ? 1 : 1_000))
  .refine((ms) => ms <= 10_000, { error: 'must be at most 10s' });

/** How many proxies must have applied the change: all of them, a count, or a share. */
const quorum = z
  .string()
  .regex(
    /^(all|[1-9]\d{0,5}|(100|[1-9]\d?)%)$/,
    'must be all, a count of 1 or more, or 1% to 100%',
  );

export const writeQuery = z.strictObject({
  wait: z.literal('applied').optional(),
  quorum: quorum.default('all'),
  timeout: duration.prefault('5s'),
  reason: reason.optional(),
});
export type WriteQuery = z.infer<typeof writeQuery>;

/** `purge`: the topic is deleted in Kafka as well, with all its records. */
export const topicDeleteQuery = writeQuery.extend({ purge: z.literal('true').optional() });

const whole = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);
const time = z.iso.datetime({ offset: true });

export const eventsQuery = z.strictObject({
  after: whole.optional(),
  before: whole.optional(),
  tenant: tenantId.optional(),
  kind: entityKind.optional(),
  /** An entity's id, with the tenant in front where it has one: `acme/main`. */
  id: z.string().max(300).optional(),
  actor: z.string().max(256).optional(),
  since: time.optional(),
  until: time.optional(),
  limit: whole
    .refine((limit) => limit >= 1 && limit <= eventsPageMax, {
      error: `must be 1 to ${eventsPageMax}`,
    })
    .prefault('100'),
});
export type EventsQuery = z.infer<typeof eventsQuery>;

/** A sequence or an ISO 8601 time. */
const moment = z.union([whole, time], {
  error: 'must be a sequence or an ISO 8601 time such as 2026-01-31T12:00:00Z',
});
export const stateQuery = z.strictObject({ at: moment.optional() });
export const diffQuery = z.strictObject({ from: moment, to: moment.optional() });
