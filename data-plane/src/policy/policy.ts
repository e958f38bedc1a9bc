/** May this user do this? Each check a named function, in order; a refusal is the reply itself. */

import { mayWrite } from '@respool/contracts/commands/contract';
import { sharedRefusal } from '@respool/contracts/commands/shared';
import { goesAsItIs, treatmentOf } from '@respool/contracts/commands/treatment';
import { arityFits, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeError } from '../resp/encoder.ts';
import type { UserView } from '../state.ts';

/** Who asks, as far as the checks need to know. `user` is null before AUTH. */
export interface Asker {
  readonly user: UserView | null;
  /** Where its commands go; left out, nowhere yet. */
  readonly way?: AskerWay;
}

export interface AskerWay {
  readonly upstream: object | null;
  readonly prefix: Buffer | null;
  /** Whether other tenants have data on the same servers. */
  readonly shared: boolean;
  /** Whether the pass-through grant holds here. */
  readonly granted: boolean;
}

const argumentsShown = 128;

/**
 * Null when the command is admitted, else the error to answer with. Order as Redis's own
 * `processCommand`: known, arity, authenticated, then permissions.
 */
export function admit(asker: Asker, command: Command): Buffer | null {
  return (
    refuseUnknown(command) ??
    refuseArity(command) ??
    refuseAnonymous(asker, command) ??
    refuseTreatment(asker, command) ??
    refuseShared(asker, command) ??
    refuseWrite(asker, command)
  );
}

function refuseUnknown(command: Command): Buffer | null {
  const { facts } = command;
  if (facts === null) return unknown(command);
  // A container's name alone, or with a subcommand it does not have.
  if (facts.subcommands !== null && command.argc > 1) {
    const message = `unknown subcommand '${shown(command.text(1))}'. Try ${facts.name.toUpperCase()} HELP.`;
    return encodeError('ERR', message);
  }
  return null;
}

function unknown(command: Command): Buffer {
  const name = shown(command.text(0));
  let args = '';
  for (let i = 1; i < command.argc && args.length < argumentsShown; i++) {
    args += `'${shown(command.text(i)).slice(0, argumentsShown - args.length)}' `;
  }
  return encodeError('ERR', `unknown command '${name}', with args beginning with: ${args}`);
}

/** As Redis prints it: a C string, so a NUL ends it. */
function shown(text: string): string {
  const nul = text.indexOf('\0');
  return text.slice(0, nul < 0 ? argumentsShown : Math.min(nul, argumentsShown));
}

function refuseArity(command: Command): Buffer | null {
  const { facts, argc } = command;
  if (facts === null || arityFits(facts, argc)) return null;
  return encodeError('ERR', `wrong number of arguments for '${facts.name}' command`);
}

/** Redis marks AUTH, HELLO, QUIT and RESET `no_auth`. */
function refuseAnonymous(asker: Asker, command: Command): Buffer | null {
  if (asker.user !== null || (command.facts!.flags & Flag.no_auth) !== 0) return null;
  return encodeError('NOAUTH', 'Authentication required.');
}

function refuseTreatment(asker: Asker, command: Command): Buffer | null {
  const facts = command.facts!;
  const treatment = treatmentOf(facts);
  if (treatment.kind !== 'refused') return null;
  if (asker.way?.granted === true && goesAsItIs(facts)) return null;
  return encodeError('ERR', `command '${facts.name}' ${treatment.reason}`);
}

/** What would reach beyond a tenant that shares its servers. */
function refuseShared({ way }: Asker, command: Command): Buffer | null {
  if (way === undefined || way.upstream === null || !way.shared) return null;
  const { name } = command.facts!;
  const reason = sharedRefusal(name);
  return reason === null ? null : encodeError('ERR', `command '${name}' ${reason}`);
}

/** Read-only by Redis's own write flag; the pass-through grant changes nothing about that. */
function refuseWrite(asker: Asker, command: Command): Buffer | null {
  const facts = command.facts!;
  if (!asker.user?.readOnly || !mayWrite(facts)) return null;
  return encodeError(
    'NOPERM',
    `this user is read-only and has no permission to run '${facts.name}'`,
  );
}
