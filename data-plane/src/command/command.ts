/** Which command a request is: every command's facts, found by the bytes of its name. */
import { type CommandFacts, KeyFlag } from './facts.ts';
import { rows } from './generated/command-table.ts';
import { ownRows } from './own-commands.ts';
import { readTable } from './table.ts';

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
} from './facts.ts';

const familyNames: string[] = [];
const table = readTable([...rows, ...ownRows], familyNames);

/** The groups of COMMAND DOCS: `string`, `hash`, … `generic`; by `CommandFacts.family`. */
export const families: readonly string[] = familyNames;

/** Every command and subcommand, by `CommandFacts.id`. */
export const commands: readonly CommandFacts[] = table;

const byName: ReadonlyMap<string, CommandFacts> = new Map(table.map((one) => [one.name, one]));

/** By lower-case name; a subcommand as `parent|name`. */
export function commandNamed(name: string): CommandFacts | null {
  return byName.get(name) ?? null;
}

const nameBytesMax = Math.max(...table.map((one) => one.nameBytes.length));
const notAlwaysOneKey = KeyFlag.not_key | KeyFlag.incomplete;

/** Upper case of each ASCII byte; every other byte stands for itself. */
const folded = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  folded[byte] = byte >= 97 && byte <= 122 ? byte - 32 : byte;
}

const bucketCount = 4096;
const bucketMask = bucketCount - 1;

/** One command a bucket: the multiplier is searched for at start, so that no two names collide. */
const { multiplier, buckets } = perfectHash(table.filter((one) => one.parent === null));

function perfectHash(list: readonly CommandFacts[]): {
  multiplier: number;
  buckets: (CommandFacts | null)[];
} {
  for (let candidate = 31; ; candidate += 2) {
    const filled = new Array<CommandFacts | null>(bucketCount).fill(null);
    const fits = list.every((one) => {
      const bucket = bucketOf(one.nameBytes, 0, one.nameBytes.length, candidate);
      const free = filled[bucket] === null;
      filled[bucket] = one;
      return free;
    });
    if (fits) return { multiplier: candidate, buckets: filled };
  }
}

function bucketOf(bytes: Buffer, start: number, end: number, factor: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, factor) + folded[bytes[i]!]!) | 0;
  return (hash ^ (hash >>> 12)) & bucketMask;
}

/**
 * The command named by `bytes[start..end)`, in any case; null when there is none. Subcommands are
 * not found here, see {@link lookupSubcommand}. Reads bytes only: no string is made.
 */
export function lookupCommand(bytes: Buffer, start: number, end: number): CommandFacts | null {
  // No name is longer, so a name of megabytes is not hashed.
  if (end - start > nameBytesMax) return null;
  const facts = buckets[bucketOf(bytes, start, end, multiplier)] ?? null;
  if (facts === null) return null;
  const name = facts.nameBytes;
  if (name.length !== end - start) return null;
  for (let i = start, j = 0; i < end; i++, j++) {
    if (folded[bytes[i]!] !== name[j]) return null;
  }
  return facts;
}

/** The subcommand of `facts` named by `bytes[start..end)`, in any case; null when there is none. */
export function lookupSubcommand(
  facts: CommandFacts,
  bytes: Buffer,
  start: number,
  end: number,
): CommandFacts | null {
  if (facts.subcommands === null || end - start > nameBytesMax) return null;
  return facts.subcommands.get(bytes.toString('latin1', start, end).toLowerCase()) ?? null;
}

/** Whether a request of `argc` arguments, name included, fits the command's arity. */
export function arityFits(facts: CommandFacts, argc: number): boolean {
  return facts.arity < 0 ? argc >= -facts.arity : argc === facts.arity;
}

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
