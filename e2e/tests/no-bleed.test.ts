/**
 * No session ever shows another's MULTI, WATCH, database, name, subscriptions, tracking, silence or
 * bytes, however its predecessor on a server's connection ended.
 *
 * Method: sessions of seven tenants (by prefix, by database, with a server of their own;
 * standalone and cluster) run at once over a handful of server connections. Every key, value, name
 * and message carries its owner's mark, and each session knows the exact reply to everything it
 * does with keys of its own; keys and channels of the same names are used by all tenants.
 * Connections are destroyed in the middle of frames, transactions, blocking commands,
 * subscriptions, scripts and replies; who comes next looks around first. When all is quiet, what
 * the dead never finished must not have happened, and every byte on the servers must lie with its
 * owner. RESPOOL_TEST_SEED and RESPOOL_TEST_STEPS repeat a run; the same sessions over a careless
 * pool prove that it would show.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startCarelessPool } from '../no-bleed/careless-pool.ts';
import { deathKinds } from '../no-bleed/deaths.ts';
import { fuzz } from '../no-bleed/fuzz.ts';
import type { Place } from '../no-bleed/life.ts';
import { buried, strays } from '../no-bleed/sweep.ts';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { connectRaw } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  patientProxy,
  standaloneBody,
  startWorld,
  type TenantOptions,
  type World,
} from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);
const steps = Number(process.env['RESPOOL_TEST_STEPS'] ?? 12_000);
/** For so many sessions that some always wait for one. */
const fewOwned = { RESPOOL_OWNED_CONNECTIONS_MAX: '6' };
let world: World;
let shared: RedisServer;
let alone: RedisServer;
let cluster: Cluster;

const prefix = (text: string) => ({ mode: 'prefix', prefix: text }) as const;
const tenants: Readonly<Record<string, TenantOptions>> = {
  'prefix-one': { isolation: prefix('one:'), routes: ['shared'] },
  'prefix-two': { isolation: prefix('two:'), routes: ['shared'] },
  'db-one': { isolation: { mode: 'db' }, routes: ['shared'] },
  'db-two': { isolation: { mode: 'db' }, routes: ['shared'] },
  own: { isolation: { mode: 'dedicated' }, routes: ['alone'] },
  'cluster-one': { isolation: prefix('one:'), routes: ['cluster'] },
  'cluster-two': { isolation: prefix('two:'), routes: ['cluster'] },
};

before(async () => {
  [shared, alone, cluster, world] = await Promise.all([
    startRedis(stage, { name: 'shared' }),
    startRedis(stage, { name: 'alone' }),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startWorld(stage, { proxies: 1, proxyEnv: { ...patientProxy, ...fewOwned } }),
  ]);
  await world.api.put('/v1/backends/shared', standaloneBody(shared));
  await world.api.put('/v1/backends/alone', standaloneBody(alone));
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  for (const [id, options] of Object.entries(tenants)) await createTenant(world.api, id, options);
});

function placeOf(tenant: string): Place {
  const auth = [tenant, 'any'];
  return {
    connect: (protocol) => world.proxy.connect({ auth, protocol }),
    login: ['AUTH', ...auth],
    databases: tenant === 'own' ? 4 : 1,
  };
}

test(`${steps} steps of seven tenants, seed ${seed}`, async (context) => {
  const places = Object.fromEntries(Object.keys(tenants).map((id) => [id, placeOf(id)]));
  const report = await fuzz({ seed, steps, sessionsPerTenant: 4, places });
  context.diagnostic(`${report.steps} steps, ${report.lives} lives, ${shown(report.deaths)}`);
  assert.deepEqual(report.complaints, [], `seed ${seed}`);
  const servers = [shared, alone, ...cluster.nodes.map(({ server }) => server)];
  await until(async () => (await Promise.all(servers.map(waiting))).every((count) => count === 0), {
    what: 'nobody to wait any more',
  });
  for (const [tenant, remains] of Object.entries(report.remains)) {
    const client = await placeOf(tenant).connect(2);
    assert.deepEqual(await buried(client, remains), [], `${tenant}, seed ${seed}`);
    client.close();
  }
  await everythingAtHome();
});

/** Prefixes and databases as the control plane gave them. */
async function everythingAtHome(): Promise<void> {
  const byPrefix = (one: string, two: string) => (key: string) => {
    if (key.startsWith('one:')) return one;
    return key.startsWith('two:') ? two : 'nobody';
  };
  for (const { server } of cluster.nodes) {
    const client = await server.connect();
    assert.deepEqual(await strays(client, byPrefix('cluster-one', 'cluster-two')), []);
    client.close();
  }
  const client = await shared.connect();
  assert.deepEqual(await strays(client, byPrefix('prefix-one', 'prefix-two')), []);
  for (const [database, tenant] of [
    [1, 'db-one'],
    [2, 'db-two'],
  ] as const) {
    await client.call('SELECT', database);
    assert.deepEqual(await strays(client, () => tenant), []);
  }
  client.close();
}

async function waiting(server: RedisServer): Promise<number> {
  const client = await server.connect();
  const text = String(await client.call('INFO', 'clients'));
  client.close();
  return Number(/^blocked_clients:(\d+)/m.exec(text)?.[1]);
}

test(`tenants that share a server with nothing between are caught, seed ${seed}`, async () => {
  await emptied();
  const place: Place = {
    connect: (protocol) => connectRaw({ ...alone.address, protocol }),
    login: null,
    databases: 1,
  };
  const places = { one: place, two: place };
  const report = await fuzz({ seed, steps: 2_000, sessionsPerTenant: 3, places });
  assert.match(report.complaints.join('\n'), /heard bytes of (?:one|two)/);
});

/** Ends that leave nothing behind, or nothing that the next session can tell. */
const harmless = ['idle', 'mid-EXEC'];

describe('a pool that cleans no connection is caught when a session ended', () => {
  for (const kind of deathKinds.filter((one) => !harmless.includes(one))) {
    test(`${kind}, seed ${seed}`, async () => {
      await emptied();
      const pool = await startCarelessPool(alone.port);
      const place: Place = {
        // A connection left in silence or blocked does not even greet.
        connect: (protocol) => connectRaw({ port: pool.port, protocol, deadlineMs: 1_000 }),
        login: null,
        databases: 4,
      };
      const found = await fuzz({
        ...{ seed, steps: 400, sessionsPerTenant: 2, places: { one: place } },
        ...{ stepsPerLifeMax: 0, deaths: [kind] },
      }).catch((error: unknown) => ({ complaints: [String(error)] }));
      await pool.stop();
      assert.notDeepEqual(found.complaints, []);
    });
  }
});

async function emptied(): Promise<void> {
  const client = await alone.connect();
  await client.call('FLUSHALL');
  client.close();
}

function shown(deaths: Readonly<Record<string, number>>): string {
  return Object.entries(deaths)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}
