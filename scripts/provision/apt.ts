/** Debian packages, unpacked into a folder of ours: the machine stays as it was, no root needed. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { retried } from '../retry.mjs';
import { run } from './run.ts';
import { onPath } from './tool.ts';
import { toolsFolder } from './tools-folder.ts';

/** Of each file, and for another apt that is at work, as on a machine that has just been started. */
const patient = [
  'Acquire::Retries=5',
  'Acquire::http::Timeout=60',
  'Acquire::https::Timeout=60',
  'DPkg::Lock::Timeout=300',
].flatMap((option) => ['-o', option]);

// Installing redis-server would also start it as a service on port 6379; unpacking does not.

/**
 * Downloads `packages` and those of their dependencies that are not installed, and unpacks them all
 * into `into`. Uses the machine's package lists, or lists of its own where those are missing or
 * old.
 */
export async function unpackPackages(packages: readonly string[], into: string): Promise<void> {
  if (await areKnown(packages)) {
    // A list that is some weeks old names package files that the archive no longer has.
    const isDone = await downloadAndUnpack(packages, into, []).then(
      () => true,
      () => false,
    );
    if (isDone) return;
  }
  const options = await refreshedLists();
  await retried(() => downloadAndUnpack(packages, into, options));
}

/** Installs packages for the whole machine; only root can. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('only root can install packages');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = [...patient, 'install', '--yes', '--no-install-recommends', ...packages];
  if (await areKnown(packages)) {
    const done = await run('apt-get', install, { env }).then(
      () => true,
      () => false,
    );
    if (done) return;
  }
  await retried(async () => {
    await run('apt-get', [...patient, 'update'], { env });
    await run('apt-get', install, { env });
  });
}

/**
 * Writes `program`, which starts `inside` (a path inside the unpacked `root` beside it) with the
 * libraries unpacked there. It replaces itself, so signals and process id are the program's own.
 */
export async function writeLauncher(program: string, root: string, inside: string): Promise<void> {
  const folders = (await libraryFolders(root)).map((folder) => `$here/${folder}`);
  const script = [
    '#!/bin/sh',
    '# Starts a program unpacked from a Debian package, with the libraries unpacked beside it.',
    'here=$(dirname "$(readlink -f "$0")")/root',
    `export LD_LIBRARY_PATH="${folders.join(':')}"`,
    `exec "$here/${inside}" "$@"`,
  ];
  await writeFile(program, `${script.join('\n')}\n`, { mode: 0o755 });
}

async function libraryFolders(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const parent of ['usr/lib', 'lib']) {
    const names = await readdir(join(root, parent)).catch(() => []);
    const perMachine = names.filter((name) => name.endsWith('-linux-gnu'));
    found.push(...perMachine.map((name) => `${parent}/${name}`));
  }
  return found;
}

async function areKnown(packages: readonly string[]): Promise<boolean> {
  if (onPath('apt-cache').length === 0) throw new Error('this machine has no apt');
  const printed = await run('apt-cache', ['policy', ...packages]);
  const candidates = printed.match(/Candidate: (?!\(none\))/g) ?? [];
  return candidates.length === packages.length;
}

/** Package lists in a folder of ours, as options for apt: `apt-get update` proper needs root. */
async function refreshedLists(): Promise<string[]> {
  const folder = join(toolsFolder(), 'apt');
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  const places = [
    `Dir::State::Lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'Debug::NoLocking=1',
    // As root apt would fetch as the user _apt, who cannot write here.
    'APT::Sandbox::User=root',
  ];
  const options = places.flatMap((place) => ['-o', place]);
  await retried(() => run('apt-get', [...patient, ...options, 'update']));
  return options;
}

async function downloadAndUnpack(
  packages: readonly string[],
  into: string,
  options: readonly string[],
): Promise<void> {
  const wanted = [...packages, ...(await missingDependencies(packages, options))];
  await mkdir(into, { recursive: true });
  const archives = `${into}.deb`;
  // What an earlier try left there may be of another version.
  await rm(archives, { recursive: true, force: true });
  await mkdir(archives, { recursive: true });
  const unsandboxed = [...patient, '-o', 'APT::Sandbox::User=root'];
  await run('apt-get', [...options, ...unsandboxed, 'download', ...wanted], { folder: archives });
  for (const name of await readdir(archives)) {
    await run('dpkg', ['-x', join(archives, name), into]);
  }
  await rm(archives, { recursive: true });
}

/** What the packages need, and what that needs, down to what is installed. */
async function missingDependencies(
  packages: readonly string[],
  options: readonly string[],
): Promise<string[]> {
  const installed = await installedPackages();
  const missing = new Set<string>();
  let level: readonly string[] = packages;
  while (level.length > 0) {
    const printed = await run('apt-cache', [...options, 'depends', '--important', ...level]);
    const needed = firstOfEach(printed, installed).filter((name) => !packages.includes(name));
    level = needed.filter((name) => !missing.has(name));
    for (const name of level) missing.add(name);
  }
  return [...missing];
}

async function installedPackages(): Promise<ReadonlySet<string>> {
  const printed = await run('dpkg', ['--get-selections']);
  const lines = printed.split('\n').map((line) => line.split(/\s+/));
  const installed = lines.filter(([, state]) => state === 'install' || state === 'hold');
  return new Set(installed.map(([name]) => name?.split(':')[0] ?? ''));
}

/**
 * One package for each dependency in the output of `apt-cache depends` that nothing installed
 * meets. A line that starts with `|` can be met by the next line instead; `<name>` is a virtual
 * package, and the lines indented below it are those that provide it.
 */
export function firstOfEach(printed: string, installed: ReadonlySet<string>): string[] {
  const chosen: string[] = [];
  let alternatives: string[] = [];
  let more = false;
  const close = () => {
    const first = alternatives[0];
    if (first !== undefined && !alternatives.some((name) => installed.has(name)))
      chosen.push(first);
    alternatives = [];
  };
  for (const line of printed.split('\n')) {
    const dependency = /^ ([ |])(?:Pre)?Depends: (\S+)$/.exec(line);
    const provider = /^ {4}(\S+)$/.exec(line);
    if (dependency !== null) {
      const [, mark, name = ''] = dependency;
      if (!more) close();
      more = mark === '|';
      if (!name.startsWith('<')) alternatives.push(name.replace(/:any$/, ''));
    } else if (provider !== null) {
      alternatives.push(provider[1] ?? '');
    }
  }
  close();
  return chosen;
}
