/** ACL DRYRUN: whether the own user may run a command, in Redis's words. */
import { arityFits } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { admit } from '../policy/policy.ts';
import { encodeBulk, encodeError, encodeSimple } from '../resp/encoder.ts';
import { isNamed } from '../session/acl.ts';
import type { Session } from '../session/session.ts';
import { requestIn, textOfError } from './explain.ts';

const permitted = encodeSimple('OK');

/**
 * `ACL DRYRUN user command …`: `OK`, or why not, as a bulk string. Other users are not told of.
 * Source: `aclCommand` of Redis 7.0.
 */
export function dryRun(session: Session, command: Command): Buffer {
  const name = command.text(2);
  if (session.user === null || !isNamed(session.user, name)) {
    return encodeError('ERR', `User '${name.slice(0, 128)}' not found`);
  }
  const asked = requestIn(session, command, 3);
  const { facts } = asked;
  if (facts === null) {
    return encodeError('ERR', `Command '${asked.text(0).slice(0, 128)}' not found`);
  }
  if (!arityFits(facts, asked.argc)) {
    return encodeError('ERR', `wrong number of arguments for '${facts.name}' command`);
  }
  const refusal = admit(session, asked);
  return refusal === null ? permitted : encodeBulk(textOfError(refusal));
}
