/** Users changed through the API: what live sessions notice, on every proxy. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { decodeReply } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { within } from '../topology/until.ts';
import {
  createTenant,
  patientProxy,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
const password = 'first password';
const path = '/v1/tenants/app/users/worker';
let world: World;
let redis: RedisServer;

before(async () => {
  [redis, world] = await Promise.all([
    startRedis(stage),
    startWorld(stage, { proxies: 2, proxyEnv: patientProxy }),
  ]);
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  const isolation = { mode: 'prefix', prefix: 'app:' } as const;
  await createTenant(world.api, 'app', { isolation, routes: ['main'] });
});

test('a user made read-only is refused writes from its next command, and may write again later', async () => {
  const sessions = await freshUser();
  for (const session of sessions) assert.equal(await session.ask('SET', 'k', 'v'), 'OK');
  await world.api.patchApplied(path, { readOnly: true });
  for (const session of sessions) {
    assert.match(String(await session.ask('SET', 'k', 'w')), /NOPERM/);
    assert.match(String(await session.ask('DEL', 'k', 'other')), /NOPERM/);
    assert.equal(await session.ask('GET', 'k'), 'v');
    assert.deepEqual(await session.ask('MGET', 'k', 'none'), ['v', null]);
  }
  await world.api.patchApplied(path, { readOnly: false });
  for (const session of sessions) {
    assert.equal(await session.ask('SET', 'k', 'again'), 'OK');
    session.close();
  }
});

const endings: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['another password', () => world.api.patchApplied(path, { secret: { password: 'new' } })],
  ['being disabled', () => world.api.patchApplied(path, { enabled: false })],
  ['being removed', () => world.api.deleteApplied(path)],
  [
    'its tenant being disabled',
    () => world.api.patchApplied('/v1/tenants/app', { enabled: false }),
  ],
];

for (const [what, change] of endings) {
  test(`${what} ends a user's sessions everywhere, after the replies already owed`, async () => {
    await world.api.patchApplied('/v1/tenants/app', { enabled: true });
    const sessions = await freshUser();
    const bystanders = await Promise.all(
      world.proxies.map((proxy) => proxy.connect({ auth: ['app', 'any'] })),
    );
    for (const session of sessions) {
      await session.call('SET', 'owed', 'kept');
      // The proxy learns that these replies are small, and passes on all fifty at once below.
      await session.pipeline(Array.from({ length: 300 }, () => ['GET', 'owed']));
    }
    // The backend stands still, so these replies are owed while the change is applied.
    redis.child().signal('SIGSTOP');
    for (const session of sessions) session.send('*2\r\n$3\r\nGET\r\n$4\r\nowed\r\n'.repeat(50));
    await everythingRead();
    await change();
    redis.child().signal('SIGCONT');
    for (const session of sessions) {
      const replies = (await session.replies(50)).map(decodeReply);
      assert.deepEqual(new Set(replies), new Set(['kept']));
      await within(session.closed, 'the session to be ended');
    }
    for (const proxy of world.proxies) {
      await assert.rejects(proxy.connect({ auth: ['app.worker', password] }), /WRONGPASS|NOAUTH/);
    }
    if (!what.includes('tenant')) {
      for (const bystander of bystanders) assert.equal(await bystander.ask('GET', 'owed'), 'kept');
    }
    for (const bystander of bystanders) bystander.close();
  });
}

test('the new password works on every proxy at once', async () => {
  await world.api.patchApplied('/v1/tenants/app', { enabled: true });
  for (const session of await freshUser()) session.close();
  await world.api.patchApplied(path, { secret: { password: 'second' } });
  for (const proxy of world.proxies) {
    const session = await proxy.connect({ auth: ['app.worker', 'second'] });
    assert.equal(await session.ask('PING'), 'PONG');
    session.close();
  }
});

test('USE reaches the backends a user may reach, live, and no other', async () => {
  const [second, third] = await Promise.all([startRedis(stage), startRedis(stage)]);
  for (const [name, server] of [
    ['second', second],
    ['third', third],
  ] as const) {
    await world.api.put(`/v1/backends/${name}`, standaloneBody(server));
    await world.api.put(`/v1/tenants/app/routes/${name}`, { backend: name });
  }
  await world.api.patchApplied(path, { backends: ['main', 'second'] });
  const [proxy] = world.proxies;
  assert.ok(proxy);
  const session = await proxy.connect({ auth: ['app.worker', 'second'] });
  assert.equal(await session.ask('SET', 'where', 'main'), 'OK');
  assert.equal(await session.ask('USE', 'second'), 'OK');
  assert.equal(await session.ask('GET', 'where'), null);
  assert.equal(await session.ask('SET', 'where', 'second'), 'OK');
  assert.match(String(await session.ask('USE', 'third')), /NOPERM/);
  assert.match(String(await session.ask('USE', 'nowhere')), /ERR|NOPERM/);
  assert.equal(await session.ask('GET', 'where'), 'second', 'a refused USE changes nothing');
  assert.equal(await session.ask('USE', 'main'), 'OK');
  assert.equal(await session.ask('GET', 'where'), 'main');
  session.close();
});

/** The user `worker` as new, with a session on each proxy. */
async function freshUser(): Promise<RawClient[]> {
  await world.api.putApplied(path, { enabled: true, readOnly: false, secret: { password } });
  return Promise.all(
    world.proxies.map((proxy) => proxy.connect({ auth: ['app.worker', password] })),
  );
}

/**
 * Waits until each proxy has read what was sent before: a command the proxy answers itself, on a
 * connection opened later, comes back only after a turn of its event loop in which it read all.
 */
async function everythingRead(): Promise<void> {
  for (const proxy of world.proxies) {
    const probe = await proxy.connect({ auth: ['app', 'any'] });
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await probe.ask('ECHO', 'read'), 'read');
    probe.close();
  }
}
