/** nutcracker (twemproxy): one pool, one thread; ketama over three servers in the cluster table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../../scripts/test/port.ts';
import { type Backend, temporaryFolder } from '../backends.ts';
import { cores, type Server, startServer } from '../process.ts';
import { versionLine } from '../tools.ts';
import type { RunningTarget, Target, TargetContext } from './target.ts';

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

/**
 * At its own verbosity, 5, nutcracker asks for the peer's name once per request, for a log line it
 * then does not write; 4 saves a third of its CPU time when pipelined.
 */
const variants = [
  { variant: '', verbosity: '5' },
  { variant: 'quiet', verbosity: '4' },
] as const;

export const nutcracker: Target = {
  name: 'nutcracker',
  setup:
    'One pool, `redis: true`, `preconnect: true`, mbuf size as it comes. As Debian installs it ' +
    'and, `quiet`, with `-v 4`. It cannot serve Redis Cluster: in the cluster table the quiet ' +
    'one spreads keys over three standalone servers by ketama, which asks less of it than slots ' +
    'and a topology would, so no bar stands beside those rows.',
  start: async (context, table) => {
    const backend = await context.backend(table === 'cluster' ? 'ketama' : 'standalone');
    const running: RunningTarget[] = [];
    for (const { variant, verbosity } of table === 'cluster' ? variants.slice(1) : variants) {
      const [port, statsPort] = (await freePorts(2)) as [number, number];
      const { pid, gone } = await startNutcracker(context, backend, { port, statsPort, verbosity });
      const endpoint = { port, credentials: null };
      running.push({ name: 'nutcracker', variant, endpoint, pid, gone, backend, keyPrefix: '' });
    }
    return running;
  },
  version: async (tools) =>
    versionLine(await tools.nutcracker(), ['--version'], /nutcracker-(\S+)/),
};

async function startNutcracker(
  { scope, tools }: TargetContext,
  { nodes }: Backend,
  { port, statsPort, verbosity }: { port: number; statsPort: number; verbosity: string },
): Promise<Server> {
  const folder = temporaryFolder(scope, 'nutcracker');
  const file = join(folder, 'nutcracker.yml');
  const servers = nodes.map((node) => node.port);
  writeFileSync(file, nutcrackerConfig(port, servers));
  return await startServer(scope, {
    command: await tools.nutcracker(),
    args: [
      ...['-c', file, '-p', join(folder, 'nutcracker.pid'), '-o', join(folder, 'nutcracker.log')],
      ...['-a', '127.0.0.1', '-s', String(statsPort), '-v', verbosity],
    ],
    core: cores.measured,
    port,
    folder,
  });
}
