/**
 * What needs a connection of its own (WATCH with its transaction, blocking commands) while the
 * servers fail over, a slot moves, or the proxy stops: each has one defined result.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import type { ProxyProcess } from '../topology/proxy.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { decodeReply, ReplyError, type Value } from '../topology/reply.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { clusterBody, createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
let world: World;
let cluster: Cluster;

before(async () => {
  [cluster, world] = await Promise.all([
    startCluster(stage, { masters: 3, replicas: 3 }),
    // A proxy that stops gives up on nobody while others keep the machine busy.
    startWorld(stage, {
      ...{ proxies: 2, defaultTenant: 'app' },
      proxyEnv: { RESPOOL_DRAIN_MS_MAX: '25000' },
    }),
  ]);
  await world.api.put('/v1/backends/main', clusterBody(cluster));
  await createTenant(world.api, 'app', { routes: ['main'] });
});

const metric = async (proxy: ProxyProcess, name: string): Promise<number> => {
  const line = new RegExp(`^respool_${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(
    await proxy.metrics(),
  );
  return Number(line?.[1] ?? Number.NaN);
};

async function untilBlocked(count: number, proxy = world.proxy): Promise<void> {
  const what = `${count} clients to be blocked`;
  await until(async () => (await metric(proxy, 'clients_blocked')) === count, { what });
}

async function blockedAtServers(): Promise<number> {
  let count = 0;
  await cluster.onMasters(async (client) => {
    const info = String(await client.call('INFO', 'clients'));
    count += Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
  });
  return count;
}

async function next(client: RawClient): Promise<Value> {
  const [reply] = await client.replies(1);
  assert.ok(reply);
  return decodeReply(reply);
}

function send(client: RawClient, line: string): void {
  client.send(`${line}\r\n`);
}

/** Waits in `line` until `act` is over; the reply, which must not have come before. */
async function whileWaiting(line: string, act: () => Promise<unknown>): Promise<Value> {
  const client = await world.proxy.connect();
  send(client, line);
  await until(async () => (await blockedAtServers()) === 1, { what: 'a master to have it' });
  assert.equal(client.waiting, 0);
  await act();
  const reply = await next(client);
  await untilBlocked(0);
  client.close();
  return reply;
}

/** A write that is answered without an error: the new master serves. */
async function served(key: string): Promise<void> {
  const client = await world.proxy.connect();
  await until(async () => !((await client.ask('SET', key, 'x')) instanceof ReplyError), {
    what: 'the new master to serve',
  });
  client.close();
}

for (const how of ['graceful', 'kill9'] as const) {
  test(`failover (${how}): who waits gets UNBLOCKED and may ask again`, async () => {
    const key = `wait-${how}`;
    const reply = await whileWaiting(`BLPOP ${key} 0`, async () => {
      const master = await cluster.nodeOf(slotOf(key));
      await cluster.failover(master, how);
      if (how === 'kill9') await master.server.restart().then(() => cluster.settled());
    });
    assert.ok(reply instanceof ReplyError);
    assert.equal(reply.code, 'UNBLOCKED', reply.message);
    await served(`{${key}}other`);
    const pusher = await world.proxy.connect();
    const again = await whileWaiting(`BLPOP ${key} 0`, () => pusher.call('RPUSH', key, 'v'));
    assert.deepEqual(again, [key, 'v']);
    pusher.close();
  });

  test(`failover (${how}): MULTI executes once, after WATCH it counts as changed`, async () => {
    const key = `multi-${how}`;
    const [plain, watching] = [await world.proxy.connect(), await world.proxy.connect()];
    await plain.call('SET', key, 1);
    await watching.call('WATCH', key);
    for (const client of [plain, watching]) {
      await client.call('MULTI');
      assert.equal(await client.call('INCR', key), 'QUEUED');
    }
    const master = await cluster.nodeOf(slotOf(key));
    await cluster.failover(master, how);
    await served(`{${key}}other`);
    assert.deepEqual(await plain.call('EXEC'), [2]);
    assert.equal(await watching.call('EXEC'), null);
    await watching.call('WATCH', key);
    await watching.call('MULTI');
    await watching.call('INCR', key);
    assert.deepEqual(await watching.call('EXEC'), [3]);
    if (how === 'kill9') await master.server.restart().then(() => cluster.settled());
    for (const client of [plain, watching]) client.close();
  });
}

test('a slot that moves takes waiting commands and open transactions along', async () => {
  const [key, counter] = ['{moves}list', '{moves}n'];
  const slot = slotOf(key);
  const [plain, watching, pusher] = await Promise.all([1, 2, 3].map(() => world.proxy.connect()));
  assert.ok(plain && watching && pusher);
  await plain.call('SET', counter, 1);
  await watching.call('WATCH', counter);
  for (const client of [plain, watching]) {
    await client.call('MULTI');
    await client.call('INCR', counter);
  }
  const from = await cluster.nodeOf(slot);
  const to = (await cluster.masters()).find((node) => node !== from);
  assert.ok(to);
  let halfway: Value = null;
  const reply = await whileWaiting(`BLPOP ${key} 0`, async () => {
    // Halfway the key is at the new owner already, which serves it after ASKING only.
    await cluster.migrateSlot(slot, to, async () => {
      halfway = await plain.call('EXEC');
    });
    await pusher.call('RPUSH', key, 'v');
  });
  assert.deepEqual(halfway, [2]);
  assert.deepEqual(reply, [key, 'v']);
  assert.equal(await watching.call('EXEC'), null);
  for (const client of [plain, watching, pusher]) client.close();
});

test('a proxy that stops: who waits or watches is let go, an open transaction may finish', async () => {
  const [, proxy] = world.proxies;
  assert.ok(proxy);
  const [waiting, watching, open, both, idle] = await Promise.all(
    [1, 2, 3, 4, 5].map(() => proxy.connect()),
  );
  assert.ok(waiting && watching && open && both && idle);
  send(waiting, 'BLPOP never 0');
  await untilBlocked(1, proxy);
  await watching.call('WATCH', 'drained');
  await both.call('WATCH', '{both}watched');
  for (const [client, key] of [
    [open, 'drained'],
    [both, '{both}drained'],
  ] as const) {
    await client.call('MULTI');
    await client.call('SET', key, 'yes');
  }
  const stopped = proxy.stop();
  const told = await next(waiting);
  assert.ok(told instanceof ReplyError);
  assert.match(told.message, /^UNBLOCKED the session ends/);
  await Promise.all([waiting, watching, idle].map(({ closed }) => closed));
  assert.equal(watching.waiting, 0, 'who watches is told nothing');
  assert.deepEqual(await open.call('EXEC'), ['OK']);
  // What was watched counts all the same.
  await changed('{both}watched');
  assert.equal(await both.call('EXEC'), null);
  await Promise.all([open.closed, both.closed]);
  assert.equal(await stopped, 0);
  proxy.launch();
  await proxy.ready();
  const after = await proxy.connect();
  assert.equal(await after.call('GET', 'drained'), 'yes');
  assert.equal(await after.call('EXISTS', '{both}drained'), 0);
  after.close();
});

/** By way of the other proxy. */
async function changed(key: string): Promise<void> {
  const client = await world.proxy.connect();
  await client.call('SET', key, 'changed');
  client.close();
}

test('clients that are killed while they wait leave nothing blocked and lose nothing', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => world.proxy.connect()));
  for (const [index, client] of clients.entries()) send(client, `BLPOP gone${index % 10} 0`);
  await untilBlocked(50);
  for (const client of clients) client.close();
  await untilBlocked(0);
  const pusher = await world.proxy.connect();
  for (let n = 0; n < 10; n += 1) {
    await pusher.call('RPUSH', `gone${n}`, 'v');
    assert.deepEqual(await pusher.call('LRANGE', `gone${n}`, 0, -1), ['v']);
  }
  assert.equal(await metric(world.proxy, 'popped_lost_total'), 0);
  pusher.close();
});
