/** Which file imports which: the edges that the import rules of STYLE.md are about. */
import { posix } from 'node:path';
import type { Source } from './sources.ts';

export interface Import {
  readonly from: string;
  readonly line: number;
  /** As written. */
  readonly specifier: string;
  /** Path in the project; null for packages of others and for Node's own modules. */
  readonly target: string | null;
  /** Gone once the types are stripped. */
  readonly isType: boolean;
}

/** Static imports, re-exports and `import()` of a literal, as the formatter leaves them. */
const importText =
  /^(?:import|export)\b[^'";]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;

/** Packages of this repository are named `@respool/<folder>` and export `src/*.ts` as `*`. */
const ownPackage = /^@respool\/([^/]+)\/(.+)$/;

export function importsOf({ path, text }: Source): Import[] {
  return [...text.matchAll(importText)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const line = text.slice(0, match.index).split('\n').length;
    const isType = /^(?:import|export) type\b/.test(match[0]);
    return { from: path, line, specifier, target: targetOf(path, specifier), isType };
  });
}

function targetOf(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  const own = ownPackage.exec(specifier);
  return own === null ? null : `${own[1]}/src/${own[2]}.ts`;
}

/**
 * Cycles among the files, each once, as the paths along it; the last imports the first. Types may
 * go round in circles: nothing of them is left when the files are loaded.
 */
export function cyclesOf(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, target, isType } of imports) {
    if (target === null || isType) continue;
    targets.set(from, [...(targets.get(from) ?? []), target]);
  }
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(trail.slice(start));
    if (start >= 0 || finished.has(path)) return;
    for (const target of targets.get(path) ?? []) walk(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of targets.keys()) walk(path, []);
  return cycles;
}
