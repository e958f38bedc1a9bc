/** Which backend has a session's channels, and what they are called there. */
import { type ChannelSpace, spaceOf } from '../command/channels.ts';
import type { SubscriptionHub } from '../command/subscription.ts';
import type { Session } from '../session/session.ts';

/** Where a session's channels are: the backend its route leads to, and its part of the names. */
export interface ChannelHome {
  readonly hub: SubscriptionHub;
  readonly space: ChannelSpace;
}

/** Null while no route leads anywhere. */
export function channelHomeOf({ user, route }: Session): ChannelHome | null {
  if (user === null || route === null) return null;
  const { id, prefix } = user.tenant;
  const space = spaceOf(id, prefix, route.database);
  return { hub: route.backend.listeners.subscriptions, space };
}
