/** ioredis with its default options, through every family of commands an application uses. */
import assert from 'node:assert/strict';
import { Cluster, type ClusterOptions, Redis } from 'ioredis';
import {
  type Checks,
  Inbox,
  keyOf,
  runChecks,
  sameSlot,
  speaks,
  type Target,
  trouble,
  whileWaiting,
} from './checks.ts';

type Client = Redis | Cluster;

function open(target: Target, clusterOptions: ClusterOptions): Client {
  const { host, port, protocol, user, password } = target;
  const options = {
    ...(protocol === null ? {} : { protocol }),
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
  };
  return target.mode === 'single'
    ? new Redis({ host, port, ...options })
    : new Cluster([{ host, port }], { ...clusterOptions, redisOptions: options });
}

/** Opens a client for one check. */
async function using(
  target: Target,
  check: (client: Client) => Promise<void>,
  clusterOptions: ClusterOptions = {},
): Promise<void> {
  const client = open(target, clusterOptions).on('error', trouble);
  try {
    await check(client);
  } finally {
    client.disconnect();
  }
}

function both(
  target: Target,
  check: (one: Client, other: Client) => Promise<void>,
  clusterOptions: ClusterOptions = {},
): Promise<void> {
  const second = (one: Client) => using(target, (other) => check(one, other), clusterOptions);
  return using(target, second, clusterOptions);
}

async function handshake(client: Client, target: Target): Promise<void> {
  const key = keyOf(target, 'hello');
  assert.equal(await client.ping(), 'PONG');
  speaks(target, String(await client.call('CLIENT', 'INFO')));
  assert.equal(await client.set(key, 'world'), 'OK');
  assert.equal(await client.get(key), 'world');
  assert.equal(await client.del(key), 1);
  assert.equal(await client.quit(), 'OK');
}

async function values(client: Client, target: Target): Promise<void> {
  const key = (name: string): string => keyOf(target, name);
  assert.equal(await client.set(key('text'), 'grüße', 'EX', 100), 'OK');
  assert.equal(await client.get(key('text')), 'grüße');
  const ttl = await client.ttl(key('text'));
  assert.ok(ttl > 90 && ttl <= 100, `ttl ${ttl}`);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  await client.set(key('bytes'), bytes);
  assert.deepEqual(await client.getBuffer(key('bytes')), bytes);
  assert.equal(await client.get(key('none')), null);
  assert.equal(await client.incrby(key('number'), 7), 7);
  assert.equal(await client.hset(key('hash'), { a: '1', b: '2' }), 2);
  assert.deepEqual(await client.hgetall(key('hash')), { a: '1', b: '2' });
  assert.equal(await client.rpush(key('list'), 'a', 'b'), 2);
  assert.deepEqual(await client.lrange(key('list'), 0, -1), ['a', 'b']);
  assert.equal(await client.sadd(key('set'), 'a', 'b'), 2);
  assert.deepEqual((await client.smembers(key('set'))).sort(), ['a', 'b']);
  assert.equal(await client.zadd(key('zset'), 1, 'one', 2.5, 'more'), 2);
  const ranked = await client.zrange(key('zset'), '0', '-1', 'WITHSCORES');
  assert.deepEqual(ranked, ['one', '1', 'more', '2.5']);
  await assert.rejects(client.lpush(key('text'), 'x'), /WRONGTYPE/);
  assert.equal(await client.get(key('text')), 'grüße');
}

async function many(client: Client, target: Target): Promise<void> {
  const keys = Array.from({ length: 20 }, (_, n) => keyOf(target, `many:${n}`));
  assert.equal(await client.mset(...keys.flatMap((key) => [key, `v${key}`])), 'OK');
  const found = await client.mget(...keys, keyOf(target, 'none'));
  assert.deepEqual(found, [...keys.map((key) => `v${key}`), null]);
  assert.equal(await client.exists(...keys, ...keys), 40);
  assert.equal(await client.touch(...keys), 20);
  assert.equal(await client.del(...keys.slice(0, 10)), 10);
  assert.equal(await client.unlink(...keys), 10);
}

async function pipeline(client: Client, target: Target): Promise<void> {
  const queue = client.pipeline();
  await client.set(keyOf(target, 'text'), 'x');
  for (let n = 0; n < 500; n += 1) {
    queue.set(keyOf(target, `p:${n}`), n).incr(keyOf(target, `p:${n}`));
    if (n === 250) queue.lpush(keyOf(target, 'text'), 'x');
  }
  const replies = (await queue.exec()) ?? [];
  const [refused] = replies.splice(502, 1);
  assert.match(String(refused?.[0]), /WRONGTYPE/);
  const expected = Array.from({ length: 500 }, (_, n) => ['OK', n + 1]).flat();
  assert.deepEqual(
    replies,
    expected.map((reply) => [null, reply]),
  );
}

async function transaction(client: Client, target: Target): Promise<void> {
  const [text, count] = [sameSlot(target, 'tx:text'), sameSlot(target, 'tx:count')];
  await client.del(text, count);
  const replies = await client
    .multi()
    .set(text, 'a')
    .incr(count)
    .lpush(text, 'x')
    .incr(count)
    .get(text)
    .exec();
  const [, , refused] = replies ?? [];
  assert.match(String(refused?.[0]), /WRONGTYPE/);
  const answers = replies?.map(([, answer]) => answer);
  assert.deepEqual(answers?.toSpliced(2, 1), ['OK', 1, 2, 'a']);
  if (client instanceof Redis) {
    await client.multi({ pipeline: false });
    assert.equal(await client.set(text, 'gone'), 'QUEUED');
    assert.equal(await client.discard(), 'OK');
  }
  assert.equal(await client.get(text), 'a');
}

async function watch(one: Client, other: Client, target: Target): Promise<void> {
  const key = sameSlot(target, 'watched');
  await one.set(key, 'first');
  await one.watch(key);
  await other.set(key, 'other');
  assert.equal(await one.multi().set(key, 'lost').exec(), null);
  assert.equal(await one.get(key), 'other');
  await one.watch(key);
  assert.deepEqual(await one.multi().set(key, 'won').exec(), [[null, 'OK']]);
  await one.watch(key);
  await other.set(key, 'again');
  assert.equal(await one.unwatch(), 'OK');
  assert.deepEqual(await one.multi().get(key).exec(), [[null, 'again']]);
}

async function publish(one: Client, other: Client, target: Target): Promise<void> {
  const channel = (name: string): string => `${target.keys}${name}`;
  const inbox = new Inbox();
  one.on('message', inbox.take);
  one.on('pmessage', inbox.take);
  assert.equal(await one.subscribe(channel('a'), channel('b')), 2);
  assert.equal(await one.psubscribe(channel('p.*')), 3);
  for (let n = 0; n < 3; n += 1) await other.publish(channel('a'), `a${n}`);
  await inbox.expect(...[0, 1, 2].map((n) => `${channel('a')} a${n}`));
  await other.publish(channel('p.x'), 'p');
  await inbox.expect(`${channel('p.*')} ${channel('p.x')} p`);
  assert.equal(await one.unsubscribe(channel('a')), 2);
  await other.publish(channel('a'), 'unheard');
  await other.publish(channel('b'), 'b');
  await inbox.expect(`${channel('b')} b`);
  assert.equal(await one.punsubscribe(channel('p.*')), 1);
  await other.publish(channel('p.x'), 'unheard');
  await other.publish(channel('b'), 'last');
  await inbox.expect(`${channel('b')} last`);
  assert.equal(await one.unsubscribe(channel('b')), 0);
  assert.equal(await one.set(keyOf(target, 'after'), 'x'), 'OK');
}

async function shards(one: Client, other: Client, target: Target): Promise<void> {
  const channel = sameSlot(target, 'channel');
  const inbox = new Inbox();
  one.on('smessage', (from: string, message: string) => inbox.take(from, message));
  assert.equal(await one.ssubscribe(channel), 1);
  for (let n = 0; n < 3; n += 1) await other.spublish(channel, `${n}`);
  await inbox.expect(...[0, 1, 2].map((n) => `${channel} ${n}`));
  assert.equal(await one.sunsubscribe(channel), 0);
}

async function script(client: Client, target: Target): Promise<void> {
  const key = keyOf(target, 'scripted');
  const [add, once] = [1, 2].map(
    (n) => `-- ${target.keys} ${Math.random()}
    redis.call('INCRBY', KEYS[1], ARGV[1] * ${n}) return {KEYS[1], ARGV[1]}`,
  ) as [string, string];
  assert.deepEqual(await client.eval(add.replace('--', '-- eval'), 1, key, 2), [key, '2']);
  await assert.rejects(client.evalsha('f'.repeat(40), 1, key, 2), /NOSCRIPT/);
  client.defineCommand('addTwice', { numberOfKeys: 1, lua: once });
  const scripted = client as unknown as { addTwice(key: string, by: number): Promise<unknown> };
  // The first call finds the script missing and repairs that.
  for (let n = 0; n < 3; n += 1) assert.deepEqual(await scripted.addTwice(key, 2), [key, '2']);
  assert.equal(await client.get(key), '14');
  const sha = String(await client.script('LOAD', add));
  assert.deepEqual(await client.script('EXISTS', sha, 'f'.repeat(40)), [1, 0]);
  assert.deepEqual(await client.evalsha(sha, 1, key, 1), [key, '1']);
  await assert.rejects(client.eval('return redis.error_reply("MINE own")', 1, key), /MINE own/);
}

async function blocking(one: Client, other: Client, target: Target): Promise<void> {
  const key = (name: string): string => sameSlot(target, name);
  await other.del(key('list'), key('zset'), key('from'), key('to'));
  const popped = one.blpop(key('list'), key('other'), 10);
  await other.rpush(key('list'), 'one', 'two');
  assert.deepEqual(await popped, [key('list'), 'one']);
  assert.deepEqual(await one.brpop(key('list'), 10), [key('list'), 'two']);
  assert.equal(await one.blpop(key('list'), 0.1), null);
  const moved = one.blmove(key('from'), key('to'), 'LEFT', 'RIGHT', 10);
  await other.rpush(key('from'), 'moved');
  assert.equal(await moved, 'moved');
  const least = one.bzpopmin(key('zset'), 10);
  await other.zadd(key('zset'), 2, 'b');
  assert.deepEqual(await least, [key('zset'), 'b', '2']);
  assert.equal(await one.llen(key('to')), 1);
}

async function scan(client: Client, target: Target): Promise<void> {
  const match = keyOf(target, 'scan:*');
  const names = Array.from({ length: 300 }, (_, n) => keyOf(target, `scan:${n}`)).sort();
  await client.mset(...names.flatMap((name) => [name, 'x']));
  const seen = new Set<string>();
  for (const node of client instanceof Redis ? [client] : client.nodes('master')) {
    for await (const page of node.scanStream({ match, count: 50 })) {
      for (const key of page as string[]) seen.add(key);
    }
  }
  assert.deepEqual([...seen].sort(), names);
  await client.hset(keyOf(target, 'scanned'), Object.fromEntries(names.map((name) => [name, '1'])));
  const fields: string[] = [];
  for await (const page of client.hscanStream(keyOf(target, 'scanned'))) {
    fields.push(...(page as string[]).filter((_, n) => n % 2 === 0));
  }
  assert.deepEqual([...new Set(fields)].sort(), names);
}

async function stream(one: Client, other: Client, target: Target): Promise<void> {
  const key = keyOf(target, 'stream');
  await one.del(key);
  for (let n = 1; n <= 5; n += 1) {
    assert.equal(await one.xadd(key, `${n}-0`, 'n', `${n}`), `${n}-0`);
  }
  assert.equal(await one.xlen(key), 5);
  const entry = (n: number) => [`${n}-0`, ['n', `${n}`]];
  assert.deepEqual(await one.xrange(key, '2', '3'), [entry(2), entry(3)]);
  const later = await one.xread('COUNT', 2, 'STREAMS', key, '3-0');
  assert.deepEqual(later, [[key, [entry(4), entry(5)]]]);
  assert.equal(await one.xgroup('CREATE', key, 'group', '0'), 'OK');
  const taken = await one.xreadgroup('GROUP', 'group', 'me', 'COUNT', 2, 'STREAMS', key, '>');
  assert.deepEqual(taken, [[key, [entry(1), entry(2)]]]);
  assert.equal(await one.xack(key, 'group', '1-0'), 1);
  assert.deepEqual((await one.xpending(key, 'group')).slice(0, 3), [1, '2-0', '2-0']);
  const next = one.xread('BLOCK', 10_000, 'STREAMS', key, '$');
  // `$` is taken when the command arrives: what was added before it stays unseen.
  const read = await whileWaiting(next, () => other.xadd(key, '*', 'n', 'new'));
  assert.deepEqual(read?.[0]?.[1]?.[0]?.[1], ['n', 'new']);
}

const checks: Checks = {
  handshake: (target) => using(target, (client) => handshake(client, target)),
  values: (target) => using(target, (client) => values(client, target)),
  many: (target) => using(target, (client) => many(client, target)),
  pipeline: (target) => using(target, (client) => pipeline(client, target)),
  transaction: (target) => using(target, (client) => transaction(client, target)),
  watch: (target) => both(target, (one, other) => watch(one, other, target)),
  publish: (target) => both(target, (one, other) => publish(one, other, target)),
  shards: (target) =>
    both(target, (one, other) => shards(one, other, target), { shardedSubscribers: true }),
  script: (target) => using(target, (client) => script(client, target)),
  blocking: (target) => both(target, (one, other) => blocking(one, other, target)),
  scan: (target) => using(target, (client) => scan(client, target)),
  stream: (target) => both(target, (one, other) => stream(one, other, target)),
};
await runChecks(checks);
