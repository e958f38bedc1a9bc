/**
 * Large commands: what is announced costs nothing, what is sent is bounded for each and for all,
 * and every client that must be refused is told why while the others are served.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type ProxyProcess, startProxy } from '../topology/proxy.ts';
import { connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { decodeReply } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until, within } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const megabyte = 1024 * 1024;
/** Of both tables of settings: the usual proxy's, and one's with little. */
const requestBytesMax = 64 * megabyte;
const argumentsMax = 1_048_576;
const small = { request: 4 * megabyte, upload: 8 * megabyte };
const many = 200;
/** What a test may leave behind for a while; what was announced would be a hundred times as much. */
const growthBytesMax = 150 * megabyte;
const tooLong = 'ERR Protocol error: invalid bulk length';
let world: World;
let backend: RedisServer;
let little: ProxyProcess;
let rssBefore: number;

before(async () => {
  [backend, world] = await Promise.all([
    startRedis(stage),
    startWorld(stage, { proxies: 1, defaultTenant: 'app' }),
  ]);
  await world.api.put('/v1/backends/main', standaloneBody(backend));
  await createTenant(world.api, 'app', { routes: ['main'] });
  little = await startProxy(stage, {
    ...{ nats: world.nats, masterKey: world.masterKey, index: 1, defaultTenant: 'app' },
    env: {
      RESPOOL_REQUEST_BYTES_MAX: String(small.request),
      RESPOOL_UPLOAD_BYTES_MAX: String(small.upload),
    },
  });
  const warm = await world.proxy.connect();
  await warm.pipeline(Array.from({ length: 2_000 }, (_, n) => ['SET', `warm:${n}`, n]));
  warm.close();
  rssBefore = world.proxy.rssBytes();
});

test('512 MB announced: an error each in Redis’s words, the end, and no memory', async () => {
  const clients = await connected(many);
  const announced = announcementOf(512 * megabyte);
  for (const client of clients) client.send(Buffer.concat([announced, Buffer.alloc(32_768, 'x')]));
  for (const client of clients) assert.equal(await lastWords(client), tooLong);
  await isSmall();
});

test('one byte more than a command may have is refused, and so is one argument more', async () => {
  const [value, count] = await connected(2);
  assert.ok(value && count);
  value.send(announcementOf(requestBytesMax + 1));
  assert.equal(await lastWords(value), tooLong);
  count.send(`*${argumentsMax + 1}\r\n$4\r\nMGET\r\n`);
  assert.equal(await lastWords(count), 'ERR Protocol error: invalid multibulk length');
  const [whole] = await connected(1);
  whole?.send(announcementOf(requestBytesMax));
  assert.equal(whole && (await lastWords(whole)), 'ERR Protocol error: too big request');
});

test('60 MB announced by each and a few bytes sent: nothing is refused, nothing grows', async () => {
  const refusedBefore = await refusedBy(world.proxy);
  const clients = await connected(many);
  const [first, ...others] = clients as [RawClient, ...RawClient[]];
  const size = 60_000_000;
  for (const [index, client] of clients.entries()) {
    const some = Buffer.alloc(index % 2 === 0 ? 0 : 1_000, 'x');
    client.send(Buffer.concat([encode('ECHO', index), announcementOf(size), some]));
  }
  // The echo tells that the proxy has read what came with it.
  for (const [index, client] of clients.entries()) {
    assert.equal(decodeReply((await client.replies(1))[0] ?? Buffer.alloc(0)), String(index));
  }
  await isSmall();
  assert.equal(await refusedBy(world.proxy), refusedBefore);
  first.send(Buffer.concat([Buffer.alloc(size, 'x'), Buffer.from('\r\n')]));
  assert.equal(decodeReply((await first.replies(1))[0] ?? Buffer.alloc(0)), 'OK');
  assert.equal(await first.ask('STRLEN', 'large'), size);
  assert.equal(await first.ask('DEL', 'large'), 1);
  for (const client of others) assert.ok(!client.isClosed && client.waiting === 0);
  for (const client of clients) client.close();
});

test('arrays of a million: announced they cost nothing, sent they get an answer', async () => {
  const clients = await connected(many);
  for (const client of clients) client.send(`${encode('ECHO', 'read')}*1000000\r\n$4\r\nMGET\r\n`);
  for (const client of clients) await client.replies(1);
  await isSmall();
  for (const client of clients) client.close();

  const [client] = await connected(1);
  assert.ok(client);
  client.send(`*1000000\r\n$4\r\nMGET\r\n${'$1\r\na\r\n'.repeat(999_999)}`);
  const [reply] = await client.replies(1);
  assert.ok(reply?.equals(Buffer.from(`*999999\r\n${'$-1\r\n'.repeat(999_999)}`)));
  client.close();
  await answers(world.proxy);
});

test('a value of 20 MB goes through while others are served', async () => {
  const value = Buffer.alloc(20 * megabyte, 'large ');
  const client = await connectRaw({ port: world.proxy.port });
  const sent = client.call('SET', 'large', value);
  const other = await world.proxy.connect();
  for (let round = 0; round < 50; round += 1)
    assert.equal(await other.ask('ECHO', round), String(round));
  assert.equal(await sent, 'OK');
  await reads(client, value);
  await client.call('DEL', 'large');
  client.close();
  other.close();
});

test('a value larger than a command may be, written past the proxy, is read all the same', async () => {
  const value = Buffer.alloc(requestBytesMax + megabyte, 'larger ');
  const direct = await backend.connect();
  assert.equal(await direct.call('SET', 'large', value), 'OK');
  const [client] = await connected(1);
  assert.ok(client);
  await reads(client, value);
  await direct.call('DEL', 'large');
  direct.close();
  client.close();
});

test('more is half sent than all may together: who comes last is told, the others go on', async () => {
  const value = Buffer.alloc(small.request - 1_000, 'v');
  const whole = encode('SET', 'half', value);
  const clients = await Promise.all([1, 2, 3].map(() => little.connect()));
  const [one, two, last] = clients as [RawClient, RawClient, RawClient];
  for (const client of [one, two]) {
    client.send(Buffer.concat([encode('ECHO', 'read'), whole.subarray(0, whole.length - 1)]));
    await client.replies(1);
  }
  await until(async () => (await heldBy(little)) >= 2 * (whole.length - 1), {
    what: 'both halves to be read',
  });
  last.send(whole);
  const words = 'ERR Protocol error: the proxy has no memory left for large requests';
  assert.equal(await lastWords(last), words);
  await answers(little);
  one.send('\n');
  assert.equal(decodeReply((await one.replies(1))[0] ?? Buffer.alloc(0)), 'OK');
  // What the first has sent is no burden any more.
  const again = await little.connect();
  assert.equal(await again.ask('SET', 'half', value), 'OK');
  two.send('\n');
  assert.equal(decodeReply((await two.replies(1))[0] ?? Buffer.alloc(0)), 'OK');
  for (const client of [one, two, again]) client.close();
});

test('after all this the proxy is as small as before', async () => {
  await isSmall();
});

function connected(count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => world.proxy.connect()));
}

/** The beginning of a SET whose value has `bytes`. */
function announcementOf(bytes: number): Buffer {
  return Buffer.from(`*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$${bytes}\r\n`);
}

/** The one reply after which the proxy closes, as text. */
async function lastWords(client: RawClient): Promise<string> {
  await within(client.closed, 'the connection to be closed');
  const replies = await client.replies(client.waiting);
  assert.equal(replies.length, 1);
  return replies[0]?.toString('latin1').replace(/^-(.*)\r\n$/, '$1') ?? '';
}

async function reads(client: RawClient, value: Buffer): Promise<void> {
  const reply = await client.raw('GET', 'large');
  assert.equal(reply.length, value.length + `$${value.length}\r\n\r\n`.length);
  assert.equal(reply.compare(value, 0, value.length, reply.indexOf('\n') + 1, reply.length - 2), 0);
}

/** What was used and freed before is given back in its own time, and more so while there is work. */
async function isSmall(): Promise<void> {
  const growth = (): number => world.proxy.rssBytes() - rssBefore;
  const small = async (): Promise<boolean> => {
    await answers(world.proxy);
    return growth() <= growthBytesMax;
  };
  await until(small, { what: `the proxy to be small: it grew by ${growth()} bytes` });
}

/** The proxy serves a client of good manners. */
async function answers(proxy: ProxyProcess): Promise<void> {
  const client = await proxy.connect();
  assert.equal(await client.ask('GET', 'warm:1'), '1');
  client.close();
}

async function refusedBy(proxy: ProxyProcess): Promise<number> {
  const text = await proxy.metrics();
  return Number(/^respool_protocol_errors_total (\d+)$/m.exec(text)?.[1]);
}

/** Bytes of commands that the tenant's clients have sent by half. */
async function heldBy(proxy: ProxyProcess): Promise<number> {
  const client = await proxy.connect();
  const list = String(await client.call('CLIENT', 'LIST'));
  client.close();
  return [...list.matchAll(/ qbuf=(\d+) /g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
