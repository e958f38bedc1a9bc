/** Command + way → plan: where it goes, whole or split by slot. */

import { treatmentOf } from '@respool/contracts/commands/treatment';
import { type CommandFacts, readsAnywhere } from '../command/command.ts';
import { keyPositions } from '../command/keys.ts';
import type { Command } from '../command/request.ts';
import type { Upstream, UpstreamConnection } from '../command/upstream.ts';
import { encodeError } from '../resp/encoder.ts';
import { slotOf } from './slot.ts';
import { Split } from './split.ts';

/** The part of a session's way that routing needs. */
export interface RouteWay {
  readonly upstream: Upstream | null;
  readonly prefix: Buffer | null;
  readonly prefixCrc: number;
  /** Whether keys of several slots may be worked on step by step. */
  readonly emulates: boolean;
  /** Others have keys on the same servers. */
  readonly shared: boolean;
}

export type Plan =
  /** The whole command to one connection, its keys prefixed where they must be. */
  | { readonly kind: 'whole'; readonly way: UpstreamConnection }
  /** One fragment per slot: `splitter` holds which key goes where until the next plan is made. */
  | {
      readonly kind: 'fan-out';
      readonly first: number;
      readonly step: number;
      readonly keys: number;
    }
  /** Step by step: `emulate/`. */
  | { readonly kind: 'work' }
  /** `mistake`: the command itself is wrong, which Redis says when it executes it and no earlier. */
  | { readonly kind: 'refused'; readonly reply: Buffer; readonly mistake?: true };

/** Argument numbers of the planned command's keys: the first `count` of `at`. */
export const keys = { at: new Int32Array(64), count: 0 };
/** The split of the last plan of kind `fan-out`. */
export const splitter = new Split();

export const noRoute = encodeError('ERR', 'no route: this user has no backend to go to now');
export const crossSlot = encodeError('CROSSSLOT', "Keys in request don't hash to the same slot");

/** Where even emulation cannot help, the error says why. */
const crossSlots: Readonly<Record<string, Buffer>> = {
  msetnx: encodeError(
    'CROSSSLOT',
    "Keys in request don't hash to the same slot: MSETNX sets all of them or none, which only " +
      'keys of one slot can do; give them a hash tag',
  ),
};

/** `command` is admitted and known; its facts say where its keys stand. */
export function planOf(command: Command, way: RouteWay): Plan {
  const facts = command.facts as CommandFacts;
  const { upstream } = way;
  if (upstream === null) {
    return refused(noRoute);
  }
  const treatment = treatmentOf(facts);
  if (treatment.kind === 'work') {
    const whole = treatment.whole && way.prefix === null && upstream.single !== null;
    return whole ? { kind: 'whole', way: upstream.single } : { kind: 'work' };
  }
  if (keys.at.length < command.argc) keys.at = new Int32Array(command.argc);
  keys.count = keyPositions(
    facts,
    command.bytes,
    command.argc,
    command.starts,
    command.ends,
    keys.at,
  );
  if (keys.count < 0) return unplaced(command, way, upstream);
  const own = beyondKeys(facts, command, way);
  if (own !== null) return own;
  if (upstream.single !== null) return { kind: 'whole', way: upstream.single };
  if (keys.count === 0) return unplaced(command, way, upstream);
  return inSlots(facts, command, way, tableOf(upstream, facts));
}

/** Connections by slot on a cluster: where reads go, for a command that only reads. */
export function tableOf(upstream: Upstream, facts: CommandFacts): readonly UpstreamConnection[] {
  const reads = upstream.reads !== null && readsAnywhere(facts);
  return (reads ? upstream.reads : upstream.slots) as readonly UpstreamConnection[];
}

/** No key, or none that can be found, makes an error of the command, which the server words. */
function unplaced(command: Command, way: RouteWay, { single, slots }: Upstream): Plan {
  const facts = command.facts as CommandFacts;
  if (hasFirstKeyOnly(facts, command)) {
    keys.at[0] = 1;
    keys.count = 1;
    const slot = slotOfKey(command, 1, way.prefixCrc);
    return { kind: 'whole', way: single ?? (slots?.[slot] as UpstreamConnection) };
  }
  if (single !== null && way.prefix === null) return { kind: 'whole', way: single };
  if (facts.keySpecs.some(({ find }) => find.type === 'keynum')) return { kind: 'work' };
  // A cluster would refuse the patterns of SORT before it comes to what is wrong.
  if (way.prefix === null && facts.name !== 'sort') {
    return { kind: 'whole', way: slots?.[0] as UpstreamConnection };
  }
  return mistaken(namesStreams(command) ? unbalanced : encodeError('ERR', 'syntax error'));
}

/**
 * PFMERGE without a source; GEORADIUS with a STORE at the very end and no other, whose first key
 * the server looks at before its options.
 */
function hasFirstKeyOnly({ name }: CommandFacts, command: Command): boolean {
  if (name === 'pfmerge') return command.argc === 2;
  if (name !== 'georadius' && name !== 'georadiusbymember') return false;
  let stores = 0;
  let last = '';
  for (let i = 2; i < command.argc; i++) {
    last = command.text(i).toLowerCase();
    if (last === 'store' || last === 'storedist') stores++;
  }
  return stores === 1 && last.startsWith('store');
}

/** Redis 7.0 `xreadCommand`: STREAMS with something behind it, though not a key and an id each. */
function namesStreams(command: Command): boolean {
  if (!command.facts?.name.startsWith('xread')) return false;
  for (let at = 1; at < command.argc - 1; at++) {
    if (command.text(at).toLowerCase() === 'streams') return true;
  }
  return false;
}

const unbalanced = encodeError(
  'ERR',
  "Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
);

function inSlots(
  facts: CommandFacts,
  command: Command,
  way: RouteWay,
  slots: readonly UpstreamConnection[],
): Plan {
  const treatment = treatmentOf(facts);
  if (treatment.kind === 'split') return inFragments(facts, command, way, slots);
  const slot = slotOfKey(command, keys.at[0]!, way.prefixCrc);
  for (let k = 1; k < keys.count; k++) {
    if (slotOfKey(command, keys.at[k]!, way.prefixCrc) === slot) continue;
    const across = treatment.kind === 'keyed' && treatment.across !== null && way.emulates;
    return across ? { kind: 'work' } : refused(crossSlots[facts.name] ?? crossSlot);
  }
  return { kind: 'whole', way: slots[slot] as UpstreamConnection };
}

function inFragments(
  facts: CommandFacts,
  command: Command,
  way: RouteWay,
  slots: readonly UpstreamConnection[],
): Plan {
  const first = facts.firstKey;
  const step = facts.keyStep;
  if ((command.argc - first) % step !== 0) {
    const message = `wrong number of arguments for '${facts.name}' command`;
    return mistaken(encodeError('ERR', message));
  }
  splitter.sort(command, first, step, keys.count, way.prefixCrc);
  if (splitter.fragments === 1) {
    return { kind: 'whole', way: slots[splitter.slots[0]!] as UpstreamConnection };
  }
  if (!way.emulates) return refused(crossSlot);
  return { kind: 'fan-out', first, step, keys: keys.count };
}

/** Slot of the first key of the command planned last; null where there are no slots, or no key. */
export function slotOfCommand(command: Command, way: RouteWay): number | null {
  if (way.upstream?.slots == null || keys.count < 1) return null;
  return slotOfKey(command, keys.at[0]!, way.prefixCrc);
}

/** Slot of argument `argument`, which is a key, with the tenant's prefix in front. */
export function slotOfKey(command: Command, argument: number, prefixCrc: number): number {
  return slotOf(command.bytes, command.starts[argument]!, command.ends[argument]!, prefixCrc);
}

function refused(reply: Buffer): Plan {
  return { kind: 'refused', reply };
}

function mistaken(reply: Buffer): Plan {
  return { kind: 'refused', reply, mistake: true };
}

/**
 * What of a command could reach keys or databases of others that its key positions do not name:
 * done step by step where it can be confined, else refused. Null: it goes its usual way.
 */
function beyondKeys(facts: CommandFacts, command: Command, way: RouteWay): Plan | null {
  const { name } = facts;
  if (name === 'copy') return way.shared && hasDatabase(command) ? refused(otherDatabase) : null;
  if (name !== 'sort' && name !== 'sort_ro') return null;
  const single = way.upstream?.single !== null;
  if ((single && way.prefix === null) || !hasPattern(command, !single)) return null;
  return single || way.emulates ? { kind: 'work' } : refused(crossSlot);
}

const otherDatabase = encodeError(
  'ERR',
  'COPY with DB is refused here: it would carry a key to another database, where other tenants may be',
);

/** `DB n` anywhere behind the keys; without a value it is a syntax error, which the server says. */
function hasDatabase(command: Command): boolean {
  for (let i = 3; i < command.argc - 1; i++) {
    if (command.text(i).toLowerCase() === 'db') return true;
  }
  return false;
}

/** Arguments that follow an option of SORT. */
const sortValues: Readonly<Record<string, number>> = { limit: 2, store: 1, by: 1, get: 1 };

/**
 * Whether SORT has a BY or GET that names other keys; a cluster refuses even `GET #`, which names
 * none. Source: Redis 7.0 `sortCommandGeneric`.
 */
function hasPattern(command: Command, inCluster: boolean): boolean {
  for (let i = 2; i < command.argc; i++) {
    const word = command.text(i).toLowerCase();
    const value = i + 1 < command.argc ? command.text(i + 1) : '';
    if (word === 'by' && value.includes('*')) return true;
    if (word === 'get' && (inCluster || value !== '#')) return true;
    i += sortValues[word] ?? 0;
  }
  return false;
}
