/** What a RESP2 client may do while it is subscribed: its connection carries messages, not replies. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeBulk, encodeError } from '../resp/encoder.ts';
import { refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';

const allowed = new Set(
  'subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe quit reset'.split(' '),
);
const words =
  'only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context';
const pong = Buffer.from('*2\r\n$4\r\npong\r\n');

/** A detour. Source: Redis 7.0 `processCommand`, and `pingCommand` for the array. */
export function inSubscribeMode(scene: Scene, command: Command): boolean | null {
  const { standing, protocol } = scene.session;
  if (protocol !== 2) return null;
  if (standing.channels + standing.patterns + standing.shardChannels === 0) return null;
  const { name } = command.facts as CommandFacts;
  if (allowed.has(name)) return null;
  if (name !== 'ping') {
    refuse(scene, command, encodeError('ERR', `Can't execute '${name}': ${words}`));
  } else if (command.argc <= 2) {
    const said = encodeBulk(command.argc > 1 ? command.argument(1) : '');
    reply(scene, command, Buffer.concat([pong, said]));
  } else {
    return null;
  }
  return true;
}
