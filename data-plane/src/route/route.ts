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
  | { readonly kind: 'refused'; readonly reply: Buffer };

/** Argument numbers of the planned command's keys: the first `count` of `at`. */
export const keys = { at: new Int32Array(64), count: 0 };
/** The split of the last plan of kind `fan-out`. */
export const splitter = new Split();

export const noRoute = encodeError('ERR', 'no route: this user has no backend to go to now');
export const crossSlot = encodeError('CROSSSLOT', "Keys in request don't hash to the same slot");

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
  if (keys.count < 0) {
    if (upstream.single !== null && way.prefix === null)
      return { kind: 'whole', way: upstream.single };
    const message = `the keys of this form of '${facts.name}' cannot be told apart from its other arguments`;
    return refused(encodeError('ERR', message));
  }
  const reach = beyondKeys(facts, command, way);
  if (reach !== null) return refused(reach);
  if (upstream.single !== null) return { kind: 'whole', way: upstream.single };
  return inSlots(facts, command, way, tableOf(upstream, facts));
}

/** Connections by slot on a cluster: where reads go, for a command that only reads. */
export function tableOf(upstream: Upstream, facts: CommandFacts): readonly UpstreamConnection[] {
  const reads = upstream.reads !== null && readsAnywhere(facts);
  return (reads ? upstream.reads : upstream.slots) as readonly UpstreamConnection[];
}

function inSlots(
  facts: CommandFacts,
  command: Command,
  way: RouteWay,
  slots: readonly UpstreamConnection[],
): Plan {
  if (keys.count === 0) return refused(encodeError('ERR', `'${facts.name}' names no key`));
  const treatment = treatmentOf(facts);
  if (treatment.kind === 'split') return inFragments(facts, command, way, slots);
  const slot = slotOfKey(command, keys.at[0]!, way.prefixCrc);
  for (let k = 1; k < keys.count; k++) {
    if (slotOfKey(command, keys.at[k]!, way.prefixCrc) === slot) continue;
    const across = treatment.kind === 'keyed' && treatment.across !== null && way.emulates;
    return across ? { kind: 'work' } : refused(crossSlot);
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
    return refused(encodeError('ERR', message));
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

/** Options by which a command reaches keys that its key positions do not name. */
const patterns = new Set(['by', 'get', 'store']);

/**
 * What of a command could reach keys or databases of others, refused where that matters: guessing
 * would break the tenants' separation.
 */
function beyondKeys(facts: CommandFacts, command: Command, way: RouteWay): Buffer | null {
  const { name } = facts;
  if (name === 'copy' && hasOption(command, 3, new Set(['db']))) {
    return encodeError('ERR', 'COPY with DB is refused: it would reach another database');
  }
  const sorts = name === 'sort' || name === 'sort_ro';
  const one = way.prefix === null && way.upstream?.single !== null;
  if (one) return null;
  if (sorts && hasOption(command, 2, patterns)) {
    return encodeError(
      'ERR',
      `${name.toUpperCase()} with BY, GET or STORE is refused here: its patterns reach other keys`,
    );
  }
  return null;
}

function hasOption(command: Command, from: number, options: ReadonlySet<string>): boolean {
  for (let i = from; i < command.argc; i++) {
    if (options.has(command.text(i).toLowerCase())) return true;
  }
  return false;
}
