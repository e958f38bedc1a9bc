/** The Redis servers behind the proxies: one standalone, a cluster of three masters, or three alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from '../../scripts/test/port.ts';
import type { BackendKind } from './cases.ts';
import { cores, startServer, until } from './process.ts';
import type { Scope } from './scope.ts';

const masters = 3;
const slots = 16_384;

export interface RedisNode {
  port: number;
  pid: number;
  gone: AbortSignal;
  /** A connection of the bench itself, for filling and for reading counters. */
  client: Redis;
}

export interface Backend {
  kind: BackendKind;
  nodes: readonly RedisNode[];
}

/** A folder that goes when the scope ends. */
export function temporaryFolder(scope: Scope, name: string): string {
  scope.assertOpen();
  const folder = mkdtempSync(join(tmpdir(), `respool-bench-${name}-`));
  scope.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** RESP2 and no CLIENT command: nutcracker would close the connection on either. */
export function plainClient(
  scope: Scope,
  port: number,
  credentials: { user: string; password: string } | null = null,
): Redis {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    retryStrategy: null,
    ...(credentials === null ? {} : { username: credentials.user, password: credentials.password }),
  });
  // Failures reach the caller through the command that was waiting for its reply.
  client.on('error', () => undefined);
  scope.add(() => client.disconnect());
  return client;
}

export interface RedisOptions {
  binary: string;
  core: number;
  port: number;
  extra?: readonly string[];
}

/** A redis-server that writes nothing to disk. */
export async function startRedis(scope: Scope, options: RedisOptions): Promise<RedisNode> {
  const { pid, gone } = await startServer(scope, {
    command: options.binary,
    args: [
      ...['--port', String(options.port), '--bind', '127.0.0.1'],
      ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
      ...(options.extra ?? []),
    ],
    core: options.core,
    port: options.port,
    folder: temporaryFolder(scope, 'redis'),
  });
  return { port: options.port, pid, gone, client: plainClient(scope, options.port) };
}

export async function startBackend(
  scope: Scope,
  binary: string,
  kind: BackendKind,
): Promise<Backend> {
  if (kind === 'cluster') return { kind, nodes: await startCluster(scope, binary) };
  const ports = await freePorts(kind === 'ketama' ? masters : 1);
  const nodes: RedisNode[] = [];
  for (const port of ports) {
    nodes.push(await startRedis(scope, { binary, core: cores.others, port }));
  }
  return { kind, nodes };
}

async function startCluster(scope: Scope, binary: string): Promise<RedisNode[]> {
  // The bus port is given, because port + 10,000 may be taken or past 65,535.
  const ports = await freePorts(masters * 2);
  const nodes: RedisNode[] = [];
  for (let i = 0; i < masters; i++) {
    const extra = ['--cluster-enabled', 'yes', '--cluster-port', String(ports[masters + i])];
    nodes.push(await startRedis(scope, { binary, core: cores.others, port: ports[i]!, extra }));
  }
  for (const [i, { client }] of nodes.entries()) {
    const first = Math.round((slots * i) / masters);
    const last = Math.round((slots * (i + 1)) / masters) - 1;
    await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    await client.call('CLUSTER', 'MEET', '127.0.0.1', ports[0]!, ports[masters]!);
  }
  await until('the cluster forms', async () => {
    const infos = await Promise.all(nodes.map(({ client }) => client.call('CLUSTER', 'INFO')));
    return infos.every(
      (info) =>
        String(info).includes('cluster_state:ok') &&
        String(info).includes(`cluster_known_nodes:${masters}`),
    );
  });
  return nodes;
}
