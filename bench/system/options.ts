/** Flags of the bench command. */
import { parseArgs } from 'node:util';
import { caseName } from './cases.ts';
import { type TargetName, targetNames } from './targets/target.ts';

export const tables = ['standalone', 'cluster'] as const;
export type Table = (typeof tables)[number];

export interface Options {
  targets: readonly TargetName[];
  tables: readonly Table[];
  /** Part of a case name, such as `GET P16`; every case when empty. */
  caseFilter: string;
  rounds: number;
  /** How long one measurement is meant to last. */
  seconds: number;
  /** Of each target, before the first case of a table. */
  warmUpSeconds: number;
  proxyEntry: string | null;
  /** Where the figures go; null prints them only. */
  out: string | null;
}

export const usage = `npm run bench -- [flags]
  --only respool,redis      targets: ${targetNames.join(', ')}
  --table standalone        one table instead of both: ${tables.join(', ')}
  --case "GET P16"          only cases whose name has this part
  --rounds 5                interleaved rounds, twice as many and one at depth 1; medians are shown
  --seconds 2.5             length of one measurement
  --quick                   3 rounds of 0.7 s, nothing written: a first look, not a figure to quote
  --out <folder>            write latest.json and the dated table there (default bench/results)
  --proxy-entry <file>      measure this proxy entry file as respool`;

/** Throws with the usage text on anything it does not know. */
export function parseOptions(args: readonly string[], resultsFolder: string): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      table: { type: 'string' },
      case: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
      'proxy-entry': { type: 'string' },
    },
  });
  const partial = [values.only, values.table, values.case].some((value) => value !== undefined);
  return {
    targets: chosen('--only', values.only, targetNames),
    tables: chosen('--table', values.table, tables),
    caseFilter: values.case ?? '',
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '3' : '5')),
    warmUpSeconds: values.quick ? 1 : 4,
    seconds: positive('--seconds', values.seconds ?? (values.quick ? '0.7' : '2.5')),
    proxyEntry: values['proxy-entry'] ?? null,
    // A partial or hasty run must not take the place of the committed figures unasked.
    out: values.out ?? (partial || values.quick ? null : resultsFolder),
  };
}

function chosen<T extends string>(
  flag: string,
  text: string | undefined,
  known: readonly T[],
): readonly T[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) throw new Error(`${flag}: unknown ${unknown}\n${usage}`);
  return known.filter((one) => names.includes(one));
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${flag}: ${text} is not a positive number\n${usage}`);
  return value;
}

/** Case-insensitive, so `get p1 ` finds `GET P1 64 B` and not `GET P16 64 B`. */
export function wanted(filter: string, measured: Parameters<typeof caseName>[0]): boolean {
  return caseName(measured).toLowerCase().includes(filter.toLowerCase());
}
