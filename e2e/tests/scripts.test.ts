/** Scripts and functions through the proxy: on every shard, given again when lost, confined to their tenant. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { ReplyError } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
let world: World;
let alone: RedisServer;
let shared: RedisServer;
let cluster: Cluster;
let spread: Cluster;

before(async () => {
  [alone, shared, cluster, spread, world] = await Promise.all([
    startRedis(stage, { name: 'alone' }),
    startRedis(stage, { name: 'shared' }),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startWorld(stage, { proxies: 2 }),
  ]);
  const { api } = world;
  await api.put('/v1/backends/alone', standaloneBody(alone));
  await api.put('/v1/backends/shared', standaloneBody(shared));
  await api.put('/v1/backends/cluster', clusterBody(cluster));
  await api.put('/v1/backends/spread', clusterBody(spread));
  const prefix = (text: string) => ({ mode: 'prefix', prefix: text }) as const;
  await createTenant(api, 'own-server', { routes: ['alone'] });
  await createTenant(api, 'own-cluster', { routes: ['cluster'] });
  await createTenant(api, 'prefix-one', { isolation: prefix('one:'), routes: ['shared'] });
  await createTenant(api, 'prefix-two', { isolation: prefix('two:'), routes: ['shared'] });
  await createTenant(api, 'db-one', { isolation: { mode: 'db' }, routes: ['shared'] });
  await createTenant(api, 'prefix-cluster', { isolation: prefix('pc:'), routes: ['spread'] });
});

const login = (tenant: string, proxy = world.proxies[0]): Promise<RawClient> =>
  (proxy as World['proxy']).connect({ auth: [`${tenant}.default`, ''] });

const sha = (body: string): string => createHash('sha1').update(body).digest('hex');
const setGet = "redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], redis.call('GET', KEYS[1])}";
const tenants = ['own-server', 'own-cluster', 'prefix-one', 'db-one', 'prefix-cluster'];

for (const tenant of tenants) {
  test(`EVAL and EVALSHA do for ${tenant} what one Redis does`, async () => {
    const client = await login(tenant);
    for (let key = 0; key < 20; key++) {
      const name = `script:${key}`;
      assert.deepEqual(await client.ask('EVAL', setGet, 1, name, key), [name, String(key)]);
      assert.deepEqual(await client.ask('EVALSHA', sha(setGet), 1, name, 'x'), [name, 'x']);
      assert.equal(await client.ask('GET', name), 'x');
    }
    assert.equal(await client.ask('EVAL', 'return 7', 0), 7);
    const unknown = await client.ask('EVALSHA', '0'.repeat(40), 0);
    assert.match(String(unknown), /NOSCRIPT/);
    const errors = [
      ['EVAL', 'return 1', 'x'],
      ['EVAL', 'return 1', 2, 'k'],
      ['EVAL', 'return 1', -1],
    ] as const;
    const direct = await alone.connect();
    for (const args of errors) {
      assert.deepEqual(await client.raw(...args), await direct.raw(...args), args.join(' '));
    }
    direct.close();
    client.close();
  });

  test(`a script of ${tenant} loaded once runs on every shard, even after the servers lost it`, async () => {
    const client = await login(tenant);
    const body = `return {ARGV[1], '${tenant} loaded', redis.call('INCR', KEYS[1])}`;
    assert.equal(await client.ask('SCRIPT', 'LOAD', body), sha(body));
    assert.deepEqual(await client.ask('SCRIPT', 'EXISTS', sha(body), '0'.repeat(40)), [1, 0]);
    const nodes = [...cluster.nodes, ...spread.nodes].map((node) => node.server);
    const servers = [alone, shared, ...nodes];
    for (const server of servers) {
      const direct = await server.connect();
      assert.equal(await direct.ask('SCRIPT', 'FLUSH'), 'OK');
      direct.close();
    }
    for (let key = 0; key < 20; key++) {
      const reply = await client.ask('EVALSHA', sha(body), 1, `loaded:${key}`, 'a');
      assert.deepEqual(reply, ['a', `${tenant} loaded`, 1]);
    }
    client.close();
  });
}

test('a script that does not compile is as unknown as Redis says, whoever was sent it', async () => {
  const direct = await alone.connect();
  for (const tenant of tenants) {
    const client = await login(tenant);
    for (const give of [
      ['EVAL', 'not Lua: eval', 0] as const,
      ['SCRIPT', 'LOAD', 'not Lua'] as const,
    ]) {
      const digest = sha(String(give[0] === 'EVAL' ? give[1] : give[2]));
      assert.match(String(await client.ask(...give)), /Error compiling script/);
      const reply = await client.raw('EVALSHA', digest, 0);
      assert.deepEqual(reply, await direct.raw('EVALSHA', digest, 0), `${tenant} ${give[0]}`);
      assert.deepEqual(await client.ask('SCRIPT', 'EXISTS', digest), [0]);
    }
    client.close();
  }
  direct.close();
});

test('a lost script that a younger command of the same keys went ahead of is answered as Redis would', async () => {
  const client = await login('own-server');
  const body = "return redis.call('APPEND', KEYS[1], 's')";
  await client.ask('SCRIPT', 'LOAD', body);
  const direct = await alone.connect();
  await direct.ask('SCRIPT', 'FLUSH');
  const [first, second] = await client.pipeline([
    ['EVALSHA', sha(body), 1, 'order'],
    ['APPEND', 'order', 'a'],
  ]);
  assert.match(String(first), /NOSCRIPT/);
  assert.equal(second, 1);
  assert.equal(await client.ask('GET', 'order'), 'a');
  direct.close();
  client.close();
});

test('keys of several slots are one error, whoever asks', async () => {
  for (const tenant of ['own-cluster', 'prefix-cluster']) {
    const client = await login(tenant);
    assert.match(String(await client.ask('EVAL', 'return 1', 2, 'a', 'b')), /CROSSSLOT/);
    assert.equal(await client.ask('EVAL', 'return #KEYS', 2, '{t}a', '{t}b'), 2);
    client.close();
  }
});

test('tenants on one server never reach each other, nor know each other’s scripts', async () => {
  const [one, two, db] = await Promise.all([
    login('prefix-one'),
    login('prefix-two'),
    login('db-one'),
  ]);
  await two.ask('SET', 'theirs', 'secret');
  for (const client of [one, db]) {
    for (const key of ['theirs', 'two:theirs']) {
      const reply = await client.ask('EVAL', `return redis.call('GET', '${key}')`, 0);
      assert.ok(reply instanceof ReplyError, String(reply));
      const declared = await client.ask('EVAL', "return redis.call('GET', KEYS[1])", 1, key);
      assert.equal(declared, null);
    }
  }
  const body = "return 'of two'";
  await two.ask('SCRIPT', 'LOAD', body);
  assert.match(String(await one.ask('EVALSHA', sha(body), 0)), /NOSCRIPT/);
  for (const words of [
    ['SCRIPT', 'FLUSH'],
    ['FUNCTION', 'LIST'],
    ['FCALL', 'f', 0],
  ] as const) {
    assert.match(String(await one.ask(...words)), /refused here/, words.join(' '));
  }
  for (const client of [one, two, db]) client.close();
});

for (const tenant of ['own-server', 'own-cluster']) {
  test(`functions of ${tenant} are loaded, called, listed and deleted on every shard`, async () => {
    const client = await login(tenant);
    const library = `#!lua name=lib
      local function put(keys, args) return redis.call('SET', keys[1], args[1]) end
      local function see(keys) return redis.call('GET', keys[1]) end
      redis.register_function('put', put)
      redis.register_function{function_name='see', callback=see, flags={'no-writes'}}`;
    assert.equal(await client.ask('FUNCTION', 'LOAD', library), 'lib');
    assert.match(String(await client.ask('FUNCTION', 'LOAD', library)), /already exists/);
    for (let key = 0; key < 10; key++) {
      assert.equal(await client.ask('FCALL', 'put', 1, `f:${key}`, key), 'OK');
      assert.equal(await client.ask('FCALL_RO', 'see', 1, `f:${key}`), String(key));
    }
    assert.match(JSON.stringify(await client.ask('FUNCTION', 'LIST')), /lib/);
    const dump = await client.ask('FUNCTION', 'LIST', 'WITHCODE');
    assert.match(JSON.stringify(dump), /register_function/);
    assert.equal(await client.ask('FUNCTION', 'DELETE', 'lib'), 'OK');
    assert.match(String(await client.ask('FCALL', 'put', 1, 'f:1', 1)), /Function not found/);
    assert.equal(await client.ask('SCRIPT', 'FLUSH'), 'OK');
    assert.match(String(await client.ask('EVALSHA', sha(setGet), 1, 'a', 'b')), /NOSCRIPT/);
    client.close();
  });
}

for (const tenant of ['own-server', 'own-cluster']) {
  test(`a script of ${tenant} that does not end is ended, while the server is busy with it`, async () => {
    const nodes = cluster.nodes.map((node) => node.server);
    for (const server of tenant === 'own-server' ? [alone] : nodes) {
      const direct = await server.connect();
      assert.equal(await direct.ask('CONFIG', 'SET', 'busy-reply-threshold', 50), 'OK');
      direct.close();
    }
    const [stuck, other] = [await login(tenant), await login(tenant)];
    assert.match(String(await other.ask('SCRIPT', 'KILL')), /NOTBUSY/);
    const reply = stuck.ask('EVAL', 'while true do end', 0);
    const killed = async () => (await other.ask('SCRIPT', 'KILL')) === 'OK';
    await until(killed, { what: 'the script to be killed' });
    assert.match(String(await reply), /Script killed by user/);
    assert.equal(await stuck.ask('SET', 'after', 1), 'OK');
    stuck.close();
    other.close();
  });
}

test('a read-only user may run scripts of the _RO kind only', async () => {
  const user = { readOnly: true, secret: { none: true } };
  await world.api.putApplied('/v1/tenants/own-server/users/reader', user);
  const client = await world.proxy.connect({ auth: ['own-server.reader', ''] });
  assert.match(String(await client.ask('EVAL', setGet, 1, 'k', 'v')), /NOPERM/);
  assert.match(String(await client.ask('EVALSHA', sha(setGet), 1, 'k', 'v')), /NOPERM/);
  assert.equal(await client.ask('EVAL_RO', "return redis.call('GET', KEYS[1])", 1, 'none'), null);
  assert.match(String(await client.ask('EVAL_RO', setGet, 1, 'k', 'v')), /Write commands/);
  client.close();
});
