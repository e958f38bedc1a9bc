/** Snapshot → state the hot path reads: every name resolved once, unchanged tenants kept as they are. */
import { createHash } from 'node:crypto';
import type { Verifier } from '@respool/contracts/entities';
import type { Snapshot, TenantState } from '@respool/contracts/snapshot';
import type { Meter } from '../observe/meter.ts';
import type {
  BackendView,
  KafkaView,
  ProxyState,
  RouteView,
  TenantView,
  TopicView,
  UserView,
} from '../state.ts';
import { topicViews } from './topics.ts';

/** Open backends of either kind; their ids are of one space. */
export type OpenBackends = ReadonlyMap<string, BackendView | KafkaView>;

/** What the state before was made of, to keep what did not change. */
export interface Compiled {
  readonly snapshot: Snapshot;
  readonly state: ProxyState;
  readonly backends: OpenBackends;
}

/** `backends` holds every backend that a route or topic of `next` names. `before` is null the first time. */
export function compile(
  next: Snapshot,
  backends: OpenBackends,
  meterOf: (tenant: string) => Meter,
  before: Compiled | null,
): Compiled {
  const tenants = new Map<string, TenantView>();
  const tokens = new Map<string, UserView>();
  for (const [id, tenant] of Object.entries(next.tenants)) {
    const view = keptView(id, tenant, backends, before) ?? viewOf(tenant, backends, meterOf(id));
    tenants.set(id, view);
    for (const user of view.users.values()) {
      if (user.verifier.scheme === 'hmac-sha256') tokens.set(user.verifier.digest, user);
    }
  }
  const { logId, sequence, hash } = next;
  return { snapshot: next, state: { logId, sequence, hash, tenants, tokens }, backends };
}

/** The fold copies only tenants that an event touched, so the same object means the same tenant. */
function keptView(
  id: string,
  tenant: TenantState,
  backends: OpenBackends,
  before: Compiled | null,
): TenantView | null {
  if (before === null || before.snapshot.tenants[id] !== tenant) return null;
  const named = [...Object.values(tenant.routes), ...Object.values(tenant.topics)];
  const same = named.every(({ value }) => {
    return backends.get(value.backend) === before.backends.get(value.backend);
  });
  return same ? (before.state.tenants.get(id) ?? null) : null;
}

function viewOf(state: TenantState, backends: OpenBackends, meter: Meter): TenantView {
  const { id, enabled, isolation, crossSlot } = state.tenant.value;
  const routes = new Map<string, RouteView>();
  let defaultRoute: RouteView | null = null;
  for (const { value } of Object.values(state.routes)) {
    const backend = backends.get(value.backend);
    if (backend === undefined || backend.kind === 'kafka') continue;
    // A prefix lives in database 0; only a dedicated tenant may choose with SELECT.
    const database = isolation.mode === 'prefix' ? 0 : value.database;
    const route = { id: value.id, backend, database, readFrom: value.readFrom };
    routes.set(value.backend, route);
    if (value.default) defaultRoute = route;
  }
  const users = new Map<string, UserView>();
  const prefix = isolation.mode === 'prefix' ? Buffer.from(isolation.prefix, 'latin1') : null;
  const facts = { id, enabled, prefix, crossSlot, meter };
  const topics = new Map<string, TopicView>();
  const tenant: TenantView = { ...facts, users, routes, defaultRoute, topics };
  for (const view of topicViews(state, tenant, backends)) topics.set(view.name, view);
  for (const { value } of Object.values(state.users)) {
    const { name, readOnly, passThrough, verifier } = value;
    const allowed = value.backends === null ? null : new Set<string>(value.backends);
    const credential = credentialOf(verifier);
    users.set(name, {
      tenant,
      name,
      enabled: value.enabled,
      readOnly,
      passThrough,
      verifier,
      credential,
      backends: allowed,
    });
  }
  return tenant;
}

function credentialOf(verifier: Verifier): string {
  return createHash('sha256').update(JSON.stringify(verifier)).digest('base64');
}
