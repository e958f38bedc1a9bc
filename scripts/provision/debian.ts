/** Programs out of Debian packages: unpacked if possible, installed by root if not. */
import { symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { installPackages, unpackPackages, writeLauncher } from './apt.ts';
import { onPath, type Way } from './tool.ts';

/** The ways to `programs`, paths as in the packages without the first slash: `usr/bin/redis-cli`. */
export function debianWays(packages: readonly string[], programs: readonly string[]): Way[] {
  const unpack = async (into: string) => {
    const root = join(into, 'root');
    await unpackPackages(packages, root);
    for (const program of programs) {
      await writeLauncher(join(into, basename(program)), root, program);
    }
  };
  const names = programs.map((program) => basename(program));
  return [{ label: 'from a Debian package', fetch: unpack }, installWay(packages, names)];
}

/** For programs that do not run from where they were unpacked; open to root alone. */
export function installWay(packages: readonly string[], names: readonly string[]): Way {
  const fetch = async (into: string) => {
    await installPackages(packages);
    for (const name of names) {
      const [installed] = onPath(name);
      if (installed === undefined) throw new Error(`${packages.join(', ')} brought no ${name}`);
      await symlink(installed, join(into, name));
    }
  };
  return { label: 'by installing a Debian package', fetch };
}
