/** Where the proxy stands on the log, in the words of /readyz and /metrics. */
import type { Readiness } from '../observe/admin.ts';
import type { FollowSample } from '../observe/metrics.ts';
import type { FollowStatus } from './follow.ts';

/**
 * Ready from the first state served on, and never unready after it: a proxy that cannot follow
 * still serves better than none. What an operator should know is in the reason.
 */
export function readinessOf(status: FollowStatus): Readiness {
  const { sequence, staleSinceMs } = status;
  return { ready: sequence > 0, reason: reasonOf(status), sequence, staleSinceMs };
}

export function followSampleOf({ connected, state, staleSinceMs }: FollowStatus): FollowSample {
  return { connected, alarmed: state === 'alarm', staleSinceMs };
}

function reasonOf({ state, connected, error, target, sequence }: FollowStatus): string | null {
  const fault =
    error === null ? '' : `${error.field === '' ? '' : `${error.field}: `}${error.message}`;
  switch (state) {
    case 'starting':
      return connected ? 'the log holds no configuration yet' : 'NATS is away and no disk cache';
    case 'alarm':
      return `the log is not the one that was followed: ${fault}`;
    case 'rejected':
      return `sequence ${target} is rejected: ${fault}`;
    case 'warming':
      return sequence === 0 ? `sequence ${target} is being warmed` : null;
    case 'serving':
      return connected ? null : 'NATS is away';
    default:
      return state satisfies never;
  }
}
