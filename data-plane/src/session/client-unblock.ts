/** CLIENT UNBLOCK: ends the wait of a client of the own tenant at this proxy. */
import type { Command } from '../command/request.ts';
import { encodeError, encodeInteger } from '../resp/encoder.ts';
import type { Session } from './session.ts';

/**
 * `CLIENT UNBLOCK id [TIMEOUT|ERROR]`: 1 when it was blocked, else 0; it is then answered as after
 * its timeout, or with an error. Source: `clientCommand` of Redis 7.0, its errors included.
 */
export function unblocked(command: Command, sessions: Iterable<Session>): Buffer {
  const how = command.argc > 3 ? command.text(3).toLowerCase() : 'timeout';
  if (command.argc > 4) return encodeError('ERR', subcommandError);
  if (how !== 'timeout' && how !== 'error') {
    return encodeError('ERR', 'CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
  }
  if (!/^-?(0|[1-9]\d{0,17})$/.test(command.text(2))) {
    return encodeError('ERR', 'value is not an integer or out of range');
  }
  const id = Number(command.text(2));
  for (const { client } of sessions) {
    if (client.id !== id || !client.wait?.blocks) continue;
    client.wait.unblock(how === 'error');
    return encodeInteger(1);
  }
  return encodeInteger(0);
}

const subcommandError =
  "unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.";
