/** Which command a request is, and what is known of it: the door of the generated command table. */
import { type CommandFacts, Flag, KeyFlag } from '@respool/contracts/commands/facts';
import { commands } from '@respool/contracts/commands/table';

export {
  type BeginSearch,
  Category,
  type CommandFacts,
  type FindKeys,
  Flag,
  KeyFlag,
  type KeySpec,
  type RequestPolicy,
  type ResponsePolicy,
} from '@respool/contracts/commands/facts';
export { commands, families } from '@respool/contracts/commands/table';
export { lookupCommand, lookupSubcommand } from './lookup.ts';

const byName: ReadonlyMap<string, CommandFacts> = new Map(commands.map((one) => [one.name, one]));

/** By lower-case name; a subcommand as `parent|name`. */
export function commandNamed(name: string): CommandFacts | null {
  return byName.get(name) ?? null;
}

/** Whether a request of `argc` arguments, name included, fits the command's arity. */
export function arityFits(facts: CommandFacts, argc: number): boolean {
  return facts.arity < 0 ? argc >= -facts.arity : argc === facts.arity;
}

/** They read, or would change, what the server that owns the key knows of its use. */
const aboutUse = new Set(['touch', 'object|idletime', 'object|freq']);

/**
 * Whether a replica may answer: it only reads by Redis's own flag, and what it reads is the same
 * there. PFCOUNT is among them: it may write what it computed into the key, and Redis lets replicas
 * do so, for their own copy (Redis 7.0 `pfcountCommand`).
 */
export function readsAnywhere(facts: CommandFacts): boolean {
  const reads = (facts.flags & (Flag.readonly | Flag.write | Flag.blocking)) === Flag.readonly;
  return reads && facts.keySpecs.length > 0 && !aboutUse.has(facts.name);
}

const notAlwaysOneKey = KeyFlag.not_key | KeyFlag.incomplete;

/**
 * Exactly one key by the table, always the same argument: `facts.keySpecs[0].begin.index`. False for
 * a command whose only position is a channel routed like a key (SPUBLISH).
 */
export function isSingleKey(facts: CommandFacts): boolean {
  const [spec, ...more] = facts.keySpecs;
  if (spec === undefined || more.length > 0) return false;
  if (spec.begin.type !== 'index' || spec.find.type !== 'range') return false;
  return spec.find.last === 0 && (spec.flags & notAlwaysOneKey) === 0;
}
