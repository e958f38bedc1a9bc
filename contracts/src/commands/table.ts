/** The generated rows, read into facts once at start. */
import assert from 'node:assert/strict';
import {
  type BeginSearch,
  Category,
  type CommandFacts,
  type FindKeys,
  Flag,
  KeyFlag,
  type KeySpec,
  requestPolicies,
  responsePolicies,
} from './facts.ts';
import { rows } from './generated/command-table.ts';
import { newerRows } from './newer-commands.ts';
import { ownRows } from './own-commands.ts';
import type { CommandRow } from './row.ts';

interface Facts extends CommandFacts {
  readonly subcommands: Map<string, CommandFacts> | null;
}

const familyNames: string[] = [];

/** Every command and subcommand, Redis's and respool's own, by `CommandFacts.id`. */
export const commands: readonly CommandFacts[] = readTable(
  [...rows, ...newerRows, ...ownRows],
  familyNames,
);

/** The groups of COMMAND DOCS: `string`, `hash`, … `generic`; by `CommandFacts.family`. */
export const families: readonly string[] = familyNames;

/** Facts of `lines`, ids in their order. `names` gets every family that it does not hold yet. */
function readTable(lines: readonly CommandRow[], names: string[]): CommandFacts[] {
  const containers = new Set(lines.flatMap((row) => parentOf(row.name) ?? []));
  const byName = new Map<string, Facts>();
  const facts: CommandFacts[] = [];
  for (const row of lines) {
    if (!names.includes(row.family)) names.push(row.family);
    const parent = parentOf(row.name);
    const one = readRow(row, facts.length, names.indexOf(row.family), containers.has(row.name));
    assert(!byName.has(row.name), `command ${row.name} stands once in the table`);
    byName.set(row.name, one);
    facts.push(one);
    if (parent === null) continue;
    const siblings = byName.get(parent)?.subcommands;
    assert(siblings, `subcommand ${row.name} stands behind its parent`);
    siblings.set(row.name.slice(parent.length + 1), one);
  }
  return facts;
}

function readRow(row: CommandRow, id: number, family: number, container: boolean): Facts {
  const tips = words(row.tips);
  const [firstKey, lastKey, keyStep] = row.keys;
  return {
    id,
    name: row.name,
    nameBytes: Buffer.from(row.name.toUpperCase(), 'latin1'),
    arity: row.arity,
    flags: bits(row.flags, Flag),
    categories: bits(row.categories, Category),
    family,
    firstKey,
    lastKey,
    keyStep,
    keySpecs: row.specs.map(readSpec),
    requestPolicy: policy(tips, 'request_policy:', requestPolicies),
    responsePolicy: policy(tips, 'response_policy:', responsePolicies),
    tips: tips.filter((tip) => !tip.includes(':')),
    subcommands: container ? new Map() : null,
    parent: parentOf(row.name),
  };
}

function readSpec(text: string): KeySpec {
  const [flags = '', begin = '', find = ''] = text.split(' / ');
  return { flags: bits(flags, KeyFlag), begin: readBegin(begin), find: readFind(find) };
}

function readBegin(text: string): BeginSearch {
  const [type, a = '', b = ''] = text.split(' ');
  if (type === 'index') return { type, index: Number(a) };
  if (type === 'keyword') return { type, keyword: a.toUpperCase(), from: Number(b) };
  assert(type === 'unknown', `begin_search is known: ${text}`);
  return { type };
}

function readFind(text: string): FindKeys {
  const [type, a = '', b = '', c = ''] = text.split(' ');
  if (type === 'range') return { type, last: Number(a), step: Number(b), limit: Number(c) };
  if (type === 'keynum') return { type, count: Number(a), first: Number(b), step: Number(c) };
  assert(type === 'unknown', `find_keys is known: ${text}`);
  return { type };
}

function policy<P extends string>(
  tips: readonly string[],
  label: string,
  known: readonly P[],
): P | null {
  const tip = tips.find((one) => one.startsWith(label))?.slice(label.length);
  if (tip === undefined) return null;
  const found = known.find((one) => one === tip);
  assert(found, `policy is known: ${label}${tip}`);
  return found;
}

function bits(text: string, known: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const word of words(text)) {
    const bit = known[word];
    assert(bit !== undefined, `word of the command table is known: ${word}`);
    sum |= bit;
  }
  return sum;
}

function words(text: string): string[] {
  return text === '' ? [] : text.split(' ');
}

function parentOf(name: string): string | null {
  const bar = name.indexOf('|');
  return bar < 0 ? null : name.slice(0, bar);
}
