/** A real Redis Cluster: created, resharded and failed over by plain CLUSTER commands. */

import { freePort } from '../../scripts/test/port.ts';
import { type Certificate, makeCertificate } from './certificate.ts';
import { calmMs, failover, hastyMs, setNodeTimeout } from './cluster-failover.ts';
import { ask, type ClusterNode, firstOf, isMaster } from './cluster-node.ts';
import type { RawClient } from './raw-client.ts';
import { type RedisServer, startRedis } from './redis.ts';
import type { Value } from './reply.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

export interface ClusterOptions {
  readonly masters?: number;
  /** Replicas in all, dealt out to the masters in turn. */
  readonly replicas?: number;
  readonly password?: string;
  readonly tls?: boolean;
  readonly settings?: readonly string[];
  /** Another server than redis-server that takes its arguments. */
  readonly program?: string;
}

export type { ClusterNode } from './cluster-node.ts';

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  readonly seeds: readonly { host: string; port: number }[];
  readonly password: string | undefined;
  readonly authority: string | undefined;
  /** Live masters that own slots, as the first of them sees it. */
  masters(): Promise<ClusterNode[]>;
  /** The master that owns `slot` now. */
  nodeOf(slot: number): Promise<ClusterNode>;
  /**
   * Moves one slot with its keys by SETSLOT and MIGRATE while clients go on; `onImporting` runs
   * halfway.
   */
  migrateSlot(slot: number, to: ClusterNode, onImporting?: () => Promise<void>): Promise<void>;
  /** `graceful`: CLUSTER FAILOVER; `kill9` kills the master. Resolves with the new master. */
  failover(master: ClusterNode, how: 'graceful' | 'kill9'): Promise<ClusterNode>;
  /** While `act` runs, a silent node soon counts as dead. */
  hastily<T>(act: () => Promise<T>): Promise<T>;
  /** Waits until every live node reports cluster_state:ok and agrees on the owners of all slots. */
  settled(): Promise<void>;
  /** Runs one command on every live master. */
  onMasters(run: (client: RawClient) => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

const slots = 16_384;
const keysPerMigrate = 50;
/** Some seconds: the handshake of two nodes ends within `cluster-node-timeout`. */
const greetingProbes = 150;

/**
 * Starts the nodes, joins them, gives the masters even slot ranges and the replicas a master each.
 */
export async function startCluster(stage: Stage, options: ClusterOptions = {}): Promise<Cluster> {
  const masters = options.masters ?? 3;
  const count = masters + (options.replicas ?? 3);
  const certificate = options.tls === true ? makeCertificate(stage.folder('tls')) : undefined;
  const servers = await Promise.all(
    Array.from({ length: count }, (_, index) => startNode(stage, options, index, certificate)),
  );
  const nodes = await Promise.all(
    servers.map(async (server) => ({ id: String(await ask(server, 'CLUSTER', 'MYID')), server })),
  );
  const cluster = clusterOf(nodes, options);
  // Nodes that find each other dead soon also speak to each other often.
  await cluster.hastily(async () => {
    await join(nodes, masters);
    await cluster.settled();
  });
  return cluster;
}

async function startNode(
  stage: Stage,
  options: ClusterOptions,
  index: number,
  certificate: Certificate | undefined,
): Promise<RedisServer> {
  const busPort = await freePort();
  return startRedis(stage, {
    name: `cluster node ${index}`,
    ...(options.program === undefined ? {} : { program: options.program }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(certificate === undefined ? {} : { certificate }),
    settings: [
      ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
      ...['--cluster-node-timeout', String(calmMs)],
      ...['--cluster-replica-validity-factor', '0', '--repl-ping-replica-period', '1'],
      ...(options.settings ?? []),
    ],
  });
}

async function join(nodes: readonly ClusterNode[], masters: number): Promise<void> {
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error('a cluster needs nodes');
  for (const [index, node] of nodes.entries()) {
    // Distinct epochs from the start; equal ones would have to be settled by collisions first.
    await ask(node.server, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    if (index >= masters) continue;
    const range = [(index * slots) / masters, ((index + 1) * slots) / masters].map(Math.floor);
    await ask(node.server, 'CLUSTER', 'ADDSLOTSRANGE', range[0] ?? 0, (range[1] ?? 0) - 1);
  }
  const busPort = await busPortOf(first.server);
  const greet = async () => {
    for (const { server } of others) {
      await ask(server, 'CLUSTER', 'MEET', '127.0.0.1', first.server.port, busPort);
    }
  };
  await greet();
  let probes = 0;
  const haveMet = async () => {
    // Who does not hear the other's greeting in time forgets about it: it is said again.
    if (++probes % greetingProbes === 0) await greet();
    for (const node of nodes) if (!(await knows(node, nodes))) return false;
    return true;
  };
  await until(haveMet, { what: 'all nodes to meet' });
  for (const [index, node] of nodes.slice(masters).entries()) {
    const master = nodes[index % masters];
    if (master !== undefined) await ask(node.server, 'CLUSTER', 'REPLICATE', master.id);
  }
  for (const node of nodes.slice(masters)) {
    await until(async () => /master_link_status:up/.test(await info(node.server, 'replication')), {
      what: 'a replica to follow its master',
    });
  }
}

function clusterOf(nodes: readonly ClusterNode[], options: ClusterOptions): Cluster {
  const live = (): ClusterNode[] => nodes.filter((node) => node.server.child().running());
  const owners = async (): Promise<Ownership[]> => {
    // A replica is the last to hear of a slot that moved.
    for (const node of live()) if (await isMaster(node)) return ownersFrom(node, nodes);
    throw new Error('no master is left');
  };
  const nodeOf = async (slot: number): Promise<ClusterNode> => {
    const found = (await owners()).find((each) => slot >= each.from && slot <= each.to);
    if (found === undefined) throw new Error(`no master owns slot ${slot}`);
    return found.node;
  };
  const settled = async (): Promise<void> => {
    await until(async () => agreed(live(), nodes), { what: 'the cluster to agree and be ok' });
  };
  const hastily = async <T>(act: () => Promise<T>): Promise<T> => {
    await setNodeTimeout(live(), hastyMs);
    try {
      return await act();
    } finally {
      await setNodeTimeout(live(), calmMs);
    }
  };
  return {
    nodes,
    seeds: nodes.map(({ server }) => ({ host: server.host, port: server.port })),
    password: options.password,
    authority: firstOf(nodes).server.certificate?.authority,
    masters: async () => [...new Set((await owners()).map((each) => each.node))],
    nodeOf,
    settled,
    migrateSlot: async (slot, to, onImporting) => {
      const from = await nodeOf(slot);
      if (from !== to) await migrate(live(), from, to, slot, onImporting);
    },
    failover: (master, how) =>
      hastily(async () => {
        const next = await failover(live(), master, how);
        await settled();
        return next;
      }),
    hastily,
    onMasters: async (run) => {
      for (const node of new Set((await owners()).map((each) => each.node))) {
        const client = await node.server.connect();
        await run(client).finally(() => client.close());
      }
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => node.server.stop()));
    },
  };
}

async function migrate(
  live: readonly ClusterNode[],
  from: ClusterNode,
  to: ClusterNode,
  slot: number,
  onImporting?: () => Promise<void>,
): Promise<void> {
  await ask(to.server, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
  await ask(from.server, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  let passes = 0;
  for (;;) {
    const keys = await ask(from.server, 'CLUSTER', 'GETKEYSINSLOT', slot, keysPerMigrate);
    if (!Array.isArray(keys) || keys.length === 0) break;
    const auth = from.server.password === undefined ? [] : ['AUTH', from.server.password];
    const target = [to.server.host, to.server.port, '', 0, 5_000];
    await ask(from.server, 'MIGRATE', ...target, ...auth, 'KEYS', ...keys.map(String));
    passes += 1;
    if (passes === 1) await onImporting?.();
  }
  // The new owner first, so that a client sent there by MOVED is never sent back.
  await ask(to.server, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  await ask(from.server, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  for (const node of live) {
    if (await isMaster(node)) await ask(node.server, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }
}

interface Ownership {
  readonly from: number;
  readonly to: number;
  readonly node: ClusterNode;
}

async function ownersFrom(asked: ClusterNode, nodes: readonly ClusterNode[]): Promise<Ownership[]> {
  const ranges = await ask(asked.server, 'CLUSTER', 'SLOTS');
  if (!Array.isArray(ranges)) throw new Error('CLUSTER SLOTS is not a list');
  return ranges.map((range: Value) => {
    const [from, to, master] = range as [number, number, [string, number, string]];
    const node = nodes.find((each) => each.id === master[2]);
    if (node === undefined) throw new Error(`unknown node ${master[2]}`);
    return { from, to, node };
  });
}

async function agreed(
  live: readonly ClusterNode[],
  nodes: readonly ClusterNode[],
): Promise<boolean> {
  const views = new Set<string>();
  for (const node of live) {
    const state = String(await ask(node.server, 'CLUSTER', 'INFO'));
    if (!/cluster_state:ok/.test(state) || !/cluster_slots_ok:16384/.test(state)) return false;
    const owners = await ownersFrom(node, nodes);
    if (owners.some((each) => !live.includes(each.node))) return false;
    const view = owners.map((each) => `${each.from}-${each.to}@${each.node.id}`).sort();
    views.add(
      [...view, ...rolesIn(String(await ask(node.server, 'CLUSTER', 'NODES')), live)].join(),
    );
  }
  return views.size === 1;
}

/**
 * `id master` or `id slave <master id>` of every live node; a voter that errs here denies its vote.
 */
function rolesIn(nodesText: string, live: readonly ClusterNode[]): string[] {
  const lines = nodesText.trim().split('\n');
  return live.map(({ id }) => {
    const [, , flags = '', master = ''] = (lines.find((line) => line.startsWith(id)) ?? '').split(
      ' ',
    );
    return `${id} ${flags.replace('myself,', '')} ${master}`;
  });
}

async function knows(node: ClusterNode, nodes: readonly ClusterNode[]): Promise<boolean> {
  const text = String(await ask(node.server, 'CLUSTER', 'NODES'));
  return nodes.every((each) => text.includes(each.id)) && !text.includes('handshake');
}

async function busPortOf(server: RedisServer): Promise<number> {
  const reply = await ask(server, 'CONFIG', 'GET', 'cluster-port');
  return Number(Array.isArray(reply) ? reply[1] : 0);
}

async function info(server: RedisServer, section: string): Promise<string> {
  return String(await ask(server, 'INFO', section));
}
