/** PROXY EXPLAIN: how a command of this session would be carried out, without a byte to any server. */
import { type Circumstances, contractOf } from '@respool/contracts/commands/contract';
import { type Carried, goesAsItIs, treatmentOf } from '@respool/contracts/commands/treatment';
import { type CommandFacts, commandNamed, lookupCommand } from '../command/command.ts';
import { keyPositions } from '../command/keys.ts';
import { Command } from '../command/request.ts';
import { admit } from '../policy/policy.ts';
import { encodeRequest } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, bulk, map, number } from '../resp/values.ts';
import { type Plan, planOf, slotOfKey, splitter, tableOf } from '../route/route.ts';
import { fullName } from '../session/acl.ts';
import type { Session, Way } from '../session/session.ts';
import { mayTryAcross } from './blocked-across.ts';
import { contractFields } from './contract-fields.ts';

/** Keys shown of one command; how many it has is told besides. */
const keysShown = 64;

/**
 * `PROXY EXPLAIN` of the command `asked`. Of its arguments only keys are shown: the others may be
 * secrets. `verdict` is `admitted` or the error the command would be answered with.
 */
export function explained(session: Session, asked: Command, given: Circumstances): Resp {
  const { facts } = asked;
  const refusal = admit(session, asked);
  const fields = [...whereFields(session, given)];
  if (facts !== null && facts.subcommands === null) {
    fields.push(['contract', map(contractFields(contractOf(facts, given)))]);
  }
  fields.push(['verdict', bulk(refusal === null ? 'admitted' : textOfError(refusal))]);
  if (facts !== null && refusal === null) fields.push(...planFields(session.way, asked, facts));
  return map(fields);
}

/** The command that `command` names from argument `from` on. */
export function requestIn(session: Session, command: Command, from: number): Command {
  const args: Buffer[] = [];
  for (let i = from; i < command.argc; i++) args.push(command.argument(i));
  const bytes = encodeRequest(args);
  const asked = new Command();
  const name = args[0] as Buffer;
  asked.read(lookupCommand(name, 0, name.length), bytes, 0, bytes.length, args.length);
  asked.facts ??= factsNamed(session, asked.text(0).toLowerCase());
  return asked;
}

/** The command `name` (lower case) as this session may call it, one of its backend's included. */
export function factsNamed({ route, way }: Session, name: string): CommandFacts | null {
  return commandNamed(name) ?? route?.backend.foreign.find(name, way.shared) ?? null;
}

/** An error reply without its mark and line end. */
export function textOfError(reply: Buffer): string {
  return reply.toString('latin1', 1, reply.length - 2);
}

function whereFields(session: Session, given: Circumstances): [string, Resp][] {
  const { user, route, state, chosen, database, protocol } = session;
  return [
    ['tenant', bulk(user?.tenant.id ?? '')],
    ['user', bulk(user === null ? '' : fullName(user))],
    ['isolation', bulk(given.isolation)],
    ['sequence', number(state.sequence)],
    ['route', bulk(route?.id ?? '')],
    ['rule', bulk(chosen === null ? 'the default route' : 'chosen by USE')],
    ['backend', bulk(route?.backend.id ?? '')],
    ['backend-kind', bulk(given.backend)],
    ['read-from', bulk(route?.readFrom ?? '')],
    ['database', number(database)],
    ['protocol', number(protocol)],
  ];
}

/** Its keys, where they lie, and whether it travels whole, split, or in steps. */
function planFields(way: Way, asked: Command, facts: CommandFacts): [string, Resp][] {
  const at = new Int32Array(asked.argc);
  const { bytes, argc, starts, ends } = asked;
  const count = Math.max(0, keyPositions(facts, bytes, argc, starts, ends, at));
  const done = carriedOut(way, asked, facts);
  // What is done in steps is asked of primaries, whatever the route says of reads.
  const from = done === inSteps ? { ...way, upstream: way.upstream?.plain ?? null } : way;
  const places = [...at.subarray(0, count)].map((argument) =>
    placeOf(from, asked, argument, facts),
  );
  const keys = places.slice(0, keysShown).map((place) =>
    map([
      ['key', bulk(place.key)],
      ['slot', place.slot === null ? nothing : number(place.slot)],
      ['node', bulk(place.node)],
    ]),
  );
  const nodes = [...new Set(places.map(({ node }) => node))];
  return [
    ['keys', array(keys)],
    ['key-count', number(count)],
    ['nodes', array(nodes.map((node) => bulk(node)))],
    ['carried-out', bulk(done)],
  ];
}

const inSteps = 'in steps by the proxy';

const nothing: Resp = { type: 'null', aggregate: false };

interface Place {
  /** As the client calls it. */
  readonly key: Buffer;
  /** Of the key with the tenant's prefix, which decides; null on a standalone backend. */
  readonly slot: number | null;
  readonly node: string;
}

function placeOf(
  { upstream, prefixCrc }: Way,
  asked: Command,
  argument: number,
  facts: CommandFacts,
): Place {
  const key = asked.argument(argument);
  if (upstream?.slots == null) return { key, slot: null, node: upstream?.single?.address ?? '' };
  const slot = slotOfKey(asked, argument, prefixCrc);
  return { key, slot, node: tableOf(upstream, facts)[slot]?.address ?? '' };
}

function carriedOut(way: Way, asked: Command, facts: CommandFacts): string {
  const treatment = treatmentOf(facts);
  if (way.granted && goesAsItIs(facts)) return 'sent to the server as it is';
  if (treatment.kind === 'local') return 'answered by the proxy';
  const plan = planOf(asked, way);
  if (treatment.kind === 'carried') return carriedFor(way, asked, treatment.by, plan);
  switch (plan.kind) {
    case 'whole':
      return `sent whole to ${plan.way.address}`;
    case 'fan-out':
      return `split into ${splitter.fragments} fragments, one per slot`;
    case 'work':
      return inSteps;
    case 'refused':
      return refusedWith(plan.reply);
    default:
      return plan satisfies never;
  }
}

/** `plan` is that of its keys: what waits, scripts and WATCH go by it, the others name none. */
function carriedFor(way: Way, asked: Command, by: Carried, plan: Plan): string {
  const words = `carried out by the proxy for the session: ${by}`;
  if (plan.kind !== 'refused' || asked.facts?.keySpecs.length === 0) return words;
  if (by === 'blocking' && mayTryAcross(way)) return `${words}, key by key`;
  const placed = by === 'blocking' || by === 'script' || by === 'transaction';
  return placed ? refusedWith(plan.reply) : words;
}

function refusedWith(reply: Buffer): string {
  return `refused: ${textOfError(reply)}`;
}
