/** Events, changes and whole states as the API shows them: without secrets. */
import type { ChangeDetail, EventAnswer, StateAnswer } from '@respool/contracts/api-answers';
import type { EntityChange, StoredEvent } from '@respool/contracts/events';
import type { Snapshot } from '@respool/contracts/snapshot';
import {
  backendFields,
  backendView,
  positionFields,
  positionView,
  routeFields,
  routeView,
  tenantFields,
  topicFields,
  topicView,
  userFields,
  userView,
} from './entities.ts';

export function eventView({ sequence, hash, event }: StoredEvent): EventAnswer {
  const { type, version, at, actor, reason, requestId, prev } = event;
  const common = { sequence, hash, prev, type, version, at, actor, reason, requestId };
  if (event.type === 'LogCreated') return { ...common, changes: [], logId: event.logId };
  return {
    ...common,
    changes: event.changes.map(changeView),
    ...(event.revertOf === undefined ? {} : { revertOf: event.revertOf }),
    ...(event.importId === undefined ? {} : { importId: event.importId }),
  };
}

export function changeView(change: EntityChange): ChangeDetail {
  const { op, kind, id } = change;
  const after = change.op === 'put' ? { after: shown(change, change.after) } : {};
  const before = change.before === undefined ? {} : { before: shown(change, change.before) };
  return { op, kind, id, ...before, ...after };
}

type Shown = NonNullable<ChangeDetail['after']>;

function shown(change: EntityChange, value: NonNullable<EntityChange['before']>): Shown {
  // The kind of a change says which entity it holds; the union has lost that tie here.
  switch (change.kind) {
    case 'tenant':
      return tenantFields(value as NonNullable<typeof change.before>);
    case 'user':
      return userFields(value as NonNullable<typeof change.before>);
    case 'backend':
      return backendFields(value as NonNullable<typeof change.before>);
    case 'route':
      return routeFields(value as NonNullable<typeof change.before>);
    case 'topic':
      return topicFields(value as NonNullable<typeof change.before>);
    case 'position':
      return positionFields(value as NonNullable<typeof change.before>);
    default:
      return change satisfies never;
  }
}

export function stateView(snapshot: Snapshot): StateAnswer {
  const { logId, sequence, hash, at } = snapshot;
  const tenants = sorted(snapshot.tenants).map((state) => ({
    ...state.tenant.value,
    revision: state.tenant.revision,
    users: sorted(state.users).map(userView),
    routes: sorted(state.routes).map(routeView),
    topics: sorted(state.topics).map(topicView),
    positions: sorted(state.positions).map(positionView),
  }));
  return {
    logId,
    sequence,
    hash,
    at,
    tenants,
    backends: sorted(snapshot.backends).map(backendView),
  };
}

/** Values in the order of their names. */
export function sorted<T>(record: Readonly<Record<string, T>>): T[] {
  return Object.entries(record)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => value);
}
