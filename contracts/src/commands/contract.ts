/** What becomes of a command for one tenant on one kind of backend, read from the treatments proxies run on. */
import type { CrossSlot, Isolation } from '../entities.ts';
import { blockingGuarantees } from './blocking.ts';
import { sortedBy } from './emulated.ts';
import { type CommandFacts, Flag } from './facts.ts';
import { newerNote } from './newer-commands.ts';
import { queueNotes } from './queue-notes.ts';
import { reachNote } from './script-admin.ts';
import { sharedRefusal } from './shared.ts';
import { commands } from './table.ts';
import { type Carried, goesAsItIs, type Treatment, treatmentOf } from './treatment.ts';

/**
 * `native`: the servers carry it out as one command. `fan-out`: split by slot, the replies made one.
 * `emulated`: the proxy carries it out in steps, with the guarantee that stands beside. `local`: the
 * proxy answers it itself. `refused`: not carried out, for the reason that stands beside.
 */
export type How = 'native' | 'fan-out' | 'emulated' | 'local' | 'refused';

export interface Share {
  readonly how: How;
  /** The guarantee, the reason of the refusal, or what there is to know; empty where nothing is. */
  readonly note: string;
}

export interface Contract extends Share {
  /** As Redis writes it: `mget`, `config|get`. */
  readonly name: string;
  /** When its keys lie in several slots of a cluster; null where that cannot be. */
  readonly acrossSlots: Share | null;
}

/** For whom, and in front of what. */
export interface Circumstances {
  readonly backend: 'standalone' | 'cluster';
  readonly isolation: Isolation['mode'];
  readonly crossSlot: CrossSlot;
  readonly readOnly: boolean;
  readonly passThrough: boolean;
}

/** A tenant with nothing granted and nothing taken: what the reference page shows. */
export function usual(backend: Circumstances['backend'], isolation: Isolation['mode']) {
  const given = { crossSlot: 'emulate', readOnly: false, passThrough: false } as const;
  return { backend, isolation, ...given } satisfies Circumstances;
}

/** Scripts may write unless they were called by the `_RO` form, which the server holds them to. */
const scriptsThatWrite = new Set(['eval', 'evalsha', 'fcall']);

/** Whether it is refused to a read-only user: by Redis's own flag, or because a script may write. */
export function mayWrite({ name, flags }: CommandFacts): boolean {
  return (flags & Flag.write) !== 0 || scriptsThatWrite.has(name);
}

/** Of a command or subcommand, not of a container. */
export function contractOf(facts: CommandFacts, given: Circumstances): Contract {
  const { name } = facts;
  if (facts.id >= commands.length) return foreignContract(name, mayWrite(facts), given);
  const whole = (share: Share): Contract => ({ name, ...share, acrossSlots: null });
  const treatment = treatmentOf(facts);
  const granted = given.passThrough && isOwnServer(given) && goesAsItIs(facts);
  const refusal = refusalOf(facts, granted ? null : treatment, given);
  if (refusal !== null) return whole({ how: 'refused', note: refusal });
  if (granted) return whole({ how: 'native', note: 'by the pass-through grant' });
  switch (treatment.kind) {
    case 'local':
      return whole({ how: 'local', note: treatment.note });
    case 'carried':
      return {
        ...{ name, ...carriage[treatment.by](given, name) },
        acrossSlots: acrossCarried(facts, treatment.by, given),
      };
    case 'work':
      if (treatment.whole && given.backend === 'standalone' && given.isolation !== 'prefix') {
        return whole({ how: 'native', note: '' });
      }
      return whole({ how: 'emulated', note: treatment.guarantee });
    case 'keyed':
    case 'split':
      return {
        ...{ name, how: 'native', note: newerNote(name) ?? beyondKeys(name, given) },
        acrossSlots: across(facts, treatment, given),
      };
    case 'refused':
      return whole({ how: 'refused', note: treatment.reason });
    default:
      return treatment satisfies never;
  }
}

const sortsApart = `with BY or GET patterns in steps: ${sortedBy}`;

/** What holds of its arguments besides keys; empty where nothing does. Source: route/ of the proxy. */
function beyondKeys(name: string, { backend, isolation, crossSlot }: Circumstances): string {
  if (name === 'copy') return isolation === 'dedicated' ? '' : 'refused with DB';
  if (name !== 'sort' && name !== 'sort_ro') return '';
  // One server has all the keys: it sorts in one step, its patterns under the prefix.
  if (backend === 'standalone') return '';
  return crossSlot === 'emulate' ? sortsApart : 'CROSSSLOT with BY or GET patterns';
}

/** Of a command beyond the table, which the backend's servers have: a module's, or a newer one. */
export function foreignContract(name: string, writes: boolean, given: Circumstances): Contract {
  const refused = given.readOnly && writes;
  const note = refused ? readOnly : 'where the servers have it; about the one key it names';
  return { name, how: refused ? 'refused' : 'native', note, acrossSlots: null };
}

const readOnly = 'is refused: this user is read-only';

function isOwnServer({ backend, isolation }: Circumstances): boolean {
  return backend === 'standalone' && isolation === 'dedicated';
}

/** In the order of the proxy's policy; `treatment` is null where the grant stands above it. */
function refusalOf(
  facts: CommandFacts,
  treatment: Treatment | null,
  given: Circumstances,
): string | null {
  if (treatment?.kind === 'refused') return treatment.reason;
  const { isolation } = given;
  const shared = isolation === 'dedicated' ? null : sharedRefusal(facts.name);
  if (shared !== null) return shared;
  return given.readOnly && mayWrite(facts) ? readOnly : null;
}

const crossSlotRefused: Share = { how: 'refused', note: 'CROSSSLOT, as a cluster itself answers' };
const split: Share = {
  how: 'fan-out',
  note: 'one fragment per slot, each whole for itself; an error says which of them failed',
};

function across(
  facts: CommandFacts,
  treatment: Treatment & { kind: 'keyed' | 'split' },
  given: Circumstances,
): Share | null {
  if (given.backend === 'standalone' || !mayNameKeys(facts)) return null;
  if (given.crossSlot === 'refuse') return crossSlotRefused;
  if (treatment.kind === 'split') return split;
  return treatment.across === null ? crossSlotRefused : { how: 'emulated', note: treatment.across };
}

/** Null where a carried command names no keys, or only one. */
function acrossCarried(facts: CommandFacts, by: Carried, given: Circumstances): Share | null {
  if (given.backend === 'standalone' || !mayNameKeys(facts)) return null;
  const guarantees = blockingGuarantees(facts.name);
  if (guarantees !== null) {
    const refused = given.crossSlot === 'refuse';
    return refused ? crossSlotRefused : { how: 'emulated', note: guarantees.across };
  }
  // Channels stand where keys do in Redis's table, and have no slots here.
  return by === 'script' || by === 'transaction' ? crossSlotRefused : null;
}

/** Whether it may name more than one key. */
function mayNameKeys({ keySpecs }: CommandFacts): boolean {
  const [spec, ...more] = keySpecs;
  return (
    more.length > 0 || (spec !== undefined && (spec.find.type !== 'range' || spec.find.last !== 0))
  );
}

/** MULTI … EXEC is queued here and goes out in one piece; a name that is not told of is kept here. */
function transactionShare(name: string, backend: Circumstances['backend']): Share {
  const oneSlot = backend === 'standalone' ? '' : '; one slot, which its first key chooses';
  if (name === 'exec')
    return { how: 'native', note: `all that was queued, in one piece${oneSlot}` };
  if (name === 'watch') {
    const note = `on a connection of its own until the transaction ends${oneSlot}`;
    return { how: 'native', note };
  }
  return { how: 'local', note: 'EXEC sends what was queued, WATCH what is watched' };
}

/** What each carrier makes of its commands. */
const carriage: Readonly<Record<Carried, (given: Circumstances, name: string) => Share>> = {
  monitor: () => ({ how: 'local', note: "the tenant's commands at this proxy, secrets redacted" }),
  proxy: () => ({ how: 'local', note: '' }),
  subscription: () => ({
    how: 'local',
    note: 'one subscription per channel and server for all clients of the proxy',
  }),
  publish: ({ isolation }) => ({
    how: 'native',
    note: isolation === 'dedicated' ? '' : "in the tenant's own space of channels",
  }),
  pubsub: () => ({
    how: 'local',
    note: "asked of the servers, the tenant's clients of this proxy counted one by one",
  }),
  silence: () => ({ how: 'local', note: '' }),
  queue: (_given, name) => ({ how: 'native', note: queueNotes[name] ?? '' }),
  tracking: () => ({
    how: 'local',
    note: 'one tracking connection per server for all clients of the proxy',
  }),
  blocking: (_given, name) => ({ how: 'native', note: blockingGuarantees(name)?.whole ?? '' }),
  transaction: ({ backend }, name) => transactionShare(name, backend),
  script: ({ isolation }) =>
    isolation === 'dedicated'
      ? { how: 'native', note: '' }
      : { how: 'emulated', note: 'one step still, but guarded: it reaches the keys it declares' },
  'script-admin': ({ backend }, name) => {
    const note = backend === 'standalone' ? '' : reachNote(name);
    if (note === null) return { how: 'native', note: 'told by one primary' };
    return { how: note === '' ? 'native' : 'fan-out', note };
  },
};
