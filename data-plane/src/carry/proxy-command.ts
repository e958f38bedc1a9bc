/** PROXY COMMAND, PROXY EXPLAIN and ACL DRYRUN: what becomes of a command here, without running it. */
import { type Circumstances, contractOf } from '@respool/contracts/commands/contract';
import { type CommandFacts, commands } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, map } from '../resp/values.ts';
import { noRoute } from '../route/route.ts';
import type { Session } from '../session/session.ts';
import { contractFields } from './contract-fields.ts';
import { dryRun } from './dry-run.ts';
import { explained, factsNamed } from './explain.ts';
import { refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';

export function carryProxyCommand(scene: Scene, command: Command): boolean {
  const { session } = scene;
  const given = circumstancesOf(session);
  const name = (command.facts as CommandFacts).name;
  if (name === 'acl|dryrun') reply(scene, command, dryRun(session, command));
  else if (given === null) refuse(scene, command, noRoute);
  else if (name === 'proxy|explain') {
    reply(scene, command, encodeReply(explained(session, command, given), session.protocol));
  } else reply(scene, command, encodeReply(contracts(session, command, given), session.protocol));
  return true;
}

/** Null where no route leads: what becomes of a command is then the same for all of them. */
function circumstancesOf({ user, route, way }: Session): Circumstances | null {
  if (user === null || route === null) return null;
  const apart = way.prefix === null ? 'db' : 'prefix';
  return {
    backend: route.backend.kind,
    isolation: way.shared ? apart : 'dedicated',
    crossSlot: user.tenant.crossSlot,
    readOnly: user.readOnly,
    passThrough: user.passThrough,
  };
}

/**
 * `PROXY COMMAND [name …]`: a map for each command, all of them without a name; a container stands
 * for its subcommands, and what is no command is null.
 */
function contracts(session: Session, command: Command, given: Circumstances): Resp {
  if (command.argc === 2) return array(commands.filter(runs).map((one) => shown(one, given)));
  const items: Resp[] = [];
  for (let i = 2; i < command.argc; i++) {
    const facts = factsNamed(session, command.text(i).toLowerCase());
    if (facts === null) items.push({ type: 'null', aggregate: false });
    else if (runs(facts)) items.push(shown(facts, given));
    else for (const one of facts.subcommands?.values() ?? []) items.push(shown(one, given));
  }
  return array(items);
}

function runs({ subcommands }: CommandFacts): boolean {
  return subcommands === null;
}

function shown(facts: CommandFacts, given: Circumstances): Resp {
  return map(contractFields(contractOf(facts, given)));
}
