/** Routes: each leads to a backend that exists and can serve it; one is the tenant's default. */
import type { Route } from '@respool/contracts/entities';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import { type Draft, type Issue, merge, type RouteChange } from '../draft.ts';
import type { World } from './world.ts';

/** Leaves `default` as it was unless the change says otherwise; {@link settleDefaults} follows. */
export function writeRoute(world: World, change: RouteChange): Issue | null {
  const { tenant, id } = change;
  const current = world.routes(tenant).find((route) => route.id === id);
  if (change.op === 'put') {
    const isDefault = change.value.default ?? current?.default ?? false;
    putRoute(world, current, { id, tenant, ...change.value, default: isDefault });
    return null;
  }
  if (current === undefined) {
    const message = `route ${tenant}/${id} does not exist`;
    return { code: 'not-found', field: '', message };
  }
  if (change.op === 'delete') world.deleteRoute(tenant, id);
  else putRoute(world, current, merge(current, change.value));
  return null;
}

/** A database belongs to a backend: the route that moves gets another one. */
function putRoute(world: World, current: Route | undefined, next: Omit<Route, 'database'>): void {
  const database = current?.backend === next.backend ? current.database : null;
  world.putRoute({ ...next, database });
}

/**
 * Makes the one route that asks for it its tenant's default and clears the one before it. The first
 * route of a tenant becomes the default by itself; later a lost default is never guessed.
 */
export function settleDefaults(before: Snapshot, world: World, drafts: readonly Draft[]): Issue[] {
  const issues: Issue[] = [];
  for (const tenant of world.touchedTenants()) {
    const said = drafts.flatMap((draft) =>
      draft.kind === 'route' && draft.tenant === tenant && draft.op !== 'delete' ? [draft] : [],
    );
    const wanting = said.filter((draft) => draft.value.default === true);
    const routes = world.routes(tenant);
    if (wanting.length === 1) setDefault(world, routes, wanting[0]?.id ?? '');
    else if (wanting.length === 0 && routes.length === 1 && hadNoRoutes(before, tenant)) {
      if (said.every((draft) => draft.value.default !== false)) {
        setDefault(world, routes, routes[0]?.id ?? '');
      }
    }
    const defaults = world.routes(tenant).filter((route) => route.default);
    if (routes.length > 0 && defaults.length !== 1) issues.push(defaultIssue(tenant, defaults));
  }
  return issues;
}

function setDefault(world: World, routes: readonly Route[], id: string): void {
  for (const route of routes) {
    const wanted = route.id === id;
    if (route.default !== wanted) world.putRoute({ ...route, default: wanted });
  }
}

function hadNoRoutes(before: Snapshot, tenant: string): boolean {
  return Object.keys(own(before.tenants, tenant)?.routes ?? {}).length === 0;
}

function defaultIssue(tenant: string, defaults: readonly Route[]): Issue {
  const ids = defaults.map((route) => route.id).join(', ');
  const message =
    defaults.length === 0
      ? `tenant ${tenant} would have routes and no default; set "default": true on one of them`
      : `tenant ${tenant} would have ${defaults.length} default routes: ${ids}`;
  return { code: 'conflict-reference', field: 'default', message };
}

/** What is wrong with the routes of the final state: no such Redis backend, and two ways to one. */
export function routeIssues(before: Snapshot, world: World): Issue[] {
  const former = Object.values(before.backends).filter(({ value }) => value.kind !== 'kafka');
  const gone = former.map(({ value }) => value.id as string).filter((id) => !isRedis(world, id));
  const tenants = gone.length > 0 ? world.tenants().map(([id]) => id) : world.touchedTenants();
  const issues: Issue[] = [];
  for (const tenant of tenants) {
    const seen = new Map<string, Route>();
    for (const route of world.routes(tenant)) {
      const label = `route ${tenant}/${route.id}`;
      const twin = seen.get(route.backend);
      seen.set(route.backend, route);
      if (world.backend(route.backend)?.kind === 'kafka') {
        const message = `${label} cannot lead to backend ${route.backend}, which is a Kafka cluster`;
        issues.push({ code: 'conflict-reference', field: 'backend', message });
      } else if (world.backend(route.backend) === undefined) {
        const known = gone.includes(route.backend);
        const message = known
          ? `backend ${route.backend} cannot be deleted: ${label} uses it`
          : `${label} names backend ${route.backend}, which does not exist`;
        issues.push({ code: 'conflict-reference', field: 'backend', message });
      } else if (twin !== undefined) {
        const other = `route ${tenant}/${twin.id}`;
        const message = `${label} leads to backend ${route.backend}, as ${other} does`;
        issues.push({ code: 'conflict-reference', field: 'backend', message });
      }
    }
  }
  return issues;
}

function isRedis(world: World, id: string): boolean {
  const backend = world.backend(id);
  return backend !== undefined && backend.kind !== 'kafka';
}

/**
 * Routes that read from replicas of a server without any. Where a cluster has become a standalone
 * server, that may concern a tenant the change does not name.
 */
export function readFromIssues(before: Snapshot, world: World): Issue[] {
  const shrunk = Object.values(before.backends).some(
    ({ value }) => value.kind === 'cluster' && world.backend(value.id)?.kind === 'standalone',
  );
  const tenants = shrunk ? world.tenants().map(([id]) => id) : world.touchedTenants();
  const issues: Issue[] = [];
  for (const tenant of tenants) {
    for (const { id, backend, readFrom } of world.routes(tenant)) {
      if (readFrom === 'primary' || world.backend(backend)?.kind !== 'standalone') continue;
      const label = `route ${tenant}/${id} cannot read from "${readFrom}"`;
      const message = `${label}: backend ${backend} is standalone, which has its primary alone`;
      issues.push({ code: 'conflict-reference', field: 'readFrom', message });
    }
  }
  return issues;
}
