/**
 * Commands the proxy's table does not have: of newer servers, learned from them, and of modules,
 * configured. Valkey 9 stands for the newer server; renamed commands stand for those of a module,
 * for a server then lists them under their first name and nothing can be learned.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import type { Argument, RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { valkeyServer } from '../topology/tools.ts';
import { until } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
const renamed = [
  ...['--rename-command', 'GETRANGE', 'my.range', '--rename-command', 'SETRANGE', 'my.put'],
  ...['--rename-command', 'OBJECT', 'my.object'],
];
const commands = [
  { name: 'my.range', key: 1, writes: false },
  { name: 'my.put', key: 1, writes: true },
  { name: 'my.object', key: 2, writes: false },
  { name: 'get', key: 3, writes: true },
];
let world: World;
let valkey: RedisServer;
let valkeys: Cluster;
let redis: RedisServer;
let cluster: Cluster;

before(async () => {
  const program = await valkeyServer();
  [valkey, valkeys, redis, cluster, world] = await Promise.all([
    startRedis(stage, { name: 'valkey', program }),
    startCluster(stage, { masters: 3, replicas: 0, program }),
    startRedis(stage, { name: 'renamed', settings: renamed }),
    startCluster(stage, { masters: 3, replicas: 0, settings: renamed }),
    startWorld(stage, { proxies: 1 }),
  ]);
  // A dedicated tenant has its backend for itself, so each server is known by two names.
  const bodies = {
    valkey: standaloneBody(valkey),
    valkeys: clusterBody(valkeys),
    redis: standaloneBody(redis, { commands }),
    cluster: clusterBody(cluster, { commands }),
  };
  const { api } = world;
  for (const [name, body] of Object.entries(bodies)) {
    const isolation = { mode: 'prefix', prefix: `${name}:` } as const;
    const readOnly = { ...isolation, prefix: `${name}-reads:` };
    await api.put(`/v1/backends/own-${name}`, body);
    await api.put(`/v1/backends/part-${name}`, body);
    await createTenant(api, `own-${name}`, { routes: [`own-${name}`] });
    await createTenant(api, `part-${name}`, { routes: [`part-${name}`], isolation });
    const reads = { routes: [`part-${name}`], isolation: readOnly, readOnly: true };
    await createTenant(api, `reads-${name}`, reads);
  }
});

const login = (tenant: string): Promise<RawClient> =>
  world.proxy.connect({ auth: [`${tenant}.default`, ''] });

/** Programs of hash fields with a time to live; the same from every way to the server. */
const fields: readonly (readonly Argument[])[] = [
  ['HSET', 'h', 'a', '1', 'b', '2', 'c', '3'],
  ['HEXPIRE', 'h', 1000, 'FIELDS', 2, 'a', 'none'],
  ['HPEXPIRE', 'h', 500_000, 'NX', 'FIELDS', 1, 'b'],
  ['HTTL', 'h', 'FIELDS', 3, 'a', 'c', 'none'],
  ['HEXPIREAT', 'h', 4_000_000_000, 'FIELDS', 1, 'c'],
  ['HEXPIRETIME', 'h', 'FIELDS', 1, 'c'],
  ['HPEXPIREAT', 'h', 4_000_000_000_500, 'FIELDS', 1, 'c'],
  ['HPEXPIRETIME', 'h', 'FIELDS', 1, 'c'],
  ['HPERSIST', 'h', 'FIELDS', 2, 'a', 'a'],
  ['HPTTL', 'h', 'FIELDS', 1, 'a'],
  ['HGETEX', 'h', 'PERSIST', 'FIELDS', 2, 'b', 'none'],
  ['HSETEX', 'h', 'EX', 100, 'FIELDS', 1, 'd', '4'],
  ['HGETDEL', 'h', 'FIELDS', 2, 'd', 'none'],
  ['HGETALL', 'h'],
  ['HTTL', 'h', 'FIELDS', 0],
  ['HTTL', 'h'],
  ['SET', 's', 'v'],
  ['DELIFEQ', 's', 'other'],
  ['DELIFEQ', 's', 'v'],
  ['MSETEX', 2, 'm{t}', '1', 'n{t}', '2', 'EX', 100],
  ['GET', 'n{t}'],
  ['DEL', 'h'],
];

test('hash fields live and expire through the proxy as on the server itself', async () => {
  const direct = await valkey.connect();
  const expected = await direct.pipeline(fields);
  assert.equal(expected.filter((reply) => reply instanceof ReplyError).length, 2);
  for (const tenant of ['own-valkey', 'part-valkey', 'own-valkeys', 'part-valkeys']) {
    const client = await login(tenant);
    assert.deepEqual(await client.pipeline(fields), expected, tenant);
    client.close();
  }
  const keys = await direct.ask('KEYS', '*');
  assert.deepEqual((keys as string[]).sort(), ['m{t}', 'n{t}', 'valkey:m{t}', 'valkey:n{t}']);
  direct.close();
});

test('clients are told the Redis that the server calls itself, not its own version', async () => {
  const direct = await valkey.connect();
  const info = String(await direct.call('INFO', 'server'));
  for (const tenant of ['own-valkey', 'part-valkeys']) {
    const client = await login(tenant);
    const told = /^redis_version:.*$/m.exec(String(await client.call('INFO', 'server')))?.[0];
    assert.ok(told !== undefined && info.includes(`${told}\r\n`), `${tenant}: ${told}`);
    client.close();
  }
  direct.close();
});

test('an older server answers for itself that it lacks a newer command', async () => {
  const direct = await redis.connect();
  for (const tenant of ['own-redis', 'part-redis']) {
    const client = await login(tenant);
    const reply = await client.ask('HTTL', 'h', 'FIELDS', 1, 'a');
    assert.match(String(reply), /ERR unknown command 'HTTL'/, tenant);
    client.close();
  }
  direct.close();
});

test('a read-only user may read with them and not write', async () => {
  const client = await login('reads-valkey');
  assert.deepEqual(await client.ask('HTTL', 'h', 'FIELDS', 1, 'a'), [-2]);
  for (const command of [
    ['HEXPIRE', 'h', 10, 'FIELDS', 1, 'a'],
    ['HGETEX', 'h', 'FIELDS', 1, 'a'],
    ['DELIFEQ', 's', 'v'],
  ]) {
    assert.match(String(await client.ask(...command)), /NOPERM/);
  }
  client.close();
});

test('what a server lists beside the table, and could not be confined, is not passed on', async () => {
  const client = await login('own-valkey');
  for (const command of [
    ['CLUSTERSCAN', '0'],
    ['COMMANDLOG', 'LEN', 'slow'],
    ['NOSUCH', 'k'],
  ]) {
    assert.match(String(await client.ask(...command)), /ERR unknown command/);
  }
  client.close();
});

for (const backend of ['redis', 'cluster']) {
  test(`configured commands are served on ${backend}: prefixed, in order, in pipelines`, async () => {
    for (const tenant of [`own-${backend}`, `part-${backend}`]) {
      const client = await login(tenant);
      const keys = Array.from({ length: 30 }, (_, index) => `key:${index}`);
      const program = keys.flatMap((key, index) => [
        ['SET', key, `value ${index}`],
        ['MY.PUT', key, 6, `${index + 1} `],
        ['my.range', key, 0, 5],
        ['GET', key],
        ['My.Object', 'ENCODING', key],
      ]);
      const expected = keys.flatMap((_, index): Value[] => {
        const after = `value ${index + 1} `;
        return ['OK', after.length, 'value ', after, 'raw'];
      });
      assert.deepEqual(await client.pipeline(program), expected, tenant);
      const transaction = [
        ...[['MULTI'], ['SET', 'm', 'abc'], ['MY.PUT', 'm', 1, 'x'], ['MY.RANGE', 'm', 0, 1]],
        ['EXEC'],
      ];
      assert.deepEqual((await client.pipeline(transaction)).at(-1), ['OK', 3, 'ax'], tenant);
      const broken = await client.pipeline([['MULTI'], ['MY.NONE', 'm'], ['EXEC']]);
      assert.match(broken.join(), /OK,.*unknown command 'MY.NONE'.*EXECABORT/, tenant);
      assert.match(
        String(await client.ask('MY.RANGE')),
        /wrong number of arguments for 'my.range' command/,
      );
      client.close();
    }
    const reader = await login(`reads-${backend}`);
    assert.match(String(await reader.ask('MY.PUT', 'key:0', 0, 'x')), /NOPERM/);
    assert.equal(await reader.ask('MY.RANGE', 'key:0', 0, 1), '');
    reader.close();
  });
}

test('a change of the list counts from the next command', async () => {
  const client = await login('own-redis');
  assert.equal(await client.ask('MY.RANGE', 'none', 0, 1), '');
  const fewer = commands.filter(({ name }) => name !== 'my.range');
  await world.api.put('/v1/backends/own-redis', standaloneBody(redis, { commands: fewer }));
  await until(async () => /unknown command/.test(String(await client.ask('MY.RANGE', 'a', 0, 1))), {
    what: 'the command to be unknown',
  });
  assert.equal(await client.ask('MY.PUT', 'none', 0, ''), 0);
  client.close();
});
