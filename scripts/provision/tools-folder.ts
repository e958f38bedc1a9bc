/** Where downloaded programs are kept: `.respool/tools`, one folder a program and version. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from '../lock.mjs';

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Outside RESPOOL_STATE_DIR, so that a fresh state folder does not download everything again. */
export function toolsFolder(): string {
  return resolve(process.env['RESPOOL_TOOLS_DIR'] ?? join(projectRoot, '.respool', 'tools'));
}

/**
 * The folder `name` under the tools folder, filled by `fill` if it does not exist yet. It appears
 * whole or not at all, and only one of several processes fills it; the others wait for that one.
 */
export async function keptFolder(
  name: string,
  fill: (into: string) => Promise<void>,
): Promise<string> {
  const kept = join(toolsFolder(), name);
  if (existsSync(kept)) return kept;
  return await withLock(join(toolsFolder(), `${name}.lock`), async () => {
    if (existsSync(kept)) return kept;
    process.stderr.write(`respool: fetching ${name}\n`);
    const fresh = await mkdtemp(join(toolsFolder(), `${name}.new-`));
    try {
      const content = join(fresh, 'content');
      await mkdir(content);
      await fill(content);
      await rename(content, kept);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    return kept;
  });
}
