/** Which test files there are, of which kind, and which of them were asked for. */
import { globSync } from 'node:fs';
import { sep } from 'node:path';

/** unit: pure; int: beside the code, with a real server; e2e: stories over real processes. */
export const kinds = ['unit', 'int', 'e2e'] as const;
export type Kind = (typeof kinds)[number];

export interface TestFile {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly kind: Kind;
}

export interface Selection {
  readonly files: readonly TestFile[];
  /** Names of tests to run in them; null runs every one. */
  readonly namePattern: RegExp | null;
}

/** Every test file of the project, unit first, then by path. */
export function findTestFiles(root: string): TestFile[] {
  const exclude = (path: string) => path === 'node_modules' || path.endsWith(`${sep}node_modules`);
  const paths = globSync('*/**/*.test.ts', { cwd: root, exclude });
  const files = paths
    .map((path) => path.split(sep).join('/'))
    .map((path) => {
      return { path, kind: kindOf(path) };
    });
  const order = (file: TestFile) => `${kinds.indexOf(file.kind)} ${file.path}`;
  return files.toSorted((one, other) => (order(one) < order(other) ? -1 : 1));
}

export function kindOf(path: string): Kind {
  if (path.startsWith('e2e/tests/')) return 'e2e';
  return path.endsWith('.int.test.ts') ? 'int' : 'unit';
}

/**
 * Words that are kinds choose kinds (none: all of them). Any other word chooses the files whose
 * path holds it, or, when there is none, the tests whose name does.
 */
export function select(all: readonly TestFile[], words: readonly string[]): Selection {
  const isKind = (word: string): word is Kind => (kinds as readonly string[]).includes(word);
  const wanted = words.filter(isKind);
  const filters = words.filter((word) => !isKind(word));
  const ofKind = all.filter(({ kind }) => wanted.length === 0 || wanted.includes(kind));
  if (filters.length === 0) return { files: ofKind, namePattern: null };
  const byPath = ofKind.filter(({ path }) => filters.some((word) => path.includes(word)));
  if (byPath.length > 0) return { files: byPath, namePattern: null };
  return { files: ofKind, namePattern: new RegExp(filters.map(literal).join('|'), 'i') };
}

/** `text` as a regular expression that matches it. */
function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
