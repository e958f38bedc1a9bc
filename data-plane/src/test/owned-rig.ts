/** The hot path before real servers, a tenant of each isolation on each kind, and a plain server to compare with. */
import assert from 'node:assert/strict';
import { encodeRequest } from '../resp/encoder.ts';
import { HotPath, type HotPathOptions } from './hot-path.ts';
import { type RealRedis, startRealRedis } from './real-redis.ts';
import { TestClient } from './test-client.ts';

/** Tenants by name: where their keys are, and whether that is a cluster. */
export const kinds = ['dedicated', 'prefix', 'db', 'cluster', 'cluster-prefix'] as const;
export type Kind = (typeof kinds)[number];

export interface OwnedRig {
  readonly path: HotPath;
  /** What the plain Redis says is right. */
  readonly plain: RealRedis;
  readonly one: RealRedis;
  readonly three: RealRedis;
  /** Logged in as the tenant, speaking `protocol`. */
  client(kind: string, protocol?: 2 | 3): Promise<TestClient>;
  plainClient(protocol?: 2 | 3): Promise<TestClient>;
  stop(): Promise<void>;
}

const tenants: HotPathOptions['tenants'] = {
  dedicated: { backend: 'one', isolation: { mode: 'dedicated' } },
  prefix: { backend: 'one', isolation: { mode: 'prefix', prefix: 'p:' } },
  db: { backend: 'one', isolation: { mode: 'db' }, database: 1 },
  cluster: { backend: 'three', isolation: { mode: 'dedicated' } },
  'cluster-prefix': { backend: 'three', isolation: { mode: 'prefix', prefix: 'c:' } },
};

export async function startOwnedRig(given: Partial<HotPathOptions> = {}): Promise<OwnedRig> {
  const servers = await startServers();
  const clients: TestClient[] = [];
  const path = await HotPath.start({
    backends: { one: servers[1], three: servers[2] },
    ...given,
    tenants: { ...tenants, ...given.tenants },
  }).catch(async (error: unknown) => {
    await stopServers(servers);
    throw error;
  });
  const open = async (port: number, protocol: 2 | 3): Promise<TestClient> => {
    const client = await TestClient.connect(port);
    clients.push(client);
    if (protocol === 3) await client.ask('HELLO', '3');
    return client;
  };
  return {
    path,
    plain: servers[0],
    one: servers[1],
    three: servers[2],
    async client(kind, protocol = 2) {
      const client = await open(path.port, 2);
      await client.ask('HELLO', String(protocol), 'AUTH', kind, '');
      return client;
    },
    plainClient: (protocol = 2) => open(servers[0].nodes[0]!.port, protocol),
    async stop() {
      for (const client of clients) client.close();
      await path.stop();
      await stopServers(servers);
    },
  };
}

/** All or none: what is left behind would keep the test's process from ending. */
async function startServers(): Promise<[RealRedis, RealRedis, RealRedis]> {
  const started = await Promise.allSettled([1, 1, 3].map((n) => startRealRedis(n as 1 | 3)));
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return servers as [RealRedis, RealRedis, RealRedis];
  await stopServers(servers);
  throw failed.reason;
}

async function stopServers(servers: readonly RealRedis[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

/** Every key of every server gone. */
export async function flushAll(rig: OwnedRig): Promise<void> {
  const nodes = [rig.plain, rig.one, rig.three].flatMap((server) => server.nodes);
  await Promise.all(nodes.map(({ direct }) => direct.ask('FLUSHALL')));
}

const blockMsMax = 60_000;

/** Until so many clients wait at these servers: a proxy counts who waits before a server does. */
export async function untilBlockedAt(servers: readonly RealRedis[], count: number): Promise<void> {
  const deadline = performance.now() + blockMsMax;
  for (;;) {
    const blocked = await blockedAt(servers);
    if (blocked === count) return;
    assert.ok(performance.now() < deadline, `${blocked} clients wait at the servers, not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function blockedAt(servers: readonly RealRedis[]): Promise<number> {
  const nodes = servers.flatMap((server) => server.nodes);
  const texts = await Promise.all(nodes.map(({ direct }) => direct.text('INFO', 'clients')));
  return texts.reduce((sum, text) => sum + Number(/blocked_clients:(\d+)/.exec(text)?.[1]), 0);
}

/** The program in one write, and each reply as text. */
export async function pipelined(client: TestClient, program: readonly string[]): Promise<string[]> {
  client.socket.write(Buffer.concat(program.map((line) => encodeRequest(line.split(' ')))));
  const replies: string[] = [];
  for (const _ of program) replies.push((await client.next()).toString('latin1'));
  return replies;
}

/** Each program is answered byte for byte as by a plain redis-server, in one write and line by line. */
export async function assertAnsweredAsByRedis(
  rig: OwnedRig,
  kind: Kind,
  protocol: 2 | 3,
  programs: readonly (readonly string[])[],
): Promise<void> {
  for (const program of programs) {
    for (const answer of [pipelined, lineByLine]) {
      await flushAll(rig);
      const [client, plain] = await Promise.all([
        rig.client(kind, protocol),
        rig.plainClient(protocol),
      ]);
      const replies = await answer(client, program);
      assert.deepEqual(replies, await answer(plain, program), program.join('; '));
      client.close();
      plain.close();
    }
  }
}

async function lineByLine(client: TestClient, program: readonly string[]): Promise<string[]> {
  const replies: string[] = [];
  for (const line of program) replies.push(await client.text(...line.split(' ')));
  return replies;
}
