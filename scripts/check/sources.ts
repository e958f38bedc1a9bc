/** The source files that the house rules are held against. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Source {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** One broken rule, as `path:line message`. */
export interface Complaint {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Every file git knows or would take, besides lock and generated files, of the given endings. */
export function readSources(root: string, endings: readonly string[]): Source[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0');
  const wanted = listed.filter((path) => endings.some((ending) => path.endsWith(ending)));
  return wanted.flatMap((path) => {
    try {
      return [{ path, text: readFileSync(join(root, path), 'utf8') }];
    } catch {
      // Deleted in the working tree, and not yet in the index.
      return [];
    }
  });
}
