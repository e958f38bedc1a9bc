/** Where a unit is asked for records: at its owner in this process, or at another proxy. */
import type { Era } from './caller.ts';
import type { OwnedUnit } from './owned-unit.ts';
import type { Owner } from './owner.ts';

/** `owner` is null where that is another proxy. */
export interface Place extends Era {
  readonly owner: Owner | null;
}

export function placeOf({ lease, owner }: OwnedUnit): Place {
  return { session: lease.owner, epoch: lease.epoch, owner };
}
