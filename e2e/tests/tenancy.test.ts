/**
 * Tenants on one backend: kept apart by prefix, by database, or alone; no key of one is seen by
 * another.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { ReplyError } from '../topology/reply.ts';
import { singleKeySamples } from '../topology/single-key-commands.ts';
import { useStage } from '../topology/stage.ts';
import {
  clusterBody,
  createTenant,
  standaloneBody,
  startWorld,
  type TenantOptions,
  type World,
} from '../topology/world.ts';

const stage = useStage();
let world: World;
let shared: RedisServer;
let alone: RedisServer;
let reference: RedisServer;
let cluster: Cluster;

const tenants: Readonly<Record<string, TenantOptions>> = {
  'prefix-one': { isolation: { mode: 'prefix', prefix: 'one:' }, routes: ['shared'] },
  'prefix-two': { isolation: { mode: 'prefix', prefix: 'two.' }, routes: ['shared'] },
  'cluster-one': { isolation: { mode: 'prefix', prefix: 'c1-' }, routes: ['cluster'] },
  'cluster-two': { isolation: { mode: 'prefix', prefix: 'c2-' }, routes: ['cluster'] },
  'db-one': { isolation: { mode: 'db' }, routes: ['shared'] },
  'db-two': { isolation: { mode: 'db' }, routes: ['shared'] },
  'own-server': { isolation: { mode: 'dedicated' }, routes: ['alone'] },
};

before(async () => {
  [shared, alone, reference, cluster, world] = await Promise.all([
    startRedis(stage, { name: 'shared' }),
    startRedis(stage, { name: 'alone' }),
    startRedis(stage, { name: 'reference' }),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startWorld(stage, { proxies: 1 }),
  ]);
  await world.api.put('/v1/backends/shared', standaloneBody(shared));
  await world.api.put('/v1/backends/alone', standaloneBody(alone));
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  for (const [id, options] of Object.entries(tenants)) await createTenant(world.api, id, options);
});

describe('every single-key command answers as Redis does', () => {
  for (const tenant of Object.keys(tenants)) {
    test(`for tenant ${tenant}`, async () => {
      const [direct, proxied] = [await reference.connect(), await login(tenant)];
      await direct.call('FLUSHALL');
      for (const { args } of singleKeySamples()) {
        const want = (await direct.raw(...args)).toString('latin1');
        const got = (await proxied.raw(...args)).toString('latin1');
        assert.equal(got, want, args.join(' '));
      }
      const dump = Buffer.from([0, 1, 0x31, 0x0a, 0]);
      const badPayload = await proxied.ask('RESTORE', 'r', 0, dump);
      assert.match(String(badPayload), /DUMP payload version or checksum/);
      direct.close();
      proxied.close();
    });
  }
});

test('multi-key commands answer as Redis does, in the order of the keys', async () => {
  for (const tenant of Object.keys(tenants)) {
    const client = await login(tenant);
    const keys = Array.from({ length: 30 }, (_, index) => `multi:${index}`);
    assert.equal(
      await client.ask('MSET', ...keys.flatMap((key) => [key, `${tenant} ${key}`])),
      'OK',
    );
    const backwards = [...keys].reverse();
    assert.deepEqual(await client.ask('MGET', ...backwards, 'none', keys[0] ?? ''), [
      ...backwards.map((key) => `${tenant} ${key}`),
      null,
      `${tenant} multi:0`,
    ]);
    assert.equal(await client.ask('EXISTS', ...keys, ...keys, 'none'), 60);
    assert.equal(await client.ask('TOUCH', ...keys, 'none'), 30);
    assert.equal(await client.ask('DEL', ...keys.slice(0, 10), 'multi:0'), 10);
    assert.equal(await client.ask('UNLINK', ...keys), 20);
    client.close();
  }
});

test('no tenant sees or touches a key of another', async () => {
  const clients = await Promise.all(Object.keys(tenants).map(login));
  for (const [index, client] of clients.entries()) await client.call('SET', 'same', index);
  for (const [index, client] of clients.entries()) {
    assert.equal(await client.ask('GET', 'same'), String(index));
  }
  assert.equal(await clients[0]?.ask('DEL', 'same'), 1);
  for (const [index, client] of clients.entries()) {
    assert.equal(await client.ask('EXISTS', 'same'), index === 0 ? 0 : 1);
  }
  for (const client of clients) client.close();
});

test('on the server, keys stand under their prefix or in their database, and nowhere else', async () => {
  const direct = await shared.connect();
  const inDatabase = async (database: number): Promise<string[]> => {
    await direct.call('SELECT', database);
    return (await direct.call('KEYS', '*')) as string[];
  };
  const zero = await inDatabase(0);
  assert.ok(zero.length >= 10, `${zero}`);
  const strays = zero.filter((key) => !key.startsWith('one:') && !key.startsWith('two.'));
  assert.deepEqual(strays, []);
  const databases: unknown[] = [];
  for (const tenant of ['db-one', 'db-two']) {
    const { body } = await world.api.get(`/v1/tenants/${tenant}/routes/shared`);
    databases.push((body as { database: number }).database);
  }
  assert.deepEqual(databases, [1, 2], 'allocated by the control plane, in the order of creation');
  assert.ok((await inDatabase(1)).includes('h') && (await inDatabase(2)).includes('h'));
  for (let database = 3; database < 16; database += 1) {
    assert.deepEqual(await inDatabase(database), [], `database ${database}`);
  }
  direct.close();
});

test('what reaches outside a confined tenant is refused, not guessed', async () => {
  for (const tenant of ['prefix-one', 'db-one', 'cluster-one']) {
    const client = await login(tenant);
    assert.equal(await client.call('SADD', 'list', 1, 2), 2);
    const outside: readonly (readonly string[])[] = [
      ['MOVE', 'list', '1'],
      ['SWAPDB', '0', '1'],
      ['CONFIG', 'SET', 'maxmemory', '1'],
      ['DEBUG', 'SLEEP', '0'],
      ['SHUTDOWN'],
      ['REPLICAOF', 'NO', 'ONE'],
      ['MIGRATE', '127.0.0.1', '1', 'list', '0', '10'],
      ['FUNCTION', 'FLUSH'],
      ['SCRIPT', 'FLUSH'],
      ['COPY', 'list', 'copy', 'DB', '1'],
    ];
    for (const command of outside) {
      const reply = await client.ask(...command);
      assert.ok(
        reply instanceof ReplyError,
        `${tenant}: ${command.join(' ')} gave ${String(reply)}`,
      );
    }
    assert.equal(await client.ask('SCARD', 'list'), 2);
    await client.call('DEL', 'list');
    client.close();
  }
});

test('what is about all keys, or names others by a pattern, stays inside its tenant', async () => {
  const neighbours = {
    'prefix-one': 'prefix-two',
    'cluster-one': 'cluster-two',
    'db-one': 'db-two',
  };
  for (const [tenant, neighbour] of Object.entries(neighbours)) {
    const [client, other] = [await login(tenant), await login(neighbour)];
    await client.call('FLUSHALL');
    await other.call('MSET', 'theirs', 'secret', 'w_1', '2', 'w_2', '1');
    await client.call('RPUSH', 'list', 1, 2);
    await client.call('MSET', 'w_1', '1', 'w_2', '2', 'v_1', 'one', 'v_2', 'two');
    const sorted = await client.ask('SORT', 'list', 'BY', 'w_*', 'GET', 'v_*', 'GET', 'theirs*');
    assert.deepEqual(sorted, ['one', null, 'two', null], tenant);
    const keys = await client.ask('KEYS', '*');
    assert.deepEqual((keys as string[]).toSorted(), ['list', 'v_1', 'v_2', 'w_1', 'w_2'], tenant);
    assert.equal(await client.ask('DBSIZE'), 5, tenant);
    assert.equal(await client.ask('FLUSHALL'), 'OK', tenant);
    assert.equal(await client.ask('DBSIZE'), 0, tenant);
    assert.equal(await other.ask('GET', 'theirs'), 'secret', tenant);
    await other.call('FLUSHDB');
    client.close();
    other.close();
  }
});

test('SELECT: fixed for a tenant in db mode, free for a dedicated standalone server', async () => {
  const confined = await login('db-one');
  assert.equal(await confined.ask('SELECT', 0), 'OK');
  assert.ok((await confined.ask('SELECT', 2)) instanceof ReplyError);
  confined.close();
  const [one, two] = [await login('own-server'), await login('own-server')];
  assert.equal(await one.ask('SELECT', 5), 'OK');
  assert.equal(await one.ask('SET', 'selected', 'five'), 'OK');
  assert.equal(await two.ask('GET', 'selected'), null, 'another session stays in its database');
  assert.match(String(await one.ask('SELECT', 16)), /out of range/);
  assert.match(String(await one.ask('SELECT', 'x')), /value is not an integer or out of range/);
  assert.match(String(await one.ask('SELECT', 2 ** 31)), /must between -2147483648 and 2147483647/);
  assert.equal(await one.ask('GET', 'selected'), 'five');
  assert.equal(await one.ask('RESET'), 'RESET');
  one.close();
  two.close();
  const split = await login('cluster-one');
  assert.equal(await split.ask('SELECT', 0), 'OK');
  assert.ok((await split.ask('SELECT', 1)) instanceof ReplyError);
  split.close();
});

test('two tenants may not share a dedicated backend, nor overlapping prefixes', async () => {
  const dedicated = await world.api.request('POST', '/v1/changes', {
    changes: [
      {
        op: 'put',
        kind: 'tenant',
        id: 'guest',
        value: { isolation: { mode: 'prefix', prefix: 'g:' } },
      },
      { op: 'put', kind: 'route', tenant: 'guest', id: 'alone', value: { backend: 'alone' } },
    ],
  });
  assert.equal(dedicated.status, 409, JSON.stringify(dedicated.body));
  const overlap = await world.api.request('POST', '/v1/changes', {
    changes: [
      {
        op: 'put',
        kind: 'tenant',
        id: 'guest',
        value: { isolation: { mode: 'prefix', prefix: 'one:x' } },
      },
      { op: 'put', kind: 'route', tenant: 'guest', id: 'shared', value: { backend: 'shared' } },
    ],
  });
  assert.equal(overlap.status, 409, JSON.stringify(overlap.body));
  assert.match(JSON.stringify(overlap.body), /conflict-isolation/);
});

function login(tenant: string): Promise<RawClient> {
  return world.proxy.connect({ auth: [tenant, 'any'] });
}
