/** Finding an entity in a snapshot. */
import type { EntityKind } from '@respool/contracts/entities';
import { own, type Snapshot } from '@respool/contracts/snapshot';

/** An entity by name; `tenant` is there for users and routes. */
export interface Target {
  readonly kind: EntityKind;
  readonly id: string;
  readonly tenant?: string;
}

/** The id an event carries: users and routes stand under their tenant. */
export function entityId(target: Target): string {
  return target.tenant === undefined ? target.id : `${target.tenant}/${target.id}`;
}

/** Sequence of the event that last wrote the entity; undefined when it does not exist. */
export function revisionOf(snapshot: Snapshot, target: Target): number | undefined {
  if (target.kind === 'backend') return own(snapshot.backends, target.id)?.revision;
  const state = own(snapshot.tenants, target.tenant ?? target.id);
  if (target.kind === 'tenant') return state?.tenant.revision;
  if (target.kind === 'user') return own(state?.users ?? {}, target.id)?.revision;
  return own(state?.routes ?? {}, target.id)?.revision;
}
