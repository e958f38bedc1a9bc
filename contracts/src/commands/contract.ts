/** What becomes of a command for one tenant on one kind of backend, read from the treatments proxies run on. */
import type { CrossSlot, Isolation } from '../entities.ts';
import { type CommandFacts, Flag } from './facts.ts';
import { newerNames } from './newer-commands.ts';
import { queueNotes } from './queue-notes.ts';
import { sharedRefusal } from './shared.ts';
import { commands } from './table.ts';
import {
  type Carried,
  carriedBy,
  goesAsItIs,
  type Treatment,
  treatmentOf,
  triedInTurn,
} from './treatment.ts';

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
      return { name, ...carriage[treatment.by](given, name), acrossSlots: inTurn(name, given) };
    case 'work':
      if (treatment.whole && given.backend === 'standalone' && given.isolation !== 'prefix') {
        return whole({ how: 'native', note: '' });
      }
      return whole({ how: 'emulated', note: treatment.guarantee });
    case 'keyed':
    case 'split':
      return {
        ...{ name, how: 'native', note: newerNames.has(name) ? newer : '' },
        acrossSlots: across(facts, treatment, given),
      };
    case 'refused':
      return whole({ how: 'refused', note: treatment.reason });
    default:
      return treatment satisfies never;
  }
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

/** Source: newer-commands.ts. */
const newer = 'where the server has it: Redis 7.4 or later, or Valkey 9';
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

/** Null where a carried command's keys cannot lie in several slots, or nothing is to be said of it. */
function inTurn(name: string, given: Circumstances): Share | null {
  if (given.backend === 'standalone' || carriedBy(name) !== 'blocking') return null;
  if (given.crossSlot === 'refuse' || !triedInTurn.has(name)) return crossSlotRefused;
  return {
    how: 'emulated',
    note: 'key by key in their order, again and again; what is popped is popped in one step',
  };
}

/** Whether it may name more than one key. */
function mayNameKeys({ keySpecs }: CommandFacts): boolean {
  const [spec, ...more] = keySpecs;
  return (
    more.length > 0 || (spec !== undefined && (spec.find.type !== 'range' || spec.find.last !== 0))
  );
}

const oneSlot = 'all of its keys in one slot, else CROSSSLOT';

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
  blocking: () => ({
    how: 'native',
    note: 'on a connection of its own while it waits; put back where its client left',
  }),
  transaction: ({ backend }) => ({
    how: 'native',
    note: backend === 'standalone' ? '' : 'one slot, which its first key chooses',
  }),
  script: ({ backend, isolation }) => ({
    how: isolation === 'dedicated' ? 'native' : 'emulated',
    note: [
      isolation === 'dedicated'
        ? ''
        : 'one step still, but guarded: it reaches the keys it declares',
      backend === 'standalone' ? '' : oneSlot,
    ]
      .filter((part) => part !== '')
      .join('; '),
  }),
  'script-admin': ({ backend }) =>
    backend === 'standalone'
      ? { how: 'native', note: '' }
      : { how: 'fan-out', note: 'to every primary; an error says how many did it' },
};
