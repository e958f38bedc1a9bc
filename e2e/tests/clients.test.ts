/** redis-cli with its default options, and every way to log in, on standalone and cluster. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startCluster } from '../topology/cluster.ts';
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { run } from '../topology/run.ts';
import { useStage } from '../topology/stage.ts';
import { redisCli } from '../topology/tools.ts';
import { until, within } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
const password = 'a password, with: colon';
let world: World;
let single: RedisServer;

before(async () => {
  const [cluster] = await Promise.all([
    startCluster(stage),
    startRedis(stage).then((started) => {
      single = started;
    }),
    startWorld(stage, { proxies: 1, defaultTenant: 'open' }).then((started) => {
      world = started;
    }),
  ]);
  await world.api.put('/v1/backends/single', standaloneBody(single));
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  const isolation = (prefix: string) => ({ isolation: { mode: 'prefix', prefix } as const });
  await createTenant(world.api, 'single', { ...isolation('s:'), password, routes: ['single'] });
  await createTenant(world.api, 'cluster', { ...isolation('c:'), password, routes: ['cluster'] });
  await createTenant(world.api, 'open', { ...isolation('o:'), routes: ['cluster'] });
});

for (const tenant of ['single', 'cluster']) {
  describe(`a client of tenant ${tenant}`, () => {
    for (const protocol of ['-2', '-3']) {
      test(`redis-cli ${protocol} sets, gets, splits and reads errors`, async () => {
        const args = [
          protocol,
          '-p',
          String(world.proxy.port),
          '--user',
          tenant,
          '--pass',
          password,
        ];
        const input = [
          'PING',
          'SET cli:1 one',
          'MSET cli:2 two cli:3 three',
          'MGET cli:1 cli:2 cli:3 cli:none',
          'HSET cli:h field value',
          'HGETALL cli:h',
          'LPUSH cli:1 x',
          'EXISTS cli:1 cli:2 cli:3 cli:4',
          'DEL cli:1 cli:2 cli:3 cli:h',
        ].join('\n');
        const result = await run(await redisCli(), [...args, '--no-auth-warning'], { input });
        assert.equal(result.code, 0, result.stderr);
        const direct = await run(await redisCli(), [protocol, '-p', String(single.port)], {
          input,
        });
        assert.match(direct.stdout, /WRONGTYPE/);
        assert.equal(result.stdout, direct.stdout);
      });
    }

    test('redis-cli --pipe loads raw protocol and counts every reply', async () => {
      const args = ['-p', String(world.proxy.port), '--user', tenant, '--pass', password];
      const input = Array.from({ length: 5_000 }, (_, n) => `SET pipe:${n} ${n}\r\n`).join('');
      const result = await run(await redisCli(), [...args, '--no-auth-warning', '--pipe'], {
        input,
      });
      assert.match(result.stdout, /errors: 0, replies: 5000/, result.stdout + result.stderr);
    });
  });
}

test('a client that says nothing is the default tenant where that needs no password', async () => {
  const plain = await run(await redisCli(), ['-p', String(world.proxy.port)], {
    input: 'SET hello world\nGET hello\n',
  });
  assert.equal(plain.stdout, 'OK\nworld\n');
});

test('logins: tenant.user, tenant alone, wrong passwords and HELLO with AUTH', async () => {
  const client = await connectRaw({ port: world.proxy.port });
  assert.equal(await client.ask('AUTH', 'single.default', password), 'OK');
  assert.equal(await client.ask('AUTH', 'single', password), 'OK');
  assert.match(String(await client.ask('AUTH', 'single', 'wrong')), /WRONGPASS/);
  assert.match(String(await client.ask('AUTH', 'single.nobody', password)), /WRONGPASS/);
  assert.match(String(await client.ask('AUTH', 'nobody', password)), /WRONGPASS/);
  assert.match(String(await client.ask('HELLO', 4)), /NOPROTO/);
  const hello = await client.ask('HELLO', 3, 'AUTH', 'cluster', password, 'SETNAME', 'me');
  assert.ok(Array.isArray(hello) && hello.includes('proto') && hello.includes(3));
  assert.equal(await client.ask('SET', 'hello3', '1'), 'OK');
  assert.equal(await client.ask('GET', 'none'), null);
  client.close();
});

test('a generated token alone finds its user', async () => {
  const answer = await world.api.putApplied('/v1/tenants/single/users/robot', {
    secret: { token: 'generate' },
  });
  const token = /rsp_[A-Za-z0-9_-]{43}/.exec(JSON.stringify(answer.body))?.[0];
  assert.ok(token, JSON.stringify(answer.body));
  const client = await connectRaw({ port: world.proxy.port, auth: [token] });
  assert.equal(await client.ask('SET', 'robot', 'was here'), 'OK');
  client.close();
  const named = await connectRaw({ port: world.proxy.port, auth: ['single.robot', token] });
  assert.equal(await named.ask('GET', 'robot'), 'was here');
  named.close();
});

test('QUIT is answered, closes, and leaves nothing behind', async () => {
  for (let turn = 0; turn < 50; turn += 1) {
    const client = await world.proxy.connect();
    const replies = await client.pipeline([['SET', 'quit', turn], ['GET', 'quit'], ['QUIT']]);
    assert.deepEqual(replies, ['OK', String(turn), 'OK']);
    await within(client.closed, 'the connection to close after QUIT');
  }
  const probe = await world.proxy.connect();
  await until(async () => (await connectedClients(probe)) === 1, {
    what: 'the probe to be the only client left',
  });
  probe.close();
});

async function connectedClients(probe: RawClient): Promise<number> {
  const info = String(await probe.call('INFO', 'clients'));
  return Number(/^connected_clients:(\d+)/m.exec(info)?.[1]);
}
