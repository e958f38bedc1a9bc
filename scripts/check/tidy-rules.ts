/** The house rules that no linter knows: names, first lines, lengths, leftovers (STYLE.md). */
import { posix } from 'node:path';
import type { Complaint, Source } from './sources.ts';

export const fileLinesMax = 300;
export const lineColumnsMax = 100;

/** Kebab case, with the suffixes that test files and declarations carry. */
const nameRule = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:int|property|fuzz))?(?:\.test)?\.(?:ts|mjs)$/;
const vagueNames = ['index', 'utils', 'util', 'helpers', 'helper', 'common', 'misc'];

/** Spelled in pieces, or this file would break its own rule. */
const leftover = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);
/** Homes and work folders of one machine; `/tmp` and `/usr/bin` are on every one. */
const machinePath = new RegExp(
  `(?<![\\w.])/(?:${['home', 'root', 'work', 'Users'].join('|')})/\\w`,
);

export function tidyComplaints(source: Source): Complaint[] {
  const { path, text } = source;
  const name = posix.basename(path);
  const complain = (message: string, line = 1): Complaint => ({ path, line, message });
  const found: Complaint[] = [];
  if (!nameRule.test(name)) found.push(complain('file names are kebab-case'));
  if (vagueNames.includes(name.split('.')[0] ?? '')) {
    found.push(complain('a file is named for what it holds'));
  }
  if (!/^\/\*\*(?: [^*\s]|\n \* \S)/.test(text)) {
    found.push(complain('the first line is a docstring that says what lives here'));
  }
  const lines = text.trimEnd().split('\n');
  if (lines.length > fileLinesMax) {
    found.push(complain(`${lines.length} lines, more than ${fileLinesMax}`, lines.length));
  }
  return [...found, ...lines.flatMap((line, index) => lineComplaints(path, line, index + 1))];
}

function lineComplaints(path: string, text: string, line: number): Complaint[] {
  const found: Complaint[] = [];
  if (leftover.test(text)) found.push({ path, line, message: 'a leftover: do it or drop it' });
  if (machinePath.test(text)) found.push({ path, line, message: 'a path of one machine' });
  if (text.length > lineColumnsMax && !isUnbreakable(text)) {
    found.push({ path, line, message: `${text.length} columns, more than ${lineColumnsMax}` });
  }
  return found;
}

/** A literal that would have to be cut in two: the formatter leaves those alone. */
function isUnbreakable(text: string): boolean {
  return /(['"/]).{60,}\1|`/.test(text) || /^\s*(?:\*|\/\/).*https?:\/\//.test(text);
}
