/** nutcracker (twemproxy): one pool, one thread; ketama over three servers in the cluster table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../backends.ts';
import { cores, freePorts, startServer } from '../process.ts';
import { versionLine } from '../tools.ts';
import type { Target } from './target.ts';

/** Source: twemproxy's notes/recommendation.md and README, "Configuration". */
export function nutcrackerConfig(port: number, servers: readonly number[]): string {
  return [
    'bench:',
    `  listen: 127.0.0.1:${port}`,
    '  redis: true',
    '  hash: fnv1a_64',
    '  distribution: ketama',
    '  preconnect: true',
    '  auto_eject_hosts: false',
    '  servers:',
    ...servers.map((server, index) => `    - 127.0.0.1:${server}:1 server${index}`),
    '',
  ].join('\n');
}

export const nutcracker: Target = {
  name: 'nutcracker',
  setup:
    'One pool, `redis: true`, `preconnect: true`, mbuf size as it comes. It cannot serve Redis ' +
    'Cluster: in the cluster table it spreads keys over three standalone servers by ketama ' +
    '(rows marked `ketama`), which asks less of it than slots and a topology would.',
  start: async ({ scope, tools, backend }, table) => {
    const servers = await backend(table === 'cluster' ? 'ketama' : 'standalone');
    const [port, statsPort] = (await freePorts(2)) as [number, number];
    const folder = temporaryFolder(scope, 'nutcracker');
    const file = join(folder, 'nutcracker.yml');
    const ports = servers.nodes.map((node) => node.port);
    writeFileSync(file, nutcrackerConfig(port, ports));
    const { pid } = await startServer(scope, {
      command: tools.nutcracker,
      args: [
        ...['-c', file, '-p', join(folder, 'nutcracker.pid')],
        ...['-a', '127.0.0.1', '-s', String(statsPort), '-v', '4'],
      ],
      core: cores.measured,
      port,
      folder,
    });
    const endpoint = { port, credentials: null };
    const variant = '';
    return [{ name: 'nutcracker', variant, endpoint, pid, backend: servers, keyPrefix: '' }];
  },
  version: (tools) => versionLine(tools.nutcracker, ['--version'], /nutcracker-(\S+)/),
};
