/** Real redis-servers on TCP, one alone or a cluster of three, for tests beside the hot path in one process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../scripts/test/port.ts';
import { TestClient } from './test-client.ts';

const startMsMax = 60_000;
/** A machine that stands still for a while makes no node think that the others are gone. */
const nodeTimeoutMs = '60000';
const slots = 16_384;

export interface RealRedis {
  readonly nodes: readonly RealNode[];
  stop(): Promise<void>;
}

export interface RealNode {
  readonly port: number;
  /** A connection past any proxy; closed with the servers. */
  readonly direct: TestClient;
  readonly child: ChildProcess;
}

/** One server alone, or a cluster of three primaries with even slot ranges. */
export async function startRealRedis(size: 1 | 3): Promise<RealRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'respool-redis-'));
  const nodes: RealNode[] = [];
  const stop = async (): Promise<void> => {
    for (const { direct } of nodes) direct.close();
    await Promise.all(nodes.map(({ child }) => ended(child)));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (let index = 0; index < size; index++) nodes.push(await startNode(folder, size > 1));
    if (size > 1) await join3(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, stop };
}

async function startNode(folder: string, cluster: boolean): Promise<RealNode> {
  const [port, busPort] = await Promise.all([freePort(), freePort()]);
  const binary = process.env['RESPOOL_REDIS_SERVER_BIN'] ?? 'redis-server';
  const options = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
    ...['--enable-debug-command', 'yes'],
    ...(cluster
      ? [
          ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
          ...[
            '--cluster-config-file',
            `nodes-${port}.conf`,
            '--cluster-node-timeout',
            nodeTimeoutMs,
          ],
        ]
      : []),
  ];
  const child = spawn(binary, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const deadline = setTimeout(() => child.kill('SIGKILL'), startMsMax);
  const ready = /ready to accept connections/i;
  let log = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    log += String(chunk);
    if (ready.test(log)) break;
  }
  clearTimeout(deadline);
  if (!ready.test(log)) throw new Error(`redis-server did not start:\n${log}`);
  child.stdout.resume();
  return { port, direct: await TestClient.connect(port), child };
}

async function join3(nodes: readonly RealNode[]): Promise<void> {
  const [first] = nodes as [RealNode];
  const busPort = /cport:(\d+)|@(\d+)/.exec(await text(first, 'CLUSTER', 'NODES'))?.[2];
  for (const [index, node] of nodes.entries()) {
    const range = [index, index + 1].map((each) => Math.floor((each * slots) / nodes.length));
    await node.direct.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    await node.direct.ask('CLUSTER', 'ADDSLOTSRANGE', String(range[0]), String(range[1]! - 1));
    if (node !== first) {
      await node.direct.ask('CLUSTER', 'MEET', '127.0.0.1', String(first.port), String(busPort));
    }
  }
  const deadline = performance.now() + startMsMax;
  for (const node of nodes) {
    for (;;) {
      const info = await text(node, 'CLUSTER', 'INFO');
      if (/cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info)) break;
      if (performance.now() > deadline) throw new Error(`the cluster is not ok:\n${info}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function text(node: RealNode, ...args: string[]): Promise<string> {
  const reply = await node.direct.ask(...args);
  return reply.type === 'bulk' ? reply.bytes.toString() : JSON.stringify(reply);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
}
