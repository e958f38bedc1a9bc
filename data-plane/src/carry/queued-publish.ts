/** PUBLISH and SPUBLISH inside a transaction: the channel in the tenant's own space. */
import { publishedAs } from '../command/channels.ts';
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { noRoute } from '../route/route.ts';
import { slotOf } from '../route/slot.ts';
import type { QueuedCommand } from '../session/transaction.ts';
import { channelHomeOf, messageRefusal } from './channel-home.ts';
import type { Scene } from './scene.ts';

/**
 * What EXEC will send. The number it answers is the server's own, which counts a proxy once for all
 * its subscribers.
 */
export function queuedPublish({ session }: Scene, command: Command): QueuedCommand | Buffer {
  const home = channelHomeOf(session);
  if (home === null) return noRoute;
  const refusal = messageRefusal(session, command.end - command.start);
  if (refusal !== null) return refusal;
  const { name } = command.facts as CommandFacts;
  const channel = publishedAs(home.space, command.argument(1));
  const bytes = encodeRequest([command.argument(0), channel, command.argument(2)]);
  const isSharded = name === 'spublish' && session.way.upstream?.single === null;
  const slot = isSharded ? slotOf(channel, 0, channel.length, 0) : null;
  return { bytes, name, slot, writes: false, reads: false };
}
