/**
 * Reads from replicas of a real cluster: where they go, and that they go on through everything that
 * happens to nodes and slots. Keys that are read are not written meanwhile, so every read has one
 * right answer, however far a replica is behind.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { type Calls, callsByRole, caughtUp, someReplica } from '../topology/cluster-calls.ts';
import { patientProxy } from '../topology/proxy.ts';
import type { RawClient } from '../topology/raw-client.ts';
import {
  stableKeys as keys,
  type Load,
  stableValue,
  startReadLoad,
  underLoad,
} from '../topology/read-load.ts';
import type { Value } from '../topology/reply.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { clusterBody, createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const modes = ['primary', 'replica', 'any', 'nearest'] as const;
let world: World;
let cluster: Cluster;

before(async () => {
  [cluster, world] = await Promise.all([
    startCluster(stage, { masters: 3, replicas: 3 }),
    startWorld(stage, { proxies: 1, proxyEnv: patientProxy }),
  ]);
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  for (const mode of modes) {
    const isolation = { mode: 'prefix', prefix: `${mode}:` } as const;
    await createTenant(world.api, mode, { routes: ['cluster'], isolation });
    await readFrom(mode, mode);
    const client = await login(mode);
    await client.pipeline(keys.map((key) => ['SET', key, stableValue(key)]));
    client.close();
  }
  await caughtUp(cluster);
});

const login = (tenant: string): Promise<RawClient> =>
  world.proxy.connect({ auth: [`${tenant}.default`, ''], protocol: 3 });

const startLoads = (of?: readonly string[]): Load[] =>
  ['replica', 'any', 'nearest'].map((tenant) => startReadLoad(() => login(tenant), of));

async function readFrom(tenant: string, mode: string): Promise<void> {
  const body = { backend: 'cluster', default: true, readFrom: mode };
  await world.api.putApplied(`/v1/tenants/${tenant}/routes/cluster`, body);
}

const calls = (command: string): Promise<Calls> => callsByRole(cluster, command);

const allKeys = keys.map((key) => ['GET', key]);
const allValues = keys.map(stableValue);

/** Resolves when the tenant's reads arrive at replicas alone: connections are made at first use. */
async function readsReplicas(tenant: string): Promise<void> {
  const client = await login(tenant);
  await until(
    async () => {
      await calls('get');
      assert.deepEqual(await client.pipeline(allKeys), allValues);
      return (await calls('get')).master === 0;
    },
    { what: 'reads to go to replicas' },
  );
  client.close();
}

test('reads go where the route says, and by default to primaries', async () => {
  await readsReplicas('replica');
  for (const mode of modes) {
    const clients = await Promise.all(Array.from({ length: 12 }, () => login(mode)));
    await Promise.all(clients.map((client) => client.pipeline([['PING'], ...allKeys])));
    await calls('get');
    for (const client of clients) assert.deepEqual(await client.pipeline(allKeys), allValues);
    const { master, slave } = await calls('get');
    assert.equal(master + slave, clients.length * keys.length, mode);
    if (mode === 'primary') assert.equal(slave, 0);
    if (mode === 'replica') assert.equal(master, 0);
    // Twelve clients that came one after the other are dealt out evenly, shard by shard.
    if (mode === 'any') assert.equal(master, slave);
    for (const client of clients) client.close();
  }
});

test('writes, scripts that write and what only a primary knows stay with primaries', async () => {
  const client = await login('replica');
  await calls('set');
  await client.pipeline(keys.map((key) => ['SET', `written:${key}`, '1']));
  // Replicas execute what their master sends them, so they count as many.
  assert.equal((await calls('set')).master, keys.length);
  const script = "return redis.call('GET', KEYS[1])";
  await caughtUp(cluster);
  for (const [command, name] of [
    [['EVAL', script, 1, 'stable:1'], 'eval'],
    [['TOUCH', 'stable:1', 'stable:2'], 'touch'],
    [['GETEX', 'stable:1'], 'getex'],
    [['SORT', 'none'], 'sort'],
  ] as const) {
    await calls(name);
    await client.call(...command);
    assert.equal((await calls(name)).slave, 0, name);
  }
  for (const [command, name] of [
    [['EVAL_RO', script, 1, 'stable:1'], 'eval_ro'],
    [['MGET', 'stable:1', 'stable:2', 'stable:3'], 'mget'],
    [['EXISTS', 'stable:1', 'stable:2', 'none'], 'exists'],
    [['STRLEN', 'stable:1'], 'strlen'],
    [['OBJECT', 'ENCODING', 'stable:1'], 'object\\|encoding'],
    [['SORT_RO', 'none'], 'sort_ro'],
    [['PFCOUNT', 'none'], 'pfcount'],
  ] as const) {
    await calls(name);
    await client.call(...command);
    const { master, slave } = await calls(name);
    assert.ok(master === 0 && slave > 0, name);
  }
  client.close();
});

test('what a transaction or a cache rests on is read from primaries', async () => {
  const client = await login('replica');
  const reads = async (): Promise<Calls> => {
    await calls('get');
    assert.equal(await client.call('GET', 'stable:1'), stableValue('stable:1'));
    return calls('get');
  };
  const [primary, replica] = [
    { master: 1, slave: 0 },
    { master: 0, slave: 1 },
  ];
  for (const [begin, end] of [
    [['WATCH', 'stable:1'], ['UNWATCH']],
    [
      ['CLIENT', 'TRACKING', 'ON'],
      ['CLIENT', 'TRACKING', 'OFF'],
    ],
    [
      ['CLIENT', 'TRACKING', 'ON', 'BCAST'],
      ['CLIENT', 'TRACKING', 'OFF'],
    ],
  ] as const) {
    assert.deepEqual(await reads(), replica);
    await client.call(...begin);
    assert.deepEqual(await reads(), primary, begin.join(' '));
    await client.call(...end);
  }
  assert.deepEqual(await reads(), replica);
  await calls('get');
  const program = [['MULTI'], ['GET', 'stable:1'], ['EXEC']];
  assert.deepEqual((await client.pipeline(program))[2], [stableValue('stable:1')]);
  assert.equal((await calls('get')).slave, 0);
  client.close();
});

test('PROXY EXPLAIN names the node that a read goes to', async () => {
  const client = await login('replica');
  const masters = (await cluster.masters()).map(({ server }) => `${server.host}:${server.port}`);
  const nodesOf = async (...command: string[]): Promise<string> => {
    const reply = (await client.call('PROXY', 'EXPLAIN', ...command)) as Value[];
    return String(reply[reply.indexOf('nodes') + 1]);
  };
  assert.ok(!masters.includes(await nodesOf('GET', 'stable:1')));
  assert.ok(masters.includes(await nodesOf('SET', 'stable:1', 'x')));
  client.close();
});

test('replies of one pipeline keep their order over both kinds of nodes', async () => {
  const client = await login('replica');
  for (let round = 0; round < 20; round++) {
    const program = keys.flatMap((key, index) => [
      ['GET', key],
      ['SET', `other:${index}`, round],
      ['MGET', key, 'stable:7'],
      ['ECHO', index],
    ]);
    const expected = keys.flatMap((key, index): Value[] => [
      ...[stableValue(key), 'OK', [stableValue(key), stableValue('stable:7')], String(index)],
    ]);
    assert.deepEqual(await client.pipeline(program), expected);
  }
  client.close();
});

test('a script that no replica has is given to it, or read from the primary', async () => {
  const client = await login('replica');
  const script = "return {'x', redis.call('GET', KEYS[1])}";
  const digest = String(await client.call('SCRIPT', 'LOAD', script));
  for (const key of keys.slice(0, 30)) {
    const reply = await client.ask('EVALSHA_RO', digest, 1, key);
    assert.deepEqual(reply, ['x', stableValue(key)]);
  }
  client.close();
});

test('a change of readFrom counts for clients that are connected, under load', async () => {
  const load = startReadLoad(() => login('primary'));
  await load.has(2_000);
  for (const mode of ['replica', 'nearest', 'any', 'primary']) {
    await readFrom('primary', mode);
    await load.has(load.reads + 1_000);
    if (mode === 'replica') await readsReplicas('primary');
  }
  await load.stop();
  const client = await login('primary');
  await calls('get');
  await client.pipeline(allKeys);
  assert.deepEqual(await calls('get'), { master: keys.length, slave: 0 });
  client.close();
});

test('a replica is killed with -9 and comes back: no read fails, and it is used again', async () => {
  const loads = startLoads();
  for (const load of loads) await load.has(1_000);
  const replica = await someReplica(cluster);
  await cluster.hastily(async () => {
    await replica.server.kill9();
    for (const load of loads) await load.has(load.reads + 3_000);
    await replica.server.restart();
    await cluster.settled();
  });
  for (const load of loads) await load.stop();
  await readsReplicas('replica');
});

test('metrics and INFO tell replicas from primaries', async () => {
  const text = await world.proxy.metrics();
  const lines = text.match(/^respool_backend_up\{.*\} 1$/gm) ?? [];
  const roles = lines.map((line) => /role="(\w+)"/.exec(line)?.[1]);
  assert.equal(roles.filter((role) => role === 'primary').length, 3, lines.join('\n'));
  assert.equal(roles.filter((role) => role === 'replica').length, 3, lines.join('\n'));
  const client = await login('replica');
  assert.match(String(await client.call('INFO', 'backends')), /role=replica,up=1/);
  client.close();
});

test('slots migrate with their keys under load: what moved is found', async () => {
  // The first slot shows the proxy that its shards are moving slots; keys are looked for in others.
  const [first] = keys.map((key) => slotOf(`replica:${key}`));
  assert.ok(first !== undefined);
  const from = await cluster.nodeOf(first);
  const to = (await cluster.masters()).find((node) => node !== from);
  assert.ok(to);
  const mine: string[] = [];
  for (const key of keys.slice(1)) {
    const slot = slotOf(`replica:${key}`);
    if (slot !== first && (await cluster.nodeOf(slot)) === from) mine.push(key);
  }
  const probe = await login('replica');
  await cluster.migrateSlot(first, to, async () => {
    await until(
      async () => {
        await calls('get');
        await probe.pipeline(mine.map((key) => ['GET', key]));
        return (await calls('get')).slave === 0;
      },
      { what: 'the proxy to see that slots move' },
    );
  });
  await underLoad(startLoads(mine), async () => {
    for (const key of mine.slice(0, 25)) await cluster.migrateSlot(slotOf(`replica:${key}`), to);
    await cluster.settled();
  });
  probe.close();
  await caughtUp(cluster);
  await readsReplicas('replica');
});

test('a master hands over to its replica under load', async () => {
  const [master] = await cluster.masters();
  assert.ok(master);
  await underLoad(startLoads(), () => cluster.failover(master, 'graceful'));
  await readsReplicas('replica');
});

test('a master is killed with -9 under load', async () => {
  const master = await cluster.nodeOf(slotOf('replica:stable:0'));
  await underLoad(startLoads(), () => cluster.failover(master, 'kill9'));
});
