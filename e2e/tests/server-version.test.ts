/**
 * Clients choose features by the version they are told: it is that of the servers behind the proxy.
 * Newer servers are the real one under another version in what HELLO says.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { runClient, type Target } from '../topology/client-programs.ts';
import { assertOutcomes } from '../topology/client-world.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { type RenamedServer, startRenamed } from '../topology/renamed-server.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
let world: World;
let redis: RedisServer;
let renamed: RenamedServer;

before(async () => {
  [redis, world] = await Promise.all([startRedis(stage), startWorld(stage, { proxies: 1 })]);
  renamed = await startRenamed(stage, redis, '7.4.2');
  const address = { host: '127.0.0.1', port: renamed.port };
  await world.api.put('/v1/backends/plain', standaloneBody(redis));
  await world.api.put('/v1/backends/newer', standaloneBody(redis, { address }));
  const routes = ['plain', 'newer'];
  for (const [id, prefix] of [
    ['demo', 'd:'],
    ['newer', 'n:'],
  ] as const) {
    const isolation = { mode: 'prefix', prefix } as const;
    await createTenant(world.api, id, {
      isolation,
      routes: id === 'demo' ? routes : routes.toReversed(),
    });
  }
});

test('HELLO and INFO tell what the server itself tells', async () => {
  const direct = await redis.connect();
  const client = await world.proxy.connect();
  assert.equal(await helloOf(client), await helloOf(direct));
  assert.equal(await infoOf(client), await infoOf(direct));
  assert.equal(await infoOf(client), await helloOf(client));
  direct.close();
  client.close();
});

test('USE leads to another backend, and to its version', async () => {
  const client = await world.proxy.connect();
  assert.equal(await client.call('USE', 'newer'), 'OK');
  assert.deepEqual([await helloOf(client), await infoOf(client)], ['7.4.2', '7.4.2']);
  client.close();
});

for (const name of ['redis-py', 'Jedis'] as const) {
  test(`${name} keeps values in its memory before a server of 7.4, until they change`, async () => {
    const target: Target = {
      name: 'a server of 7.4',
      ...{ host: '127.0.0.1', port: world.proxy.port, keys: `${name}:` },
      ...{ protocol: null, user: 'newer', password: '', mode: 'single' },
    };
    assertOutcomes(await runClient(name, ['cache'], [target]));
  });
}

test('an upgraded server is told of once the proxy is connected to it again', async () => {
  renamed.become('8.0.1');
  const client = await world.proxy.connect({ auth: ['newer', ''] });
  const upgraded = async (): Promise<boolean> => {
    await client.ask('GET', 'any');
    return (await infoOf(client)) === '8.0.1';
  };
  await until(upgraded, { what: 'the new version to be told' });
  assert.equal(await helloOf(client), '8.0.1');
  client.close();
});

async function helloOf(client: RawClient): Promise<string> {
  const fields = (await client.call('HELLO')) as readonly unknown[];
  return String(fields[fields.indexOf('version') + 1]);
}

async function infoOf(client: RawClient): Promise<string | undefined> {
  return /^redis_version:(.*)\r$/m.exec(String(await client.call('INFO', 'server')))?.[1];
}
