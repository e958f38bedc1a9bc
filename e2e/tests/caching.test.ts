/**
 * Nobody keeps a stale value: clients cache what they read while others write through the proxy,
 * and replies are kept back so that word of a change overtakes them.
 *
 * Method: once the writers are done, each client reads a last key of every node and that key is
 * written; when word of it has come, word of all earlier changes has. What a client holds then must
 * be what the servers hold. The seed of a run is in its name.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { HotPath, type HotPathOptions } from '@respool/data-plane/test/hot-path';
import { Random } from '@respool/data-plane/test/random';
import { Cacher } from '../topology/cacher.ts';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { startLateReplies } from '../topology/late-replies.ts';
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);
const keys = Array.from({ length: 24 }, (_, n) => `k${n}`);
let single: RedisServer;
let shared: RedisServer;
let cluster: Cluster;
let late: number;

before(async () => {
  const random = new Random(seed);
  [single, shared, cluster] = await Promise.all([
    startRedis(stage),
    startRedis(stage),
    startCluster(stage, { masters: 3, replicas: 3 }),
  ]);
  late = await startLateReplies(stage, single.port, 15, () => random.next());
});

async function startPath(options: Partial<HotPathOptions> = {}): Promise<HotPath> {
  const nodes = cluster.nodes.map(({ server }) => ({ port: server.port }));
  const path = await HotPath.start({
    backends: {
      single: { nodes: [{ port: late }] },
      shared: { nodes: [shared] },
      cluster: { nodes },
    },
    tenants: {
      alone: { backend: 'single', isolation: { mode: 'dedicated' } },
      prefix: { backend: 'shared', isolation: { mode: 'prefix', prefix: 'p:' } },
      db: { backend: 'shared', isolation: { mode: 'db' }, database: 2 },
      spread: { backend: 'cluster', isolation: { mode: 'prefix', prefix: 's:' } },
      replicas: {
        ...{ backend: 'cluster', isolation: { mode: 'prefix', prefix: 'r:' } },
        readFrom: 'any',
      },
    },
    ...options,
  });
  stage.defer(() => path.stop());
  return path;
}

async function cacher(path: HotPath, tenant: string, ...tracking: string[]): Promise<Cacher> {
  const client = new Cacher(path.port);
  client.send('HELLO', '3', 'AUTH', tenant, '');
  assert.equal(await client.ask('CLIENT', 'TRACKING', 'ON', ...tracking), 'OK');
  return client;
}

/** One key for each third of the slots, under the tenant's prefix. */
function lastKeys(prefix: string): string[] {
  return [0, 1, 2].map((third) => {
    for (let n = 0; ; n += 1) {
      const slot = slotOf(`${prefix}last${n}`);
      if (Math.floor((slot * 3) / 16_384) === third) return `last${n}`;
    }
  });
}

const stories = [
  { tenant: 'alone', prefix: '', tracking: [] },
  { tenant: 'alone', prefix: '', tracking: ['BCAST'] },
  { tenant: 'alone', prefix: '', tracking: ['BCAST', 'PREFIX', 'k', 'PREFIX', 'last'] },
  { tenant: 'prefix', prefix: 'p:', tracking: [] },
  { tenant: 'prefix', prefix: 'p:', tracking: ['BCAST'] },
  { tenant: 'db', prefix: '', tracking: [] },
  { tenant: 'spread', prefix: 's:', tracking: [] },
  { tenant: 'spread', prefix: 's:', tracking: ['BCAST'] },
  { tenant: 'replicas', prefix: 'r:', tracking: [] },
  { tenant: 'replicas', prefix: 'r:', tracking: ['BCAST'] },
] as const;

for (const [at, { tenant, prefix, tracking }] of stories.entries()) {
  const mode = tracking.join(' ') || 'reads';
  test(`no stale value is kept: ${tenant}, ${mode}, seed ${seed + at}`, async () => {
    const path = await startPath();
    const random = new Random(seed + at);
    const cachers = await Promise.all(
      Array.from({ length: 12 }, () => cacher(path, tenant, ...tracking)),
    );
    const writers = await Promise.all(
      Array.from({ length: 4 }, () => connectRaw({ port: path.port, auth: [tenant, ''] })),
    );
    for (let round = 0; round < 250; round += 1) {
      for (const one of cachers) {
        const some = Array.from({ length: random.below(6) }, () => keys[random.below(keys.length)]);
        if (one.owed < 40 && some.length > 0) one.read(some as string[]);
      }
      const key = keys[random.below(keys.length)] as string;
      const writer = writers[random.below(writers.length)] as RawClient;
      await writer.call('INCR', key);
    }
    await settle(cachers, writers[0] as RawClient, lastKeys(prefix));
    const now = new Map<string, unknown>();
    for (const key of keys) now.set(key, await (writers[0] as RawClient).ask('GET', key));
    let held = 0;
    for (const one of cachers) {
      for (const [key, value] of one.cache) {
        if (!now.has(key)) continue;
        held += 1;
        assert.equal(value, now.get(key), `${key} is stale`);
      }
      assert.ok(one.invalidations > 50, `only ${one.invalidations} invalidations`);
      assert.equal(one.flushes, 0);
    }
    assert.ok(held > 0, 'something is still cached');
    assert.deepEqual(path.failures, []);
    for (const one of [...cachers, ...writers]) one.close();
  });
}

/** Until word of every change there was has come to everybody. */
async function settle(
  cachers: readonly Cacher[],
  writer: RawClient,
  last: readonly string[],
): Promise<void> {
  for (const one of cachers) one.read(last);
  await until(() => cachers.every((one) => one.owed === 0), { what: 'all replies' });
  for (const key of last) await writer.call('INCR', key);
  const told = () => cachers.every((one) => last.every((key) => !one.cache.has(key)));
  await until(told, { what: 'word of the last changes' });
  for (const one of cachers) await one.ask('PING');
}

test('keys beyond the bound are given up, and told as if they had changed', async () => {
  const path = await startPath({ tracked: { holderBytesMax: 10 * 200 } });
  const one = await cacher(path, 'prefix');
  const many = Array.from({ length: 100 }, (_, n) => `many${n}`);
  one.read(many);
  await one.ask('PING');
  assert.deepEqual([...one.cache.keys()], many.slice(-one.cache.size));
  assert.ok(one.cache.size >= 10 && one.cache.size <= 15, `${one.cache.size} are still cached`);
  const writer = await connectRaw({ port: path.port, auth: ['prefix', ''] });
  await writer.call('MSET', ...many.flatMap((key) => [key, '1']));
  await until(() => one.cache.size === 0, { what: 'the rest to be told of' });
  for (const client of [one, writer]) client.close();
});

test('FLUSHALL at the server, and the loss of its word, make everything invalid', async () => {
  const path = await startPath();
  const one = await cacher(path, 'prefix');
  const broad = await cacher(path, 'prefix', 'BCAST');
  const direct = await shared.connect();
  for (const [flushes, cut] of [
    [1, () => direct.call('FLUSHALL')],
    [2, () => direct.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')],
  ] as const) {
    for (const client of [one, broad]) client.read(['k1']);
    await until(() => [one, broad].every((client) => client.owed === 0), { what: 'replies' });
    await cut();
    const told = () => [one, broad].every((client) => client.flushes >= flushes);
    await until(told, { what: `flush ${flushes}` });
    assert.ok([one, broad].every((client) => client.cache.size === 0));
  }
  // Told twice: when word was lost, and when it was there again.
  await until(() => one.flushes >= 3 && broad.flushes >= 3, { what: 'word to be there again' });
  one.read(['k1']);
  await one.ask('PING');
  await direct.call('SET', 'p:k1', 'new');
  await until(() => !one.cache.has('k1'), { what: 'the change' });
  for (const client of [one, broad, direct]) client.close();
});

test('a client that tracks reads from primaries; where all are, broadcasts cost it no fast lane', async () => {
  const path = await startPath();
  for (const [tenant, tracking, isDiverted] of [
    ['replicas', [], true],
    ['replicas', ['BCAST'], true],
    ['spread', [], true],
    ['spread', ['BCAST'], false],
  ] as const) {
    const one = await cacher(path, tenant, ...tracking);
    const found = path.clients.find(Number(await one.ask('CLIENT', 'ID')));
    assert.equal(found?.session.diverted, isDiverted, `${tenant} ${tracking}`);
    assert.equal(found?.session.way.upstream?.reads, null);
    assert.equal(await one.ask('CLIENT', 'TRACKING', 'OFF'), 'OK');
    assert.equal(found?.session.diverted, false);
    one.close();
  }
});

test('another backend: what was cached is invalid, and changes of the new one are told', async () => {
  const path = await startPath();
  const one = await cacher(path, 'prefix');
  one.read(['k1']);
  await one.ask('PING');
  path.swap({ prefix: { backend: 'cluster', isolation: { mode: 'prefix', prefix: 'q:' } } });
  await until(() => one.flushes >= 2, { what: 'both flushes' });
  assert.equal(one.cache.size, 0);
  one.read(['k1']);
  await one.ask('PING');
  const writer = await connectRaw({ port: path.port, auth: ['prefix', ''] });
  await writer.call('SET', 'k1', 'new');
  await until(() => !one.cache.has('k1'), { what: 'the change' });
  for (const client of [one, writer]) client.close();
});

test("whom it redirected to is gone: the client is told, in Redis's words", async () => {
  const path = await startPath();
  const target = await connectRaw({ port: path.port, auth: ['prefix', ''], protocol: 3 });
  const id = String(await target.ask('CLIENT', 'ID'));
  const client = await connectRaw({ port: path.port, auth: ['prefix', ''], protocol: 3 });
  assert.equal(await client.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id), 'OK');
  const stranger = await connectRaw({ port: path.port, auth: ['db', ''], protocol: 3 });
  const refused = await stranger.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
  assert.match(String(refused), /does not exist/);
  target.close();
  const writer = await connectRaw({ port: path.port, auth: ['prefix', ''] });
  await until(
    async () => {
      await client.call('GET', 'k1');
      await writer.call('SET', 'k1', 'x');
      return client.pushes.some((push) => push.includes('tracking-redir-broken'));
    },
    { what: 'tracking-redir-broken' },
  );
  assert.match(String(await client.ask('CLIENT', 'TRACKINGINFO')), /broken_redirect/);
  for (const one of [client, stranger, writer]) one.close();
});
