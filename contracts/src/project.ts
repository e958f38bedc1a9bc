/** The one fold, (snapshot, event) → snapshot; both planes call it, so both see the same state. */
import type { Backend, Route, Tenant, User } from './entities.ts';
import { type EntityChange, genesisHash, type StoredEvent } from './events.ts';
import {
  type Snapshot,
  snapshotSchemaVersion,
  type TenantState,
  type Versioned,
} from './snapshot.ts';

export const emptySnapshot: Snapshot = {
  schemaVersion: snapshotSchemaVersion,
  logId: '',
  sequence: 0,
  hash: genesisHash,
  at: '',
  tenants: {},
  backends: {},
};

/** The log does not continue where the snapshot stands: a gap, a broken chain, or another log. */
export class BrokenChain extends Error {
  override name = 'BrokenChain';
}

/**
 * The state after `stored`. Throws {@link BrokenChain} unless it is the very next event of the same
 * chain: every reader checks contiguity and chain, because JetStream drops a damaged message silently.
 */
export function project(snapshot: Snapshot, stored: StoredEvent): Snapshot {
  const { event } = stored;
  if (stored.sequence !== snapshot.sequence + 1) {
    throw new BrokenChain(`sequence ${stored.sequence} follows ${snapshot.sequence}`);
  }
  if (event.prev !== snapshot.hash) {
    throw new BrokenChain(`event ${stored.sequence} does not continue the chain`);
  }
  const head = { sequence: stored.sequence, hash: stored.hash, at: event.at };
  if (event.type === 'LogCreated') return { ...snapshot, ...head, logId: event.logId };
  const tenants = { ...snapshot.tenants };
  const backends = { ...snapshot.backends };
  for (const change of event.changes) apply(tenants, backends, change, stored.sequence);
  return { ...snapshot, ...head, tenants, backends };
}

type Tenants = Record<string, TenantState>;
type Backends = Record<string, Versioned<Backend>>;

function apply(tenants: Tenants, backends: Backends, change: EntityChange, revision: number): void {
  switch (change.kind) {
    case 'tenant':
      if (change.op === 'put') putTenant(tenants, change.after, revision);
      else delete tenants[change.id];
      return;
    case 'backend':
      if (change.op === 'put') backends[change.id] = { revision, value: change.after };
      else delete backends[change.id];
      return;
    case 'user':
      inTenant(
        tenants,
        change.before ?? (change.op === 'put' ? change.after : change.before),
        (state) => {
          const users = { ...state.users };
          if (change.op === 'put') users[change.after.name] = { revision, value: change.after };
          else delete users[change.before.name];
          return { ...state, users };
        },
      );
      return;
    case 'route':
      inTenant(
        tenants,
        change.before ?? (change.op === 'put' ? change.after : change.before),
        (state) => {
          const routes = { ...state.routes };
          if (change.op === 'put') routes[change.after.id] = { revision, value: change.after };
          else delete routes[change.before.id];
          return { ...state, routes };
        },
      );
      return;
    default:
      change satisfies never;
  }
}

function putTenant(tenants: Tenants, value: Tenant, revision: number): void {
  const old = tenants[value.id];
  tenants[value.id] = {
    tenant: { revision, value },
    users: old?.users ?? {},
    routes: old?.routes ?? {},
  };
}

function inTenant(
  tenants: Tenants,
  owned: User | Route,
  next: (state: TenantState) => TenantState,
): void {
  const state = tenants[owned.tenant];
  if (state === undefined) throw new BrokenChain(`event names unknown tenant ${owned.tenant}`);
  tenants[owned.tenant] = next(state);
}
