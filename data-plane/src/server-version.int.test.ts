/** Which Redis a client is told it talks to: what the servers of its backend are, oldest first. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { redisVersion } from '@respool/contracts/commands/generated/command-table';
import { itemsOf, textOf } from './resp/resp.ts';
import { HotPath } from './test/hot-path.ts';
import { Random } from './test/random.ts';
import { type RealRedis, startRealRedis } from './test/real-redis.ts';
import { noFaults, ScriptedBackend } from './test/scripted-backend.ts';
import { TestClient } from './test/test-client.ts';

let real: RealRedis;
let newer: ScriptedBackend;
let mixed: ScriptedBackend;
let silent: ScriptedBackend;
let path: HotPath;
const clients: TestClient[] = [];

before(async () => {
  const scripted = (size: 1 | 3): Promise<ScriptedBackend> =>
    ScriptedBackend.start(size, new Random(1), noFaults);
  real = await startRealRedis(1);
  [newer, mixed, silent] = await Promise.all([scripted(1), scripted(3), scripted(1)]);
  newer.versions = ['8.0.1'];
  mixed.versions = ['8.0.1', '7.4.2', '8.2.0'];
  const backends = { real, newer, mixed, silent };
  const names = Object.keys(backends);
  const isolation = { mode: 'dedicated' } as const;
  const tenants = Object.fromEntries(names.map((name) => [name, { backend: name, isolation }]));
  path = await HotPath.start({ backends, tenants });
});

after(async () => {
  for (const client of clients) client.close();
  await path.stop();
  await Promise.all([real.stop(), newer.stop(), mixed.stop(), silent.stop()]);
});

async function greeted(tenant: string, protocol: 2 | 3): Promise<[TestClient, string | null]> {
  const client = await TestClient.connect(path.port);
  clients.push(client);
  const hello = await client.ask('HELLO', String(protocol), 'AUTH', tenant, '');
  const fields = (itemsOf(hello) ?? []).map(textOf);
  return [client, fields[fields.indexOf('version') + 1] ?? null];
}

/** The same from HELLO in both protocols, INFO and LOLWUT. */
async function told(tenant: string): Promise<string | null> {
  const [, inResp2] = await greeted(tenant, 2);
  const [client, version] = await greeted(tenant, 3);
  assert.equal(inResp2, version);
  const info = await client.text('INFO', 'server');
  assert.equal(/^redis_version:(.*)\r$/m.exec(info)?.[1], version);
  assert.match(await client.text('LOLWUT'), new RegExp(`Redis ver\\. ${version}\\n`));
  return version;
}

test('a real server is what it says in its own INFO', async () => {
  const info = await real.nodes[0]!.direct.text('INFO', 'server');
  assert.equal(await told('real'), /^redis_version:(.*)\r$/m.exec(info)?.[1]);
});

test('a newer server is told of', async () => {
  assert.equal(await told('newer'), '8.0.1');
});

test('a cluster is as old as its oldest node', async () => {
  assert.equal(await told('mixed'), '7.4.2');
});

test('a server that does not tell is taken for the Redis of the command table', async () => {
  assert.equal(await told('silent'), redisVersion);
});

test('an upgraded server is told of once it is connected to again', async () => {
  mixed.versions = ['8.0.1', '8.0.3', '8.2.0'];
  mixed.breakAll();
  const deadline = performance.now() + 60_000;
  const [client] = await greeted('mixed', 2);
  while (!(await client.text('INFO', 'server')).includes('redis_version:8.0.1\r\n')) {
    assert.ok(performance.now() < deadline, 'the new version is never told');
    // A node is connected to when it is asked for something: these keys are on all of them.
    for (let n = 0; n < 50; n++) await client.raw('GET', `key:${n}`);
  }
  assert.equal(await told('mixed'), '8.0.1');
});
