/** Every family of commands that random programs are made of: what it draws from, how often. */

import * as across from './families/across-keys.ts';
import { blockedScene, waits } from './families/blocking.ts';
import * as channels from './families/channels.ts';
import * as collections from './families/collections.ts';
import * as keyspace from './families/keyspace.ts';
import { forgottenScript, libraryFunction, script } from './families/scripts.ts';
import * as session from './families/session.ts';
import * as transactions from './families/transactions.ts';
import * as values from './families/values.ts';
import { draw, type Line, pickLine, readLines } from './grammar.ts';
import type { Source } from './source.ts';
import type { Step } from './step.ts';

export interface Family {
  /** How many steps of a program come from it, in proportion to the others. */
  readonly weight: number;
  /** `one`: all keys of a step are of one slot. */
  readonly slots: 'one' | 'any';
  readonly draw: (source: Source) => DrawnStep;
}

export interface DrawnStep {
  readonly step: Step;
  /** A word may be changed, left out or added: what comes of it depends on nothing but the step. */
  readonly isMutable: boolean;
}

const byLines =
  (lines: readonly Line[]) =>
  (source: Source): DrawnStep => {
    const line = pickLine(lines, source);
    const step = { kind: 'commands', commands: draw(line, source) } as const;
    return { step, isMutable: !line.isExact };
  };

const by =
  (make: (source: Source) => Step) =>
  (source: Source): DrawnStep => ({ step: make(source), isMutable: false });

const any = (weight: number, lines: readonly Line[]): Family => {
  return { weight, slots: 'any', draw: byLines(lines) };
};
const oneSlot = (weight: number, lines: readonly Line[]): Family => {
  return { weight, slots: 'one', draw: byLines(lines) };
};

const scans = readLines('HSCAN <h> \n SSCAN <u> \n ZSCAN <z>');
const scanOptions = readLines('[ MATCH <memberpattern> ] [ COUNT <plus> ]');
const keyScanOptions = readLines(
  '[ MATCH <pattern> ] [ COUNT <plus> ] [ TYPE ( string | list | zset | stream | nonsense ) ]',
);

function elementScan(source: Source): Step {
  const [head = []] = draw(pickLine(scans, source), source);
  const [tail = []] = draw(pickLine(scanOptions, source), source);
  return { kind: 'scan', head, tail };
}

function keyScan(source: Source): Step {
  const [tail = []] = draw(pickLine(keyScanOptions, source), source);
  return source.chance(0.2) ? { kind: 'random-key' } : { kind: 'scan', head: ['SCAN'], tail };
}

export const families = {
  strings: any(12, values.strings),
  numbers: any(5, values.numbers),
  bitmaps: any(5, values.bitmaps),
  hashes: any(9, values.hashes),
  lists: any(10, values.lists),
  hyperloglogs: any(3, values.hyperloglogs),
  sets: any(9, collections.sets),
  'sorted sets': any(12, collections.sortedSets),
  streams: any(7, collections.streams),
  'stream groups': any(6, collections.streamGroups),
  'stream reads in one slot': oneSlot(3, collections.streamReads),
  'stream reads across slots': any(2, collections.streamReads),
  places: any(6, collections.places),
  keys: any(9, keyspace.keys),
  'split by key': any(7, keyspace.splitByKey),
  'whole keyspace': any(1, keyspace.wholeKeyspace),
  'key scans': { weight: 0.5, slots: 'any', draw: by(keyScan) },
  flushes: any(0.05, keyspace.flushes),
  'element scans': { weight: 1, slots: 'any', draw: by(elementScan) },
  'strings in one slot': oneSlot(2, across.stringsAcross),
  'strings across slots': any(2, across.stringsAcross),
  'all or nothing in one slot': oneSlot(0.5, across.allOrNothing),
  'all or nothing across slots': any(0.5, across.allOrNothing),
  'lists in one slot': oneSlot(2, across.listsAcross),
  'lists across slots': any(2, across.listsAcross),
  'pops in one slot': oneSlot(1, across.popsNamingKeys),
  'pops across slots': any(1, across.popsNamingKeys),
  'sets in one slot': oneSlot(4, across.setsAcross),
  'sets across slots': any(4, across.setsAcross),
  'sorted sets in one slot': oneSlot(4, across.sortedSetsAcross),
  'sorted sets across slots': any(4, across.sortedSetsAcross),
  'sketches in one slot': oneSlot(1, across.sketchesAcross),
  'sketches across slots': any(1, across.sketchesAcross),
  'places in one slot': oneSlot(1, across.placesAcross),
  'places across slots': any(1, across.placesAcross),
  'keys in one slot': oneSlot(1, across.keysAcross),
  'keys across slots': any(1, across.keysAcross),
  'sorts in one slot': oneSlot(1, across.sortsAcross),
  'sorts across slots': any(1, across.sortsAcross),
  'sorts by pattern': any(2, across.sortsByPattern),
  transactions: { weight: 3, slots: 'any', draw: by(transactions.transaction) },
  'transactions in one slot': { weight: 2, slots: 'one', draw: by(transactions.transaction) },
  'transactions over the keyspace': {
    ...{ weight: 0.5, slots: 'any', draw: by(transactions.keyspaceTransaction) },
  },
  'transactions over databases': {
    ...{ weight: 0.5, slots: 'any', draw: by(transactions.databaseTransaction) },
  },
  'scripts in transactions': {
    ...{ weight: 0.5, slots: 'one', draw: by(transactions.scriptTransaction) },
  },
  'stray transactions': { weight: 0.5, slots: 'any', draw: by(transactions.strayTransaction) },
  scripts: { weight: 3, slots: 'one', draw: by(script) },
  'forgotten scripts': { weight: 0.5, slots: 'one', draw: by(forgottenScript) },
  functions: { weight: 1, slots: 'one', draw: by(libraryFunction) },
  'waits in one slot': oneSlot(0.5, waits),
  'waits across slots': any(0.3, waits),
  'blocked scenes': { weight: 0.1, slots: 'any', draw: by(blockedScene) },
  subscriptions: { weight: 0.15, slots: 'any', draw: by(channels.subscription) },
  'shard subscriptions': { weight: 0.05, slots: 'any', draw: by(channels.shardSubscription) },
  'subscribed mode': { weight: 0.05, slots: 'any', draw: by(channels.subscribedMode) },
  'watch conflicts': { weight: 0.15, slots: 'any', draw: by(channels.watchConflict) },
  'reply switches': { weight: 0.05, slots: 'any', draw: by(channels.replySwitch) },
  broadcasts: { weight: 0.05, slots: 'any', draw: by(channels.broadcasts) },
  tracking: { weight: 0.05, slots: 'any', draw: by(channels.tracking) },
  connection: any(2, session.connection),
  'connection state': any(0.5, session.connectionState),
  'command table': any(0.5, session.commandTable),
  databases: any(1, session.databases),
  mistakes: any(5, session.mistakes),
  'help texts': any(0.2, session.helpTexts),
  'more help texts': any(0.2, session.moreHelpTexts),
} satisfies Readonly<Record<string, Family>>;

export type FamilyName = keyof typeof families;

export const familyNames = Object.keys(families) as readonly FamilyName[];
