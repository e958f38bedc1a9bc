/**
 * A route moves from a standalone Redis to a Redis Cluster by one API call while 50 clients run
 * load.
 *
 * Method: each client owns its keys and both backends start empty, so every reply tells which of
 * them answered (topology/model.ts). A client's history must fit "first the one, then, from some
 * command on, the other", and that command must be the first of a batch: a batch is one write and
 * one read.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { isClean, startLoad } from '../topology/load.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { converged, headOf, proxiesOf, rolloutOf } from '../topology/views.ts';
import { clusterBody, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);
let world: World;
let single: RedisServer;
let cluster: Cluster;

before(async () => {
  [single, cluster, world] = await Promise.all([
    startRedis(stage),
    startCluster(stage),
    startWorld(stage, { proxies: 2, defaultTenant: 'app' }),
  ]);
  await world.api.put('/v1/backends/single', standaloneBody(single));
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  await world.api.changeApplied([
    { op: 'put', kind: 'tenant', id: 'app', value: { isolation: { mode: 'dedicated' } } },
    { op: 'put', kind: 'user', tenant: 'app', id: 'default', value: { secret: { none: true } } },
    { op: 'put', kind: 'route', tenant: 'app', id: 'main', value: { backend: 'single' } },
  ]);
  const writer = await single.connect();
  await writer.call('SET', 'where', 'single');
  writer.close();
});

test(`50 clients notice nothing but the other backend's data, seed ${seed}`, async () => {
  const load = await startLoad({
    ...{ clients: 50, depth: 16, seed, mayMove: true },
    connect: (index) => proxyAt(index).connect(),
  });
  const probes = await Promise.all(world.proxies.map((proxy) => proxy.connect()));
  assert.deepEqual(await ask(probes, 'GET', 'where'), ['single', 'single']);
  await until(() => load.batches() > 2_000, { what: 'load before the change' });

  const answer = await world.api.putApplied('/v1/tenants/app/routes/main', { backend: 'cluster' });
  // The answer is here: from now on no proxy may ask the old backend, on old and new connections.
  assert.deepEqual(await ask(probes, 'GET', 'where'), [null, null]);
  for (const proxy of world.proxies) {
    const fresh = await proxy.connect();
    assert.equal(await fresh.ask('GET', 'where'), null);
    fresh.close();
  }
  assert.deepEqual([...rolloutOf(answer).applied].sort(), ['proxy-0', 'proxy-1']);

  const [soFar, fewest] = [load.batches(), load.fewest()];
  // A reply that both backends would give decides nothing: each client goes on for some batches.
  const isOver = () => load.batches() > soFar + 2_000 && load.fewest() > fewest + 10;
  await until(isOver, { what: 'load after the change' });
  const report = await load.stop();
  assert.equal(isClean(report), null);
  assert.equal(report.moved, 50, 'every client ended on the cluster');
  assert.equal(report.movedMidBatch, 0, 'no batch was answered by halves');
  const head = await headOf(world.api);
  for (const proxy of await proxiesOf(world.api)) {
    assert.deepEqual([proxy.status, proxy.sequence], ['applied', head], proxy.id);
  }
  for (const probe of probes) probe.close();
});

test('wait=applied says 202 and who is missing while one proxy stands still', async () => {
  const [, halted] = world.proxies;
  assert.ok(halted);
  halted.child().signal('SIGSTOP');
  try {
    const body = { backend: 'single' };
    const query = { wait: 'applied', quorum: 'all', timeout: '3s' };
    const answer = await world.api.put('/v1/tenants/app/routes/main', body, { query });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    const rollout = rolloutOf(answer);
    assert.deepEqual(rollout.applied, ['proxy-0']);
    assert.deepEqual(rollout.pending, ['proxy-1']);
    assert.equal(rollout.reached, false);
    const half = { query: { ...query, quorum: '1', timeout: '10s' } };
    const again = await world.api.put('/v1/tenants/app/routes/main', { backend: 'cluster' }, half);
    assert.equal(again.status, 200);
  } finally {
    halted.child().signal('SIGCONT');
  }
  await converged(world.api, 2);
});

test('the old backend loses its connections once nobody is routed to it', async () => {
  const direct = await single.connect();
  await until(
    async () => {
      const list = String(await direct.call('CLIENT', 'LIST'));
      return list.trim().split('\n').length === 1;
    },
    { what: 'only our own connection to be left on the old backend' },
  );
  direct.close();
});

function proxyAt(index: number): World['proxy'] {
  const proxy = world.proxies[index % world.proxies.length];
  assert.ok(proxy);
  return proxy;
}

function ask(clients: readonly RawClient[], ...command: string[]): Promise<unknown[]> {
  return Promise.all(clients.map((client) => client.ask(...command)));
}
