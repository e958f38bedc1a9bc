/** What a proxy runs on: the state of the configuration at one sequence. */
import { z } from 'zod';
import {
  type Backend,
  backend,
  type Route,
  route,
  type Tenant,
  tenant,
  type User,
  user,
} from './entities.ts';
import { type Position, position, type Topic, topic } from './queues.ts';

/**
 * Raised when the shape below changes. A stored snapshot of an earlier version is upcast, so that a
 * proxy starts from it even while there is no log to fold; one of a later version is ignored.
 */
export const snapshotSchemaVersion = 3;

const revision = z.int().min(1);
const versioned = <S extends z.ZodType>(value: S) => z.strictObject({ revision, value });

export const tenantState = z.strictObject({
  tenant: versioned(tenant),
  users: z.record(z.string(), versioned(user)),
  routes: z.record(z.string(), versioned(route)),
  topics: z.record(z.string(), versioned(topic)),
  /** By `<topic>/<consumer>`. */
  positions: z.record(z.string(), versioned(position)),
});

export const snapshot = z.strictObject({
  schemaVersion: z.literal(snapshotSchemaVersion),
  logId: z.string(),
  sequence: z.int().min(0),
  hash: z.string(),
  /** When the event at `sequence` was written, ISO 8601; empty at sequence 0. */
  at: z.string(),
  tenants: z.record(z.string(), tenantState),
  backends: z.record(z.string(), versioned(backend)),
});

/** An entity and the sequence of the event that last wrote it: its ETag. */
export interface Versioned<T> {
  readonly revision: number;
  readonly value: T;
}

export interface TenantState {
  readonly tenant: Versioned<Tenant>;
  readonly users: Readonly<Record<string, Versioned<User>>>;
  readonly routes: Readonly<Record<string, Versioned<Route>>>;
  readonly topics: Readonly<Record<string, Versioned<Topic>>>;
  readonly positions: Readonly<Record<string, Versioned<Position>>>;
}

/** Immutable, and nested per tenant so that a change copies one tenant. */
export interface Snapshot {
  readonly schemaVersion: number;
  readonly logId: string;
  readonly sequence: number;
  readonly hash: string;
  readonly at: string;
  readonly tenants: Readonly<Record<string, TenantState>>;
  readonly backends: Readonly<Record<string, Versioned<Backend>>>;
}

/** Whether a snapshot stored with this schema version can be read, after `upcastSnapshot`. */
export function isReadableSchema(version: unknown): boolean {
  return (
    typeof version === 'number' &&
    Number.isInteger(version) &&
    version >= 1 &&
    version <= snapshotSchemaVersion
  );
}

/**
 * The value under `name`, and never one that a plain object inherits (a name may be "constructor").
 */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
