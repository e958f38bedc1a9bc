/**
 * No session ever shows another's MULTI, WATCH, database, name, subscriptions, tracking, silence or
 * bytes, however its predecessor on a server's connection ended.
 *
 * Method: sessions of seven tenants (by prefix, by database, with a server of their own;
 * standalone and cluster) run at once over a handful of server connections. Every key, value, name
 * and message carries its owner's mark, and each session knows the exact reply to everything it
 * does with keys of its own; keys and channels of the same names are used by all tenants.
 * Connections are destroyed in the middle of frames, transactions, blocking commands,
 * subscriptions, scripts, commands over several shards and replies, while they monitor, track or
 * are at another backend; who comes next looks around first. When all is quiet, what the dead
 * never finished must not have happened, what is one piece must be whole or not there, and every
 * byte on the servers must lie with its owner. RESPOOL_TEST_SEED and RESPOOL_TEST_STEPS repeat a
 * run; the same sessions over a careless pool prove that it would show.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startCarelessPool } from '../no-bleed/careless-pool.ts';
import { deathKinds, noRemains } from '../no-bleed/deaths.ts';
import { fuzz } from '../no-bleed/fuzz.ts';
import type { Place } from '../no-bleed/life.ts';
import { buried, strays, temporaries } from '../no-bleed/sweep.ts';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { patientProxy } from '../topology/proxy.ts';
import { connectRaw } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
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
let second: RedisServer;
let alone: RedisServer;
let cluster: Cluster;

const prefix = (text: string) => ({ mode: 'prefix', prefix: text }) as const;
const tenants: Readonly<Record<string, TenantOptions>> = {
  'prefix-one': { isolation: prefix('one:'), routes: ['shared', 'second'] },
  'prefix-two': { isolation: prefix('two:'), routes: ['shared', 'second'] },
  'db-one': { isolation: { mode: 'db' }, routes: ['shared'] },
  'db-two': { isolation: { mode: 'db' }, routes: ['shared'] },
  own: { isolation: { mode: 'dedicated' }, routes: ['alone'] },
  'cluster-one': { isolation: prefix('one:'), routes: ['cluster'] },
  'cluster-two': { isolation: prefix('two:'), routes: ['cluster'] },
};

before(async () => {
  [shared, second, alone, cluster, world] = await Promise.all([
    startRedis(stage, { name: 'shared' }),
    startRedis(stage, { name: 'second' }),
    startRedis(stage, { name: 'alone' }),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startWorld(stage, { proxies: 1, proxyEnv: { ...patientProxy, ...fewOwned } }),
  ]);
  await world.api.put('/v1/backends/shared', standaloneBody(shared));
  await world.api.put('/v1/backends/second', standaloneBody(second));
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
    elsewhere: tenants[tenant]?.routes?.includes('second')
      ? { go: ['USE', 'second'], back: ['USE', 'shared'] }
      : null,
  };
}

test(`${steps} steps of seven tenants, seed ${seed}`, async (context) => {
  const places = Object.fromEntries(Object.keys(tenants).map((id) => [id, placeOf(id)]));
  const report = await fuzz({ seed, steps, sessionsPerTenant: 4, places });
  context.diagnostic(`${report.steps} steps, ${report.lives} lives, ${shown(report.deaths)}`);
  assert.deepEqual(report.complaints, [], `seed ${seed}`);
  const servers = [shared, second, alone, ...cluster.nodes.map(({ server }) => server)];
  await until(async () => (await Promise.all(servers.map(unfinished))).every((one) => one === 0), {
    what: 'nobody to wait any more, and what was begun to be over',
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
  const far = await second.connect();
  assert.deepEqual(await strays(far, byPrefix('prefix-one', 'prefix-two')), []);
  assert.notEqual(await far.call('DBSIZE'), 0);
  far.close();
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

/** Clients that wait, and keys that are there for a moment only. */
async function unfinished(server: RedisServer): Promise<number> {
  const client = await server.connect();
  const text = String(await client.call('INFO', 'clients'));
  const count = await temporaries(client);
  client.close();
  return Number(/^blocked_clients:(\d+)/m.exec(text)?.[1]) + count;
}

test(`tenants that share a server with nothing between are caught, seed ${seed}`, async () => {
  await emptied();
  const place: Place = {
    connect: (protocol) => connectRaw({ ...alone.address, protocol }),
    login: null,
    databases: 1,
    elsewhere: null,
  };
  const places = { one: place, two: place };
  const report = await fuzz({ seed, steps: 2_000, sessionsPerTenant: 3, places });
  assert.match(report.complaints.join('\n'), /heard bytes of (?:one|two)/);
});

test('what the dead should not have left is seen', async () => {
  await emptied();
  const client = await alone.connect();
  await client.pipeline([
    ...[
      ['SET', 'made', 1],
      ['SET', 'half', 1],
      ['SADD', 'part', 1],
      ['RPUSH', 'waited', 1],
    ],
    ...[
      ['XGROUP', 'CREATE', 'read', 'g', '$', 'MKSTREAM'],
      ['XADD', 'read', '*', 'f', 'v'],
    ],
    ['XREADGROUP', 'GROUP', 'g', 'me', 'STREAMS', 'read', '>'],
  ]);
  const complaints = await buried(client, {
    ...{ unmade: ['made'], unpopped: ['waited'], undelivered: ['read'] },
    ...{ together: [['half', 'other']], kept: [['from', 'to']], whole: [['part', 2]] },
  });
  assert.equal(complaints.length, Object.keys(noRemains()).length, complaints.join('\n'));
  client.close();
});

/** An end that leaves nothing behind. */
const harmless = ['idle'];

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
        // What the pool would have to clean is the same: where commands go.
        elsewhere: { go: ['SELECT', 3], back: ['SELECT', 0] },
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
