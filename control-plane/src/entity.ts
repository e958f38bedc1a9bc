/** Finding an entity in a snapshot. */
import type { EntityKind } from '@respool/contracts/entities';
import { positionKey } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';

/** An entity by name; `tenant` is there for what a tenant owns, `topic` for positions. */
export interface Target {
  readonly kind: EntityKind;
  readonly id: string;
  readonly tenant?: string;
  readonly topic?: string;
}

/** The id an event carries: what a tenant owns stands under it, a position under its topic. */
export function entityId({ tenant, topic, id }: Target): string {
  return [tenant, topic, id].filter((part) => part !== undefined).join('/');
}

/** Sequence of the event that last wrote the entity; undefined when it does not exist. */
export function revisionOf(snapshot: Snapshot, target: Target): number | undefined {
  const { kind, id } = target;
  if (kind === 'backend') return own(snapshot.backends, id)?.revision;
  const state = own(snapshot.tenants, target.tenant ?? id);
  if (state === undefined) return undefined;
  switch (kind) {
    case 'tenant':
      return state.tenant.revision;
    case 'user':
      return own(state.users, id)?.revision;
    case 'route':
      return own(state.routes, id)?.revision;
    case 'topic':
      return own(state.topics, id)?.revision;
    case 'position':
      return own(state.positions, positionKeyOf(target))?.revision;
    default:
      return kind satisfies never;
  }
}

/** Under which the position of a target stands in its tenant's state. */
export function positionKeyOf({ topic = '', id }: Target): string {
  return positionKey({ topic, consumer: id } as Parameters<typeof positionKey>[0]);
}
