/** Dangerous commands of a user with the pass-through grant: to the server, as they came. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeError } from '../resp/encoder.ts';
import { refuse } from './reply.ts';
import type { Scene } from './scene.ts';

const protocolTest = encodeError(
  'ERR',
  'DEBUG PROTOCOL is refused: its replies come over a connection that other sessions read from',
);

/**
 * Over the connection that all sessions of this tenant share: what it does to the server it does to
 * each of them anyway. What would change the connection itself (SYNC, PSYNC, REPLCONF) is not
 * granted; a SHUTDOWN that succeeds closes it, and is answered as an unknown outcome.
 */
export function sendAsItIs(scene: Scene, command: Command): boolean {
  const { client, session } = scene;
  const { family } = command.facts as CommandFacts;
  const refusal = refusedAsItIs(command);
  if (refusal !== null) {
    refuse(scene, command, refusal);
    return true;
  }
  const to = session.way.upstream?.single;
  if (to == null) throw new Error('invariant: the grant holds where one server is');
  to.send(client.queue, family, session.way.meter, command.bytes, command.start, command.end, 1);
  return true;
}

/** What not even the grant opens, inside a transaction or not; null for all else. */
export function refusedAsItIs(command: Command): Buffer | null {
  const tests =
    command.facts?.name === 'debug' &&
    command.argc > 1 &&
    command.text(1).toLowerCase() === 'protocol';
  return tests ? protocolTest : null;
}
