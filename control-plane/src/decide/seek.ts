/** A client's own seek: whether its user may, and the position that comes of it. Pure. */
import type { ErrorCode } from '@respool/contracts/errors';
import { consumerName } from '@respool/contracts/ids';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { SeekWish } from '@respool/contracts/wishes';
import type { Decision } from '../draft.ts';
import { decide } from './decide.ts';

export type Seek = Omit<SeekWish, 'requestId'>;

/**
 * The user sends the consumer of its own name. What it may is looked up here once more, because the
 * proxy that asked may serve with an older state.
 */
export function decideSeek(snapshot: Snapshot, { tenant, user, topic, to }: Seek): Decision {
  const state = own(snapshot.tenants, tenant);
  const held = own(state?.users ?? {}, user)?.value;
  if (state?.tenant.value.enabled !== true || held?.enabled !== true) {
    return refused('topic-not-granted', `user ${tenant}/${user} does not exist or is disabled`);
  }
  const found = own(state.topics, topic)?.value;
  if (found === undefined) {
    return refused('topic-unknown', `tenant ${tenant} has no topic ${topic}`);
  }
  if (!found.enabled) return refused('topic-disabled', `topic ${topic} is disabled`);
  if (found.grants.find((grant) => grant.user === user)?.seek !== true) {
    return refused('topic-not-granted', `user ${user} may not seek on topic ${topic}`);
  }
  const on = { kind: 'position', tenant, topic, id: consumerName.parse(user) } as const;
  return decide(snapshot, [{ op: 'put', ...on, value: { to } }]);
}

function refused(code: ErrorCode, message: string): Decision {
  return { kind: 'refused', code, message, fields: [] };
}
