/**
 * Control plane and NATS away: proxies serve, restart from their disk cache, and later catch up
 * with no gap.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { isClean, startLoad } from '../topology/load.ts';
import { launchProxy } from '../topology/proxy.ts';
import { askOnce } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { converged, eventsOf, headOf } from '../topology/views.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const password = 'kept on disk as a verifier only';
let world: World;
let redis: RedisServer;

before(async () => {
  [redis, world] = await Promise.all([
    startRedis(stage, { password: 'backend secret' }),
    startWorld(stage, { proxies: 2 }),
  ]);
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  await createTenant(world.api, 'app', {
    isolation: { mode: 'prefix', prefix: 'app:' },
    routes: ['main'],
    password,
  });
});

test('proxies go on serving while control plane and NATS are killed', async () => {
  const load = await startLoad({
    ...{ clients: 20, depth: 8, seed: 7 },
    connect: (index) => proxyAt(index).connect({ auth: ['app', password] }),
  });
  await until(() => load.batches() > 500, { what: 'load before the outage' });
  await Promise.all([world.controlPlanes[0]?.kill9(), world.nats.kill9()]);
  const soFar = load.batches();
  await until(() => load.batches() > soFar + 3_000, { what: 'load during the outage' });
  for (const proxy of world.proxies) {
    const fresh = await proxy.connect({ auth: ['app', password] });
    assert.equal(await fresh.ask('SET', 'during', 'outage'), 'OK');
    fresh.close();
    const wrong = await askOnce({ port: proxy.port }, 'AUTH', 'app', 'wrong');
    assert.match(String(wrong), /WRONGPASS/);
  }
  assert.equal(isClean(await load.stop()), null);
});

test('a proxy restarted during the outage serves from its disk cache', async () => {
  for (const how of ['stop', 'kill9'] as const) {
    const [proxy] = world.proxies;
    assert.ok(proxy);
    await proxy[how]();
    proxy.launch();
    await proxy.ready();
    const client = await proxy.connect({ auth: ['app', password] });
    assert.equal(await client.ask('GET', 'during'), 'outage', `after ${how}`);
    client.close();
  }
});

test('a proxy without cache says it is not ready, and refuses clients clearly', async () => {
  const { nats, masterKey } = world;
  const blank = await launchProxy(stage, { nats, masterKey, index: 2 });
  const answer = await until(() => fetch(`${blank.adminUrl}/readyz`), { what: 'its health port' });
  assert.equal(answer.status, 503);
  assert.equal((await fetch(`${blank.adminUrl}/livez`)).status, 200);
  const reply = await askOnce({ port: blank.port }, 'GET', 'k').catch((error: Error) => error);
  assert.ok(reply instanceof Error, 'refused or answered with an error, never a made-up reply');
  await blank.stop();
});

test('when NATS returns, both proxies catch up with every event, in order', async () => {
  await world.nats.restart();
  await world.controlPlanes[0]?.restart();
  await converged(world.api, 2);
  const [, second] = world.proxies;
  assert.ok(second);
  await second.stop();
  const before = await headOf(world.api);
  for (let index = 0; index < 25; index += 1) {
    await world.api.put(`/v1/tenants/late-${index}`, {
      isolation: { mode: 'prefix', prefix: `late${index}:` },
    });
  }
  assert.equal(await headOf(world.api), before + 25);
  second.launch();
  await second.ready();
  await converged(world.api, 2);
  const events = await eventsOf(world.api);
  assert.deepEqual(
    events.map((event) => event.sequence),
    Array.from({ length: before + 25 }, (_, index) => index + 1),
  );
  for (const [index, event] of events.entries()) {
    if (index > 0) assert.equal(event.prev, events[index - 1]?.hash, `chain at ${event.sequence}`);
  }
  const client = await second.connect({ auth: ['app', password] });
  assert.equal(await client.ask('GET', 'during'), 'outage');
  client.close();
});

test('the API answers 503 with Retry-After while NATS is away, and never hangs', async () => {
  await world.nats.kill9();
  const answer = await world.api.request('PUT', '/v1/tenants/never', {
    isolation: { mode: 'prefix', prefix: 'never:' },
  });
  assert.equal(answer.status, 503, JSON.stringify(answer.body));
  assert.match(JSON.stringify(answer.body), /log-unreachable/);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1, 'Retry-After in seconds');
  await world.nats.restart();
  await until(async () => (await world.api.request('GET', '/readyz')).status === 200, {
    what: 'the control plane to be ready again',
  });
  assert.equal((await world.api.request('GET', '/v1/tenants/never')).status, 404);
});

function proxyAt(index: number): World['proxy'] {
  const proxy = world.proxies[index % world.proxies.length];
  assert.ok(proxy);
  return proxy;
}
