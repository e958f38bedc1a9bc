/** What must change to get from one snapshot to another, in an order the fold can apply. */
import { isDeepStrictEqual } from 'node:util';
import type { EntityKind } from '@respool/contracts/entities';
import type { EntityChange } from '@respool/contracts/events';
import { own, type Snapshot, type TenantState, type Versioned } from '@respool/contracts/snapshot';

type Held<T> = Readonly<Record<string, Versioned<T>>>;

/**
 * Changes that turn `from` into `to`; revisions are not compared. What others refer to is put first
 * and deleted last, because the fold refuses what is owned by a tenant it does not know.
 */
export function difference(from: Snapshot, to: Snapshot): EntityChange[] {
  const changes: EntityChange[] = [];
  const compare = <K extends EntityKind, T>(kind: K, id: string, before?: T, after?: T): void => {
    const change = changeOf(kind, id, before, after);
    if (change !== null) changes.push(change);
  };
  each(from.backends, to.backends, (id, before, after) => compare('backend', id, before, after));
  for (const id of keysOf(from.tenants, to.tenants)) {
    const before = own(from.tenants, id);
    const after = own(to.tenants, id);
    if (before !== after) compareTenant(id, before, after, compare);
  }
  return changes.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}

type Compare = <K extends EntityKind, T>(kind: K, id: string, before?: T, after?: T) => void;

function compareTenant(
  id: string,
  before: TenantState | undefined,
  after: TenantState | undefined,
  compare: Compare,
): void {
  compare('tenant', id, before?.tenant.value, after?.tenant.value);
  each(before?.users ?? {}, after?.users ?? {}, (name, old, next) =>
    compare('user', `${id}/${name}`, old, next),
  );
  each(before?.routes ?? {}, after?.routes ?? {}, (route, old, next) =>
    compare('route', `${id}/${route}`, old, next),
  );
  each(before?.topics ?? {}, after?.topics ?? {}, (topic, old, next) =>
    compare('topic', `${id}/${topic}`, old, next),
  );
  each(before?.positions ?? {}, after?.positions ?? {}, (key, old, next) =>
    compare('position', `${id}/${key}`, old, next),
  );
}

function each<T>(
  from: Held<T>,
  to: Held<T>,
  visit: (id: string, before: T | undefined, after: T | undefined) => void,
): void {
  if (from === to) return;
  for (const id of keysOf(from, to)) visit(id, own(from, id)?.value, own(to, id)?.value);
}

function keysOf(from: object, to: object): Set<string> {
  return new Set([...Object.keys(from), ...Object.keys(to)]);
}

/** null when both are absent or alike. */
function changeOf<T>(kind: EntityKind, id: string, before?: T, after?: T): EntityChange | null {
  if (before === after || isDeepStrictEqual(before, after)) return null;
  // The callers above pair each kind with its own entity type; the union cannot say so generically.
  if (after === undefined) return { op: 'delete', kind, id, before } as EntityChange;
  if (before === undefined) return { op: 'put', kind, id, after } as EntityChange;
  return { op: 'put', kind, id, before, after } as EntityChange;
}

/** How far a kind is from what refers to nothing. */
const depths: Readonly<Record<EntityKind, number>> = {
  ...{ tenant: 0, backend: 0, user: 1, route: 1, topic: 2, position: 3 },
};

function rank({ op, kind }: EntityChange): number {
  return op === 'put' ? depths[kind] : 10 - depths[kind];
}
