/** PROXY COMMAND, PROXY EXPLAIN and ACL DRYRUN: what becomes of a command here, without running it. */
import { type Circumstances, contractOf, usual } from '@respool/contracts/commands/contract';
import { carriedBy } from '@respool/contracts/commands/treatment';
import { type CommandFacts, commands } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, map } from '../resp/values.ts';
import { noRoute } from '../route/route.ts';
import type { Session } from '../session/session.ts';
import { contractFields } from './contract-fields.ts';
import { dryRun } from './dry-run.ts';
import { explained, factsNamed, requestIn } from './explain.ts';
import { explainedQueue } from './explain-queue.ts';
import { refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';

export function carryProxyCommand(scene: Scene, command: Command): boolean {
  const made = proxyReply(scene.session, command);
  if (made === noRoute) refuse(scene, command, noRoute);
  else reply(scene, command, made);
  return true;
}

/** The reply to any of the three. */
export function proxyReply(session: Session, command: Command): Buffer {
  const name = (command.facts as CommandFacts).name;
  if (name === 'acl|dryrun') return dryRun(session, command);
  const given = circumstancesOf(session);
  const made =
    name === 'proxy|explain'
      ? explainedAny(session, command, given)
      : contracts(session, command, given);
  return made === null ? noRoute : encodeReply(made, session.protocol);
}

function explainedAny(session: Session, command: Command, given: Circumstances | null) {
  const asked = requestIn(session, command, 2);
  if (asked.facts !== null && isQueue(asked.facts)) {
    return explainedQueue(session, asked, given ?? withoutRoute(session));
  }
  return given === null ? null : explained(session, asked, given);
}

function isQueue({ name }: CommandFacts): boolean {
  return carriedBy(name) === 'queue';
}

/** What commands about topics depend on, which need no route. */
function withoutRoute({ user }: Session): Circumstances {
  return { ...usual('standalone', 'dedicated'), readOnly: user?.readOnly ?? false };
}

/** Null where no route leads: what becomes of a command of Redis is then the same for all. */
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
 * Without a route there is nothing to tell, save of commands about topics.
 */
function contracts(session: Session, command: Command, route: Circumstances | null): Resp | null {
  const given = route ?? withoutRoute(session);
  if (route === null && !namesQueuesOnly(session, command)) return null;
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

function namesQueuesOnly(session: Session, command: Command): boolean {
  for (let i = 2; i < command.argc; i++) {
    const facts = factsNamed(session, command.text(i).toLowerCase());
    if (facts === null || !isQueue(facts)) return false;
  }
  return command.argc > 2;
}

function runs({ subcommands }: CommandFacts): boolean {
  return subcommands === null;
}

function shown(facts: CommandFacts, given: Circumstances): Resp {
  return map(contractFields(contractOf(facts, given)));
}
