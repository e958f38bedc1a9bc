/** A network of the test's own: kernel buffers of a known size, and nobody else's TCP memory. */
import { spawnSync } from 'node:child_process';

const marker = 'RESPOOL_TEST_PRIVATE_NETWORK';

/** Whether this process already runs in one. */
export function inPrivateNetwork(): boolean {
  return process.env[marker] === 'yes';
}

/** Send buffers of at most 256 KiB, as an operator of many slow clients would set them. */
const enter = [
  'ip link set lo up',
  'sysctl -qw net.ipv4.tcp_wmem="4096 16384 262144"',
  'exec "$0" "$@"',
].join(' && ');

/** Whether this machine and user can have one: needs root, util-linux and iproute2. */
export function canHavePrivateNetwork(): boolean {
  return spawnSync('unshare', ['--net', 'sh', '-c', enter, 'true']).status === 0;
}

/** Runs a test file again inside a network of its own; its output, and whether it passed. */
export function runInPrivateNetwork(file: string): { passed: boolean; output: string } {
  const args = ['--net', 'sh', '-c', enter, process.execPath, '--test', file];
  const env: NodeJS.ProcessEnv = { ...process.env, [marker]: 'yes' };
  // Set by the runner for its children: a runner inside would report to it instead of to us.
  delete env['NODE_TEST_CONTEXT'];
  const child = spawnSync('unshare', args, { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return { passed: child.status === 0, output: `${child.stdout}${child.stderr}` };
}
