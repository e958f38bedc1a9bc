/** What an operator configures: tenants, users, backends, routes; topics are in queues.ts. */
import { z } from 'zod';
import { backendId, routeId, tenantId, userName } from './ids.ts';
import type { Position, Topic } from './queues.ts';

/** AES-256-GCM of one field. `keyScope` names the data key; all parts are base64. */
export const sealedSecret = z.strictObject({
  cipher: z.literal('aes-256-gcm'),
  keyScope: z.string().min(1).max(128),
  nonce: z.base64(),
  text: z.base64(),
  tag: z.base64(),
});
export type SealedSecret = z.infer<typeof sealedSecret>;

/**
 * How a client's secret is checked without being stored (DESIGN.md section 2, Secrets).
 * `none` admits anyone and is honoured for connections from loopback only.
 */
export const verifier = z.discriminatedUnion('scheme', [
  z.strictObject({ scheme: z.literal('none') }),
  z.strictObject({ scheme: z.literal('hmac-sha256'), digest: z.base64() }),
  z.strictObject({
    scheme: z.literal('scrypt'),
    salt: z.base64(),
    hash: z.base64(),
    cost: z.int().min(1024).max(1_048_576),
    blockSize: z.int().min(1).max(32),
    parallelization: z.int().min(1).max(16),
  }),
]);
export type Verifier = z.infer<typeof verifier>;

/** A prefix may hold no brace, so that hash tags inside the tenant's keys keep their meaning. */
const keyPrefix = z
  .string()
  .regex(/^[A-Za-z0-9:._-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 : . _ -');

/** How a tenant's keys are kept apart from those of other tenants on one backend. */
export const isolation = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('prefix'), prefix: keyPrefix }),
  z.strictObject({ mode: z.literal('db') }),
  z.strictObject({ mode: z.literal('dedicated') }),
]);
export type Isolation = z.infer<typeof isolation>;

/**
 * What becomes of a command whose keys lie in several slots of a cluster: the proxy does it piece
 * by piece, or refuses it with CROSSSLOT as a cluster itself would.
 */
export const crossSlot = z.enum(['emulate', 'refuse']);
export type CrossSlot = z.infer<typeof crossSlot>;

export const tenant = z.strictObject({
  id: tenantId,
  enabled: z.boolean(),
  isolation,
  description: z.string().max(256),
  crossSlot,
});
export type Tenant = z.infer<typeof tenant>;

export const user = z.strictObject({
  tenant: tenantId,
  name: userName,
  enabled: z.boolean(),
  readOnly: z.boolean(),
  verifier,
  /** Backends this user may reach by `USE`; null allows every backend its tenant has a route to. */
  backends: z.array(backendId).max(256).nullable(),
  /**
   * Dangerous commands go to the server as they are. Only in a `dedicated` tenant, and without
   * effect on a cluster.
   */
  passThrough: z.boolean(),
});
export type User = z.infer<typeof user>;

export const address = z.strictObject({
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535),
});
export type Address = z.infer<typeof address>;

export const backendTls = z.strictObject({
  /** Name checked in the server's certificate; null takes the host of the address. */
  serverName: z.string().max(253).nullable(),
  /** PEM of the authority that signed it; null takes the system's own list. */
  authority: z.string().max(65_536).nullable(),
  /** false accepts any certificate: for a trusted network only. */
  verify: z.boolean(),
});
export type BackendTls = z.infer<typeof backendTls>;

/**
 * A command of a module: one key, which the proxy cannot find by itself. Where the proxy's own
 * table has a command of that name, its own table holds.
 */
export const backendCommand = z.strictObject({
  name: z.string().regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z 0-9 . _ -'),
  /** Which argument is the key; the first after the name is 1. */
  key: z.int().min(1).max(16),
  /** Whether it can change the key: such a command is refused to read-only users. */
  writes: z.boolean(),
});
export type BackendCommand = z.infer<typeof backendCommand>;

export const backendCommands = z.array(backendCommand).max(256).superRefine(refuseRepeatedNames);

function refuseRepeatedNames(commands: readonly BackendCommand[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [place, { name }] of commands.entries()) {
    if (seen.has(name)) {
      const message = `${name} is named twice`;
      context.addIssue({ code: 'custom', path: [place, 'name'], message });
    }
    seen.add(name);
  }
}

const backendCommon = {
  id: backendId,
  description: z.string().max(256),
  username: z.string().max(256).nullable(),
  password: sealedSecret.nullable(),
  tls: backendTls.nullable(),
};

const redisCommon = { ...backendCommon, commands: backendCommands };

/** How user name and password are sent to Kafka; null where it asks for none. */
export const sasl = z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).nullable();
export type Sasl = z.infer<typeof sasl>;

export const backend = z.discriminatedUnion('kind', [
  z.strictObject({
    ...redisCommon,
    kind: z.literal('standalone'),
    address,
    /** How many databases the server has (`databases` in redis.conf). */
    databases: z.int().min(1).max(65_536),
  }),
  z.strictObject({
    ...redisCommon,
    kind: z.literal('cluster'),
    /** Nodes asked for the topology; any one alive is enough. */
    seeds: z.array(address).min(1).max(64),
  }),
  /** Topics name it, of any number of tenants; no route leads to it. */
  z.strictObject({
    ...backendCommon,
    kind: z.literal('kafka'),
    /** Brokers asked for the others; any one alive is enough. */
    bootstrap: z.array(address).min(1).max(64),
    sasl,
  }),
]);
export type Backend = z.infer<typeof backend>;
export type KafkaBackend = Extract<Backend, { kind: 'kafka' }>;
export type RedisBackend = Exclude<Backend, KafkaBackend>;

/**
 * Where a cluster's reads go: its primaries; replicas, and a primary only where none is up; any
 * node of the shard; or the node of the shard with the shortest round trip.
 */
export const readFrom = z.enum(['primary', 'replica', 'any', 'nearest']);
export type ReadFrom = z.infer<typeof readFrom>;

/** A tenant's way to one backend. Exactly one route of a tenant with routes is its default. */
export const route = z.strictObject({
  id: routeId,
  tenant: tenantId,
  backend: backendId,
  default: z.boolean(),
  /** The database the control plane allocated for a tenant in `db` mode; null in the other modes. */
  database: z.int().min(0).max(65_535).nullable(),
  /** A standalone backend has its primary alone, so it is `primary` there. */
  readFrom,
});
export type Route = z.infer<typeof route>;

export const entityKind = z.enum(['tenant', 'user', 'backend', 'route', 'topic', 'position']);
export type EntityKind = z.infer<typeof entityKind>;
export type Entity = Tenant | User | Backend | Route | Topic | Position;
