/** The event of one change: its bytes, its subject, and the proof that readers can take it. */
import { readStored } from '@respool/contracts/chain';
import type { Clock } from '@respool/contracts/clock';
import {
  type ConfigurationChanged,
  type EntityChange,
  writeEvent,
} from '@respool/contracts/events';
import type { TenantId } from '@respool/contracts/ids';
import { project } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { logSubject } from '@respool/contracts/subjects';

/** What an event says beside its changes. */
export interface Told
  extends Pick<ConfigurationChanged, 'actor' | 'reason' | 'requestId' | 'revertOf' | 'importId'> {
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
}

/** The event that follows `before`. */
export function eventBytes(
  clock: Clock,
  before: Snapshot,
  { idempotency, ...told }: Told,
  changes: readonly EntityChange[],
): Uint8Array {
  const now = new Date(clock.now()).toISOString();
  return writeEvent({
    type: 'ConfigurationChanged',
    version: 2,
    // Clocks of replicas differ; times in the log never step back, so "as of a time" has one
    // answer.
    at: now > before.at ? now : before.at,
    prev: before.hash,
    changes: [...changes],
    ...told,
    ...(idempotency === null
      ? {}
      : { idempotency: { ...idempotency, key: idempotencyKey(told.actor, idempotency.key) } }),
  });
}

/** Keys belong to whoever sends them: two actors may choose the same one. */
export function idempotencyKey(actor: string, key: string): string {
  return `${actor}:${key}`;
}

/** The tenant all changes belong to, or the subject of everything else. */
export function subjectOf(changes: readonly EntityChange[]): string {
  const tenants = new Set(
    changes.map((one) => (one.kind === 'backend' ? null : (one.id.split('/')[0] ?? null))),
  );
  const [tenant] = tenants;
  return logSubject(tenants.size === 1 ? ((tenant ?? null) as TenantId | null) : null);
}

/**
 * No reader could ever get past an event that it cannot read or fold, so what a fault of ours made
 * is stopped here, before it is in the log for good.
 */
export function refuseUnreadable(before: Snapshot, bytes: Uint8Array): void {
  try {
    project(before, readStored(before.sequence + 1, bytes));
  } catch (cause) {
    throw new Error('invariant: an event can be read back and folded', { cause });
  }
}
