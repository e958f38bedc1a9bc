/**
 * Subscriptions outlive what happens behind them: a server restarted, a master killed, a slot
 * moved, a route changed. Messages sent while nothing stands are lost, as with Redis; afterwards
 * each comes once and in order, and no client had to do anything.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { hearsAgain, Listener } from '../topology/listener.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { until, within } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  patientProxy,
  secretOf,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
let world: World;
let single: RedisServer;
let cluster: Cluster;

before(async () => {
  [single, cluster, world] = await Promise.all([
    startRedis(stage, { settings: ['--notify-keyspace-events', 'KEA'] }),
    startCluster(stage, {
      masters: 3,
      replicas: 3,
      settings: ['--notify-keyspace-events', 'KEA'],
    }),
    startWorld(stage, { proxies: 2, proxyEnv: patientProxy }),
  ]);
  await world.api.put('/v1/backends/single', standaloneBody(single));
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  const isolation = { mode: 'prefix', prefix: 'app:' } as const;
  await createTenant(world.api, 'app', { isolation, routes: ['single', 'cluster'] });
  const other = { mode: 'prefix', prefix: 'spread:' } as const;
  await createTenant(world.api, 'spread', { isolation: other, routes: ['cluster'] });
});

function login(tenant: string, proxy = 0, protocol: 2 | 3 = 3): Promise<RawClient> {
  return world.proxies[proxy]!.connect({ auth: [tenant, 'any'], protocol });
}

async function listen(tenant: string, proxy = 0): Promise<Listener> {
  return new Listener(await login(tenant, proxy));
}

const rowOf = (mark: string) => Array.from({ length: 100 }, (_, n) => `${mark} ${n}`);

test('a server is killed and comes back: channels, patterns, shards and events are heard', async () => {
  const publisher = await login('app');
  const [channel, pattern, shard, event] = await Promise.all(
    [0, 1, 0, 1].map((at) => listen('app', at)),
  );
  assert.ok(channel && pattern && shard && event);
  await channel.subscribe('SUBSCRIBE', 'news', 'more');
  await pattern.subscribe('PSUBSCRIBE', 'n*s');
  await shard.subscribe('SSUBSCRIBE', 'news');
  await event.subscribe('SUBSCRIBE', '__keyevent@0__:set');
  assert.equal(await publisher.ask('PUBLISH', 'news', 'before'), 2);
  await single.kill9();
  await single.restart();
  const publish = (text: string) => publisher.call('PUBLISH', 'news', text);
  assert.deepEqual(await hearsAgain(channel, publish, 'one'), rowOf('one'));
  assert.deepEqual(await hearsAgain(pattern, publish, 'two'), rowOf('two'));
  const sharded = (text: string) => publisher.call('SPUBLISH', 'news', text);
  assert.deepEqual(await hearsAgain(shard, sharded, 'three'), rowOf('three'));
  const setting = (key: string) => publisher.call('SET', key, '1');
  assert.deepEqual(await hearsAgain(event, setting, 'four'), rowOf('four'));
  for (const { client } of [channel, pattern, shard, event]) client.close();
  publisher.close();
});

test('a master hands over, and one is killed: all that listens on the cluster goes on', async () => {
  const publisher = await login('spread', 1);
  const [channel, shard, event] = await Promise.all([0, 1, 0].map((at) => listen('spread', at)));
  assert.ok(channel && shard && event);
  await channel.subscribe('SUBSCRIBE', 'news');
  await shard.subscribe('SSUBSCRIBE', 'news');
  await event.subscribe('PSUBSCRIBE', '__keyspace@0__:{news}*');
  const tagged = slotOf('spread:news');
  let round = 0;
  const check = async (): Promise<void> => {
    const mark = (what: string) => `${what}${round}`;
    const publish = (text: string) => publisher.call('PUBLISH', 'news', text);
    assert.deepEqual(await hearsAgain(channel, publish, mark('c')), rowOf(mark('c')));
    const sharded = (text: string) => publisher.call('SPUBLISH', 'news', text);
    assert.deepEqual(await hearsAgain(shard, sharded, mark('s')), rowOf(mark('s')));
    for (const one of [channel, shard, event]) one.forget();
    await until(
      async () => {
        await publisher.ask('SET', `{news}${round}`, '1');
        return event.heard.includes('set');
      },
      { what: 'an event of a key', everyMs: 50 },
    );
    round += 1;
  };
  await check();
  // Whoever owns slot 0 is where plain channels are listened to.
  await cluster.failover(await cluster.nodeOf(0), 'graceful');
  await check();
  await cluster.failover(await cluster.nodeOf(tagged), 'kill9');
  await check();
  assert.ok(Number(await publisher.ask('PUBLISH', 'news', 'count')) >= 1);
  for (const { client } of [channel, shard, event]) client.close();
  publisher.close();
});

test('the slot of a sharded channel migrates: its subscribers move with it', async () => {
  const publisher = await login('spread', 1);
  const listeners = await Promise.all([0, 1].map((at) => listen('spread', at)));
  for (const one of listeners) await one.subscribe('SSUBSCRIBE', 'moving', 'staying');
  const slot = slotOf('spread:moving');
  for (const round of [0, 1]) {
    const masters = await cluster.masters();
    const from = await cluster.nodeOf(slot);
    const to = masters.find((node) => node !== from);
    assert.ok(to);
    await cluster.migrateSlot(slot, to);
    for (const [at, one] of listeners.entries()) {
      const mark = `${round}${at}`;
      const publish = (text: string) => publisher.call('SPUBLISH', 'moving', text);
      assert.deepEqual(await hearsAgain(one, publish, mark), rowOf(mark));
    }
  }
  for (const [at, one] of listeners.entries()) {
    const publish = (text: string) => publisher.call('SPUBLISH', 'staying', text);
    assert.deepEqual(await hearsAgain(one, publish, `stayed${at}`), rowOf(`stayed${at}`));
    one.client.close();
  }
  publisher.close();
});

test('a route moves: subscribers hear the old backend, then the new one, and never both', async () => {
  const listeners = await Promise.all([0, 1].map((at) => listen('app', at)));
  for (const one of listeners) await one.subscribe('SUBSCRIBE', 'moved');
  const old = await login('app', 0, 2);
  old.send('*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nmoved\r\n');
  await old.replies(1);
  const direct = await single.connect();
  const [node] = await cluster.masters();
  assert.ok(node);
  const there = await node.server.connect();
  const going = { on: true };
  const publishing = (async () => {
    for (let n = 0; going.on; n += 1) {
      await direct.call('PUBLISH', 'app:moved', `old ${n}`);
      await there.call('PUBLISH', 'app:moved', `new ${n}`);
    }
  })();
  const heard = (word: string) =>
    listeners.every((one) => one.heard.some((text) => text.startsWith(word)));
  await until(() => heard('old'), { what: 'messages of the old backend' });
  await world.api.changeApplied([
    {
      op: 'put',
      kind: 'route',
      tenant: 'app',
      id: 'cluster',
      value: { backend: 'cluster', default: true },
    },
  ]);
  await until(() => heard('new'), { what: 'messages of the new backend' });
  going.on = false;
  await publishing;
  for (const one of listeners) {
    const texts = one.heard;
    const turn = texts.findIndex((text) => text.startsWith('new'));
    assert.ok(
      texts.slice(turn).every((text) => text.startsWith('new')),
      'nothing old after the new',
    );
    for (const part of [texts.slice(0, turn), texts.slice(turn)]) {
      const numbers = part.map((text) => Number(text.split(' ')[1]));
      assert.deepEqual(
        numbers,
        numbers.map((_, at) => (numbers[0] as number) + at),
        'none lost or twice',
      );
    }
    one.client.close();
  }
  // RESP2, where a message is an array like any reply.
  await until(() => old.waiting > 0, { what: 'the RESP2 subscriber' });
  for (const client of [old, direct, there]) client.close();
});

test('PUBLISH on one proxy reaches, and counts, who listens on the other', async () => {
  const listener = await listen('spread', 1);
  await listener.subscribe('SUBSCRIBE', 'across');
  const [here, there] = await Promise.all([login('spread', 0), login('spread', 1)]);
  assert.equal(await here.ask('PUBLISH', 'across', 'a'), 1);
  assert.equal(await there.ask('PUBLISH', 'across', 'b'), 1);
  assert.deepEqual(await here.ask('PUBSUB', 'NUMSUB', 'across'), ['across', 1]);
  assert.deepEqual(await here.ask('PUBSUB', 'CHANNELS'), ['across']);
  await until(() => listener.heard.length === 2, { what: 'both messages' });
  for (const client of [listener.client, here, there]) client.close();
});

test('a subscriber whose user is removed is shown out', async () => {
  const value = { readOnly: true, secret: secretOf('secret of the guest') };
  await world.api.changeApplied([
    { op: 'put', kind: 'user', tenant: 'spread', id: 'guest', value },
  ]);
  const client = await world.proxy.connect({
    auth: ['spread.guest', 'secret of the guest'],
    protocol: 3,
  });
  const listener = new Listener(client);
  await listener.subscribe('SUBSCRIBE', 'guests');
  assert.equal(await client.ask('PUBLISH', 'guests', 'hello'), 1);
  await until(() => listener.heard.length === 1, { what: 'a read-only user to publish' });
  await world.api.changeApplied([{ op: 'delete', kind: 'user', tenant: 'spread', id: 'guest' }]);
  await within(client.closed, 'the connection to end');
  const rest = await login('spread');
  await until(async () => (await rest.ask('PUBLISH', 'guests', 'gone')) === 0, {
    what: 'nobody to listen any more',
  });
  rest.close();
});

test('a proxy drains: its subscribers get what was published, then their connection ends', async () => {
  const [staying, leaving] = await Promise.all([listen('spread', 0), listen('spread', 1)]);
  const old = await login('spread', 1, 2);
  await staying.subscribe('SUBSCRIBE', 'drain');
  await leaving.subscribe('SUBSCRIBE', 'drain');
  await leaving.subscribe('SSUBSCRIBE', 'drain');
  old.send('*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\ndrain\r\n');
  await old.replies(1);
  const publisher = await login('spread', 0);
  assert.equal(await publisher.ask('PUBLISH', 'drain', 'last'), 2);
  await until(() => leaving.heard.length === 1 && old.waiting === 1, { what: 'the last message' });
  const stopped = world.proxies[1]!.stop();
  await within(Promise.all([leaving.client.closed, old.closed]), 'the connections to end');
  assert.equal(await stopped, 0);
  await until(async () => (await publisher.ask('PUBLISH', 'drain', 'after')) === 1, {
    what: 'only one subscriber to be left',
  });
  await until(() => staying.heard.includes('after'), { what: 'the other proxy to go on' });
  for (const client of [staying.client, publisher]) client.close();
});
