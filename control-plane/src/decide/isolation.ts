/** Tenants on one backend are kept apart by databases, which are allocated, prefixes, exclusivity. */
import type { Backend, Isolation, Route } from '@respool/contracts/entities';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { Issue } from '../draft.ts';
import type { World } from './world.ts';

interface Guest {
  readonly route: Route;
  readonly isolation: Isolation;
}

/**
 * Gives each route of a `db` tenant the lowest free database 1…databases−1 of its backend, keeps
 * the one it has, and takes databases from tenants of other modes; then checks every backend that
 * the change could have affected. Database 0 is never given: it is what a client gets without
 * SELECT.
 */
export function settleIsolation(before: Snapshot, world: World): Issue[] {
  clearDatabases(world);
  const affected = affectedBackends(before, world);
  if (affected.size === 0) return [];
  const issues: Issue[] = [];
  for (const [id, guests] of guestsByBackend(world, affected)) {
    const backend = world.backend(id);
    if (backend !== undefined) issues.push(...settleBackend(world, backend, guests));
  }
  return issues;
}

function clearDatabases(world: World): void {
  for (const tenant of world.touchedTenants()) {
    if (world.tenant(tenant)?.isolation.mode === 'db') continue;
    for (const route of world.routes(tenant)) {
      if (route.database !== null) world.putRoute({ ...route, database: null });
    }
  }
}

/** Backends that changed, and those to which a touched tenant has or had a route. */
function affectedBackends(before: Snapshot, world: World): Set<string> {
  const affected = new Set<string>();
  for (const [id, held] of Object.entries(world.backends())) {
    if (own(before.backends, id) !== held) affected.add(id);
  }
  for (const tenant of world.touchedTenants()) {
    for (const route of world.routes(tenant)) affected.add(route.backend);
  }
  return affected;
}

/** By backend, in the order of tenant and route names, so that every replica allocates alike. */
function guestsByBackend(world: World, affected: ReadonlySet<string>): Map<string, Guest[]> {
  const guests = new Map<string, Guest[]>();
  for (const [, state] of world.tenants()) {
    const isolation = state.tenant?.value.isolation;
    if (isolation === undefined) continue;
    for (const { value: route } of Object.values(state.routes)) {
      if (!affected.has(route.backend)) continue;
      const held = guests.get(route.backend);
      if (held === undefined) guests.set(route.backend, [{ route, isolation }]);
      else held.push({ route, isolation });
    }
  }
  for (const held of guests.values()) held.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return guests;
}

function nameOf({ route }: Guest): string {
  return `${route.tenant}/${route.id}`;
}

function settleBackend(world: World, backend: Backend, guests: readonly Guest[]): Issue[] {
  // No route may lead there, which route.ts says better.
  if (backend.kind === 'kafka') return [];
  return [
    ...exclusivityIssues(backend, guests),
    ...prefixIssues(backend, guests),
    ...settleDatabases(world, backend, guests),
  ];
}

function exclusivityIssues(backend: Backend, guests: readonly Guest[]): Issue[] {
  const host = guests.find((guest) => guest.isolation.mode === 'dedicated');
  if (host === undefined) return [];
  const other = guests.find((guest) => guest.route.tenant !== host.route.tenant);
  if (other === undefined) return [];
  const guest = `tenant ${other.route.tenant} cannot have a route to it`;
  const message = `backend ${backend.id} is dedicated to tenant ${host.route.tenant}, so ${guest}`;
  return [{ code: 'conflict-isolation', field: 'backend', message }];
}

/** Sorted, a prefix that another one starts with stands right before the first that does. */
function prefixIssues(backend: Backend, guests: readonly Guest[]): Issue[] {
  const held = guests
    .flatMap(({ route, isolation }) =>
      isolation.mode === 'prefix' ? [{ tenant: route.tenant, prefix: isolation.prefix }] : [],
    )
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  const issues: Issue[] = [];
  for (const [at, { tenant, prefix }] of held.entries()) {
    let after = at + 1;
    while (held[after]?.tenant === tenant) after += 1;
    const next = held[after];
    if (next === undefined || !next.prefix.startsWith(prefix)) continue;
    const longer = `the prefix ${next.prefix} of tenant ${next.tenant}`;
    const shorter = `${prefix} of tenant ${tenant}`;
    const message = `on backend ${backend.id} ${longer} starts with ${shorter}`;
    issues.push({ code: 'conflict-isolation', field: 'isolation.prefix', message });
  }
  return issues;
}

function settleDatabases(world: World, backend: Backend, guests: readonly Guest[]): Issue[] {
  const inDb = guests.filter((guest) => guest.isolation.mode === 'db');
  if (inDb.length === 0) return [];
  if (backend.kind !== 'standalone') {
    const guest = `tenant ${inDb[0]?.route.tenant} is isolated by database`;
    const message = `backend ${backend.id} is a cluster, which has one database; ${guest}`;
    return [{ code: 'conflict-isolation', field: 'backend', message }];
  }
  const holders = new Map<number, Guest>();
  const issues: Issue[] = [];
  for (const guest of inDb) {
    const { database } = guest.route;
    if (database === null) continue;
    const holder = holders.get(database);
    if (holder !== undefined) {
      const both = `${nameOf(holder)} and by ${nameOf(guest)}`;
      const message = `database ${database} of backend ${backend.id} is held by route ${both}`;
      issues.push({ code: 'conflict-isolation', field: 'database', message });
    } else if (database < 1 || database >= backend.databases) {
      const lost = `database ${database}, which route ${nameOf(guest)} holds`;
      const message = `backend ${backend.id} with ${backend.databases} databases has no ${lost}`;
      issues.push({ code: 'conflict-isolation', field: 'databases', message });
    }
    holders.set(database, guest);
  }
  return [...issues, ...allocate(world, backend, inDb, holders)];
}

function allocate(
  world: World,
  backend: Extract<Backend, { kind: 'standalone' }>,
  guests: readonly Guest[],
  holders: Map<number, Guest>,
): Issue[] {
  let database = 1;
  for (const guest of guests) {
    if (guest.route.database !== null) continue;
    while (holders.has(database)) database += 1;
    if (database >= backend.databases) {
      const need = `none is free for route ${nameOf(guest)}`;
      const message = `backend ${backend.id} has ${backend.databases} databases and ${need}`;
      return [{ code: 'databases-exhausted', field: 'backend', message }];
    }
    holders.set(database, guest);
    world.putRoute({ ...guest.route, database });
  }
  return [];
}
