/** What the proxy does with each command of Redis's table: one place, read once at start. */
import { blocking } from './blocking.ts';
import { acrossSlots, allKeys } from './emulated.ts';
import { type CommandFacts, Flag } from './facts.ts';
import { localNotes } from './local.ts';
import { notServed, refusals } from './refusals.ts';
import { scriptAdmin } from './script-admin.ts';
import { commands, families } from './table.ts';

/**
 * `keyed`: goes to a backend as it is, to the owner of its keys; keys of several slots are worked on
 * step by step where `across` says with which guarantee, else refused.
 * `split`: the same, and keys of several slots are split and merged (request policy `multi_shard`).
 * `work`: about more than the keys it names, so done step by step (`emulate/`) with the guarantee
 * given; `whole` says whether a backend that is the tenant's own and one server takes it as it is.
 * `carried`: needs more of a session than one reply; `carry/` has it.
 * `local`: the proxy answers it; `note` says what of, where that is not plain, or is empty.
 * `refused`: not served; `reason` says why, in words for the client. With `grant`, the pass-through
 * grant sends it to the server as it is.
 */
export type Treatment =
  | { readonly kind: 'keyed'; readonly across: string | null }
  | { readonly kind: 'split' }
  | { readonly kind: 'work'; readonly whole: boolean; readonly guarantee: string }
  | { readonly kind: 'carried'; readonly by: Carried }
  | { readonly kind: 'local'; readonly note: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly grant: boolean };

/** Who in `carry/carriers.ts` has a carried command. */
export type Carried =
  | 'monitor'
  | 'proxy'
  | 'transaction'
  | 'blocking'
  | 'script'
  | 'script-admin'
  | 'subscription'
  | 'publish'
  | 'pubsub'
  | 'silence'
  | 'tracking'
  | 'queue';

/** By full name. */
const carried: Readonly<Record<string, Carried>> = {
  ...by('blocking', blocking),
  ...by('script-admin', scriptAdmin),
  multi: 'transaction',
  monitor: 'monitor',
  'acl|dryrun': 'proxy',
  'proxy|command': 'proxy',
  'proxy|explain': 'proxy',
  exec: 'transaction',
  discard: 'transaction',
  subscribe: 'subscription',
  unsubscribe: 'subscription',
  psubscribe: 'subscription',
  punsubscribe: 'subscription',
  ssubscribe: 'subscription',
  sunsubscribe: 'subscription',
  publish: 'publish',
  spublish: 'publish',
  'pubsub|channels': 'pubsub',
  'pubsub|numsub': 'pubsub',
  'pubsub|numpat': 'pubsub',
  'pubsub|shardchannels': 'pubsub',
  'pubsub|shardnumsub': 'pubsub',
  'client|reply': 'silence',
  'client|tracking': 'tracking',
  'client|caching': 'tracking',
  'client|trackinginfo': 'tracking',
  'client|getredir': 'tracking',
  watch: 'transaction',
  unwatch: 'transaction',
  eval: 'script',
  eval_ro: 'script',
  evalsha: 'script',
  evalsha_ro: 'script',
  fcall: 'script',
  fcall_ro: 'script',
  kpush: 'queue',
  kpop: 'queue',
  kpartition: 'queue',
  kpartitions: 'queue',
  koffset: 'queue',
  kack: 'queue',
  knack: 'queue',
  klag: 'queue',
  kseek: 'queue',
};

function by(carrier: Carried, names: object): Record<string, Carried> {
  return Object.fromEntries(Object.keys(names).map((name) => [name, carrier]));
}

const split = new Set('mget mset del unlink exists touch'.split(' '));

const notAboutKeys = ['transactions', 'scripting', 'pubsub', 'cluster', 'server', 'connection'];

export function carriedBy(name: string): Carried | null {
  return carried[name] ?? null;
}

/** By command id. */
const treatments: readonly Treatment[] = commands.map(decide);

/** Commands beyond the table are those of one backend that name one key and are about it alone. */
const foreign: Treatment = { kind: 'keyed', across: null };

export function treatmentOf(facts: CommandFacts): Treatment {
  return treatments[facts.id] ?? foreign;
}

/** Answered here as well, and by the server where the pass-through grant leads to it. */
const answeredByServer = new Set([
  'config|get',
  'module|list',
  'acl|list',
  'acl|users',
  'acl|getuser',
]);

/** Whether the pass-through grant sends it to the server as it is. */
export function goesAsItIs(facts: CommandFacts): boolean {
  const treatment = treatmentOf(facts);
  return treatment.kind === 'refused' ? treatment.grant : answeredByServer.has(facts.name);
}

/**
 * `name` is the full name in lower case (`object|encoding`), `family` its group in COMMAND DOCS. What
 * is said of a subcommand goes before what is said of its container.
 */
function decide(facts: CommandFacts): Treatment {
  const { name } = facts;
  const container = facts.parent ?? name;
  const family = families[facts.family] as string;
  if (split.has(name)) return { kind: 'split' };
  const steps = allKeys[name];
  if (steps !== undefined) return { kind: 'work', ...steps };
  const by = carried[name];
  if (by !== undefined) return { kind: 'carried', by };
  if (name.endsWith('|help')) return { kind: 'local', note: '' };
  const local = localNotes[name];
  const refusal = refusals[name] ?? (local === undefined ? refusals[container] : undefined);
  if (refusal !== undefined) return { kind: 'refused', ...refusal };
  const note = local ?? localNotes[container];
  if (note !== undefined) return { kind: 'local', note };
  const keyed = facts.keySpecs.length > 0 || facts.subcommands !== null;
  if (!keyed) return notServed;
  if ((facts.flags & (Flag.blocking | Flag.admin | Flag.pubsub)) !== 0) {
    return notServed;
  }
  // MEMORY USAGE and OBJECT name a key; everything else of these families is about more than keys.
  const aboutOneKey = facts.keySpecs.length > 0 && name.includes('|');
  if (notAboutKeys.includes(family) && !aboutOneKey && facts.subcommands === null) {
    return notServed;
  }
  return { kind: 'keyed', across: acrossSlots[name] ?? null };
}
