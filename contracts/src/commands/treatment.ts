/** What the proxy does with each command of Redis's table: one place, read once at start. */
import { acrossSlots, allKeys } from './emulated.ts';
import { type CommandFacts, Flag } from './facts.ts';
import { commands, families } from './table.ts';

/**
 * `keyed`: goes to a backend as it is, to the owner of its keys; keys of several slots are worked on
 * step by step where `across` says with which guarantee, else refused.
 * `split`: the same, and keys of several slots are split and merged (request policy `multi_shard`).
 * `work`: about more than the keys it names, so done step by step (`emulate/`) with the guarantee
 * given; `whole` says whether a backend that is the tenant's own and one server takes it as it is.
 * `carried`: needs more of a session than one reply; `carry/` has it.
 * `local`: the proxy answers it.
 * `refused`: not served; `reason` says why, in words for the client.
 */
export type Treatment =
  | { readonly kind: 'keyed'; readonly across: string | null }
  | { readonly kind: 'split' }
  | { readonly kind: 'work'; readonly whole: boolean; readonly guarantee: string }
  | { readonly kind: 'carried'; readonly by: Carried }
  | { readonly kind: 'local' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Who in `carry/carriers.ts` has a carried command. */
export type Carried = 'transaction';

/** By full name. */
const carried: Readonly<Record<string, Carried>> = {
  exec: 'transaction',
  discard: 'transaction',
};

/** Commands about the connection or the server, which the proxy is to the client. */
const local = new Set(
  'auth hello ping echo select quit reset command client info slowlog use'.split(' '),
);

const split = new Set('mget mset del unlink exists touch'.split(' '));

const notServed = 'is not served by this proxy';

/** Each would reach beyond the keys it names, or beyond the tenant. */
const confined: Readonly<Record<string, string>> = {
  migrate: 'is refused: it would carry keys to another server',
  move: 'is refused: it would carry keys to another database',
  'restore-asking': 'is refused: it belongs to cluster nodes',
};

const notAboutKeys = ['transactions', 'scripting', 'pubsub', 'cluster', 'server', 'connection'];

/** By command id. */
const treatments: readonly Treatment[] = commands.map(decide);

export function treatmentOf(facts: CommandFacts): Treatment {
  return treatments[facts.id] as Treatment;
}

/** `name` is the full name in lower case (`object|encoding`), `family` its group in COMMAND DOCS. */
function decide(facts: CommandFacts): Treatment {
  const { name } = facts;
  const family = families[facts.family] as string;
  if (local.has(name.split('|')[0] as string)) return { kind: 'local' };
  if (split.has(name)) return { kind: 'split' };
  const steps = allKeys[name];
  if (steps !== undefined) return { kind: 'work', ...steps };
  const by = carried[name];
  if (by !== undefined) return { kind: 'carried', by };
  const own = confined[name];
  if (own !== undefined) return { kind: 'refused', reason: own };
  const keyed = facts.keySpecs.length > 0 || facts.subcommands !== null;
  if (!keyed) return { kind: 'refused', reason: notServed };
  if ((facts.flags & (Flag.blocking | Flag.admin | Flag.pubsub)) !== 0) {
    return { kind: 'refused', reason: notServed };
  }
  // MEMORY USAGE and OBJECT name a key; everything else of these families is about more than keys.
  const aboutOneKey = facts.keySpecs.length > 0 && name.includes('|');
  if (notAboutKeys.includes(family) && !aboutOneKey && facts.subcommands === null) {
    return { kind: 'refused', reason: notServed };
  }
  return { kind: 'keyed', across: acrossSlots[name] ?? null };
}
