/**
 * 5,000 subscribers on few connections to the server; one that does not read is cut off, and the
 * others lose nothing by it.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Listener } from '../topology/listener.ts';
import { encode, type RawClient } from '../topology/raw-client.ts';
import { startRedis } from '../topology/redis.ts';
import { decodeReply } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until, within } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const subscribers = 5_000;
const rooms = 100;
const serverConnectionsMax = 4;
let world: World;

before(async () => {
  const [redis, started] = await Promise.all([
    startRedis(stage),
    startWorld(stage, {
      proxies: 1,
      defaultTenant: 'app',
      proxyEnv: { RESPOOL_SUBSCRIBER_BYTES_MAX: String(1024 * 1024) },
    }),
  ]);
  world = started;
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  await createTenant(world.api, 'app', {
    isolation: { mode: 'prefix', prefix: 'app:' },
    routes: ['main'],
  });
});

async function metric(name: string): Promise<number> {
  const text = await world.proxy.metrics();
  return Number(new RegExp(`^respool_${name}(?:{[^}]*})? (\\d+)$`, 'm').exec(text)?.[1]);
}

test(`${subscribers} subscribers take ${serverConnectionsMax} connections at most`, async (t) => {
  const clients: RawClient[] = [];
  for (let at = 0; at < subscribers; at += 250) {
    const some = Array.from({ length: 250 }, () =>
      world.proxy.connect({ protocol: at % 500 === 0 ? 2 : 3 }),
    );
    clients.push(...(await Promise.all(some)));
  }
  const began = performance.now();
  const come = (client: RawClient) => client.waiting + client.pushes.length;
  const allHave = (count: number) => () => clients.every((client) => come(client) >= count);
  for (const [at, client] of clients.entries()) {
    client.send(encode('SUBSCRIBE', 'all', `room:${at % rooms}`));
  }
  await until(allHave(2), { what: 'all confirmations' });
  t.diagnostic(`subscribed in ${Math.round(performance.now() - began)} ms`);
  assert.equal(await metric('subscriptions'), subscribers * 2);
  assert.ok((await metric('backend_connections')) <= serverConnectionsMax);
  const publisher = await world.proxy.connect();
  const sent = performance.now();
  assert.equal(await publisher.ask('PUBLISH', 'all', 'hello'), subscribers);
  await until(allHave(3), { what: 'the message to reach everybody' });
  t.diagnostic(`one message to ${subscribers} in ${Math.round(performance.now() - sent)} ms`);
  t.diagnostic(`resident ${Math.round(world.proxy.rssBytes() / 2 ** 20)} MiB`);
  assert.equal(await publisher.ask('PUBLISH', 'room:7', 'hi'), subscribers / rooms);
  assert.equal(await publisher.ask('PUBLISH', 'all', 'end'), subscribers);
  await until(allHave(4), { what: 'the last message' });
  for (const [at, client] of clients.entries()) {
    const got = [...client.pushes, ...(await client.replies(client.waiting))].map(decodeReply);
    const texts = got.map((one) => (one as readonly unknown[])[2]);
    const room = at % rooms === 7 ? ['hi'] : [];
    assert.deepEqual(texts, [1, 2, 'hello', ...room, 'end'], `client ${at}`);
  }
  for (const client of clients) client.close();
  await until(async () => (await metric('subscriptions')) === 0, { what: 'nothing to be left' });
  assert.equal(await publisher.ask('PUBLISH', 'all', 'nobody'), 0);
  publisher.close();
});

test('a subscriber that does not read is cut off; the others miss nothing', async () => {
  const healthy = await Promise.all(
    Array.from({ length: 3 }, async () => new Listener(await world.proxy.connect({ protocol: 3 }))),
  );
  const slow = new Listener(await world.proxy.connect({ protocol: 3 }));
  for (const one of [...healthy, slow]) await one.subscribe('SUBSCRIBE', 'flood');
  slow.client.socket.pause();
  const publisher = await world.proxy.connect();
  const body = 'x'.repeat(64 * 1024);
  let count = 0;
  const dropped = await metric('subscribers_dropped_total');
  while ((await metric('subscribers_dropped_total')) === dropped) {
    assert.ok(count < 2_000, 'it should have been cut off by now');
    for (const end = count + 20; count < end; count += 1) {
      await publisher.call('PUBLISH', 'flood', `${count} ${body}`);
    }
  }
  assert.equal(await publisher.ask('PUBLISH', 'flood', `${count} ${body}`), healthy.length);
  await until(() => healthy.every((one) => one.heard.length > count), {
    what: 'all of it',
  });
  for (const one of healthy) {
    const numbers = one.heard.map((text) => Number(text.slice(0, text.indexOf(' '))));
    assert.deepEqual(
      numbers,
      Array.from({ length: count + 1 }, (_, n) => n),
    );
    one.client.close();
  }
  slow.client.socket.resume();
  await within(slow.client.closed, 'the slow one to see its connection end');
  publisher.close();
});
