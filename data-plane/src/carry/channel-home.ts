/** Which backend has a session's channels, and what they are called there. */
import { type ChannelSpace, spaceOf } from '../command/channels.ts';
import type { SubscriptionHub } from '../command/subscription.ts';
import { encodeError } from '../resp/encoder.ts';
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

/**
 * Well below what a server lets wait for a subscriber as it comes (32 MB, Redis
 * `client-output-buffer-limit pubsub`): beyond that it cuts the connection on which the proxy listens
 * for all tenants of the server.
 */
const sharedMessageBytesMax = 8 * 1024 * 1024;
const tooLarge = encodeError(
  'ERR',
  'a message of more than 8 MiB is refused here: this tenant shares the connection that delivers it',
);

/** Why PUBLISH of `bytes` is refused to this session, or null. */
export function messageRefusal({ way }: Session, bytes: number): Buffer | null {
  return way.shared && bytes > sharedMessageBytesMax ? tooLarge : null;
}
