/** What a test says of its tenants, as the log's state has them. */
import type { CrossSlot, Isolation, ReadFrom, Verifier } from '@respool/contracts/entities';
import {
  type Snapshot,
  snapshotSchemaVersion,
  type TenantState,
} from '@respool/contracts/snapshot';
import { type TestTopic, topicStates } from './queues.ts';

export interface TestTenant {
  readonly backend: string;
  readonly isolation: Isolation;
  readonly readOnly?: boolean;
  readonly verifier?: Verifier;
  readonly enabled?: boolean;
  readonly database?: number;
  readonly crossSlot?: CrossSlot;
  readonly passThrough?: boolean;
  readonly readFrom?: ReadFrom;
  readonly topics?: Readonly<Record<string, TestTopic>>;
}

/** One tenant with its user `default` and a route to its backend. */
export function tenantState(id: string, given: TestTenant): TenantState {
  const { backend, isolation, readOnly = false, enabled = true, database } = given;
  const verifier = given.verifier ?? { scheme: 'none' };
  const { crossSlot = 'emulate', passThrough = false, readFrom = 'primary' } = given;
  const rights = { enabled, readOnly, passThrough, backends: null };
  const user = { tenant: id, name: 'default', ...rights, verifier };
  const route = {
    id: `${id}-route`,
    tenant: id,
    backend,
    default: true,
    database: database ?? null,
    readFrom,
  };
  const tenant = { id, enabled: true, isolation, description: '', crossSlot };
  return {
    tenant: { revision: 1, value: tenant },
    users: { default: { revision: 1, value: user } },
    routes: { [route.id]: { revision: 1, value: route } },
    topics: topicStates(id, given.topics ?? {}),
    positions: {},
  } as unknown as TenantState;
}

export function snapshotOf(
  tenants: Readonly<Record<string, TenantState>>,
  backends: Snapshot['backends'] = {},
  sequence = 1,
): Snapshot {
  const hash = `hash-${sequence}`;
  const place = { logId: 'log', sequence, hash, at: '' };
  return { schemaVersion: snapshotSchemaVersion, ...place, tenants, backends };
}
