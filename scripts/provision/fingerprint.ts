/** Names for folders that are made from files: a few digits that change with any of them. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Twelve hex digits of SHA-256 over `files`, names apart, in the order given, and over `extra`. */
export async function fingerprint(files: readonly string[], ...extra: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file);
    hash.update(`${content.length}\n`).update(content);
  }
  return hash.update(extra.join('\n')).digest('hex').slice(0, 12);
}

/** Paths of the files in `folder` with one of the `endings`, sorted; folders in it are not read. */
export async function filesIn(folder: string, endings: readonly string[]): Promise<string[]> {
  const names = await readdir(folder);
  const wanted = names.filter((name) => endings.some((ending) => name.endsWith(ending)));
  return wanted.toSorted().map((name) => join(folder, name));
}
