/**
 * Backends behind passwords and TLS, standalone and cluster; what happens when a credential is
 * wrong.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { before, test } from 'node:test';
import { startCluster } from '../topology/cluster.ts';
import { startRedis } from '../topology/redis.ts';
import { ReplyError } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { readVerifiedLog } from '../topology/stored-log.ts';
import {
  clusterBody,
  createTenant,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
const secret = 'Backend-Secret-0x5ECE7';
const clientPassword = 'Client-Secret-0xC11E47';
let world: World;

before(async () => {
  world = await startWorld(stage, { proxies: 1 });
});

const kinds = [
  ['password', { password: secret }],
  ['TLS', { tls: true }],
  ['TLS and password', { tls: true, password: secret }],
] as const;

for (const [index, [what, options]] of kinds.entries()) {
  test(`standalone with ${what}`, async () => {
    const server = await startRedis(stage, options);
    await world.api.put(`/v1/backends/single-${index}`, standaloneBody(server));
    await serves(`single-tenant-${index}`, `single-${index}`);
  });

  test(`cluster with ${what}`, async () => {
    const cluster = await startCluster(stage, { ...options, masters: 3, replicas: 0 });
    await world.api.put(`/v1/backends/cluster-${index}`, clusterBody(cluster));
    await serves(`cluster-tenant-${index}`, `cluster-${index}`);
    await cluster.stop();
  });
}

test('an ACL user of the backend', async () => {
  const server = await startRedis(stage);
  const direct = await server.connect();
  await direct.call('ACL', 'SETUSER', 'proxy', 'on', `>${secret}`, '~*', '+@all');
  await direct.call('ACL', 'SETUSER', 'default', 'off');
  direct.close();
  const body = standaloneBody(server, { username: 'proxy', password: secret });
  await world.api.put('/v1/backends/acl', body);
  await serves('acl-tenant', 'acl');
});

const wrongs: readonly (readonly [string, object, object])[] = [
  ['a wrong password', { password: secret }, { password: 'not it' }],
  ['no password', { password: secret }, { password: null }],
  [
    'an authority that did not sign it',
    { tls: true },
    { tls: { authority: null, serverName: 'localhost' } },
  ],
  ['another name in the certificate', { tls: true }, { tls: { serverName: 'elsewhere.example' } }],
];

for (const [index, [what, options, change]] of wrongs.entries()) {
  test(`${what}: commands get a clear error, then work once it is corrected`, async () => {
    const server = await startRedis(stage, options);
    const good = standaloneBody(server) as { tls?: object };
    const bad = {
      ...good,
      ...change,
      ...('tls' in change ? { tls: { ...good.tls, ...(change.tls as object) } } : {}),
    };
    const [backend, tenant] = [`wrong-${index}`, `wrong-tenant-${index}`];
    await world.api.put(`/v1/backends/${backend}`, bad);
    const isolation = { mode: 'dedicated' };
    await world.api.ok('POST', '/v1/changes', {
      changes: [
        { op: 'put', kind: 'tenant', id: tenant, value: { isolation } },
        { op: 'put', kind: 'user', tenant, id: 'default', value: { secret: { none: true } } },
        { op: 'put', kind: 'route', tenant, id: 'r', value: { backend } },
      ],
    });
    const reply = await world.proxy
      .connect({ auth: [tenant, 'any'] })
      .then(async (client) => client.ask('GET', 'k').finally(() => client.close()))
      .catch((error: unknown) => error);
    // Either the proxy refused that state and does not know the tenant, or it says why it cannot
    // serve.
    assert.ok(reply instanceof ReplyError, String(reply));
    assert.doesNotMatch(reply.message, new RegExp(secret), 'an error must not tell the secret');
    await world.api.putApplied(`/v1/backends/${backend}`, good);
    await works(tenant);
  });
}

test('no secret is told by any answer, event, log line, metric or cached file', async () => {
  const isolation = { mode: 'prefix', prefix: 'told:' } as const;
  const server = await startRedis(stage, { password: secret });
  await world.api.put('/v1/backends/told', standaloneBody(server));
  await createTenant(world.api, 'told', { isolation, password: clientPassword, routes: ['told'] });
  const client = await world.proxy.connect({ auth: ['told', clientPassword] });
  await client.call('SET', 'k', 'v');
  await client.ask('AUTH', 'told', `${clientPassword}-wrong`);
  const places: Record<string, string> = {
    proxy: world.proxy.child().output(),
    'control plane': String(world.controlPlanes[0]?.child().output()),
    metrics: await world.proxy.metrics(),
    'slow log': JSON.stringify(await client.ask('SLOWLOG', 'GET', 100)),
    info: String(await client.ask('INFO')),
    log: (await readVerifiedLog(world.nats)).map(({ value }) => JSON.stringify(value)).join('\n'),
  };
  for (const path of [
    '/v1/state',
    '/v1/events?limit=500',
    '/v1/backends',
    '/v1/backends/told',
    '/v1/tenants/told/users',
  ]) {
    places[path] = JSON.stringify((await world.api.get(path)).body);
  }
  for (const [place, text] of Object.entries(places)) {
    assert.ok(text.length > 0, place);
    for (const told of [secret, clientPassword]) {
      assert.ok(!text.includes(told), `${place} tells a secret`);
      assert.ok(
        !text.includes(Buffer.from(told).toString('base64')),
        `${place} tells it in base64`,
      );
    }
  }
  client.close();
});

test('the disk cache of a proxy can be read by its owner only', async () => {
  const files = readdirSync(world.proxy.cacheFolder, { recursive: true, withFileTypes: true });
  const plain = files.filter((file) => file.isFile());
  assert.ok(plain.length > 0);
  for (const file of plain) {
    const path = `${file.parentPath}/${file.name}`;
    assert.equal(statSync(path).mode & 0o077, 0, path);
    assert.ok(!readFileSync(path).includes(secret), path);
  }
});

async function serves(tenant: string, backend: string): Promise<void> {
  await createTenant(world.api, tenant, { routes: [backend] });
  await works(tenant);
}

async function works(tenant: string): Promise<void> {
  for (const protocol of [2, 3] as const) {
    const client = await world.proxy.connect({ auth: [tenant, 'any'], protocol });
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    assert.equal(await client.ask('MSET', ...keys.flatMap((key) => [key, key])), 'OK');
    assert.deepEqual(await client.ask('MGET', ...keys), keys);
    const large = 'x'.repeat(300_000);
    assert.equal(await client.ask('SET', 'large', large), 'OK');
    assert.equal(await client.ask('GET', 'large'), large);
    client.close();
  }
}
