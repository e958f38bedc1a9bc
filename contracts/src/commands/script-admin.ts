/** SCRIPT and FUNCTION: which of a cluster's primaries each of them is for. */

/**
 * `every`: done by all primaries. `asked`: asked of all of them. `any`: ended where it runs.
 * `one`: told by one primary, for all of them are given the same.
 */
export type Reach = 'every' | 'asked' | 'any' | 'one';

/** By full name; the carrier has its steps by the same names. */
export const scriptAdmin = {
  'script|load': 'every',
  'script|exists': 'asked',
  'script|flush': 'every',
  'script|kill': 'any',
  'script|help': 'one',
  'function|kill': 'any',
  'function|load': 'every',
  'function|delete': 'every',
  'function|flush': 'every',
  'function|restore': 'every',
  'function|list': 'one',
  'function|dump': 'one',
  'function|stats': 'one',
  'function|help': 'one',
} as const satisfies Readonly<Record<string, Reach>>;

export type ScriptAdmin = keyof typeof scriptAdmin;

/** Those that one primary answers alone. */
export type ToldByOne = {
  [Name in ScriptAdmin]: (typeof scriptAdmin)[Name] extends 'one' ? Name : never;
}[ScriptAdmin];

const reachNotes: Readonly<Record<Exclude<Reach, 'one'>, string>> = {
  every: 'to every primary; an error says how many did it',
  asked: 'asked of every primary: 1 where all have it, or this proxy, which gives it again',
  any: 'to every primary; an error only where none had a script to end',
};

/** Of a cluster: what goes to all of its primaries and how, or null where one answers. */
export function reachNote(name: string): string | null {
  const reach = reachOf(name);
  return reach === 'one' ? null : reachNotes[reach];
}

/** Whether any one primary has the words. */
export function isToldByOne(name: string): boolean {
  return reachOf(name) === 'one';
}

function reachOf(name: string): Reach {
  return (scriptAdmin as Readonly<Record<string, Reach>>)[name] ?? 'one';
}
