/** node-redis with its default options, through every family of commands an application uses. */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RESP_TYPES, WatchError } from 'redis';
import {
  type Checks,
  Inbox,
  keyOf,
  runChecks,
  sameSlot,
  speaks,
  type Target,
  whileWaiting,
} from './checks.ts';
import { both, newScript, type Opened, using, usingCache } from './node-redis-client.ts';

async function handshake({ client, node }: Opened, target: Target): Promise<void> {
  const key = keyOf(target, 'hello');
  assert.equal(await node.ping(), 'PONG');
  speaks(target, String(await node.sendCommand(['CLIENT', 'INFO'])));
  assert.equal(await client.set(key, 'world'), 'OK');
  assert.equal(await client.get(key), 'world');
  assert.equal(await client.del(key), 1);
}

async function values({ client }: Opened, target: Target): Promise<void> {
  const key = (name: string): string => keyOf(target, name);
  assert.equal(
    await client.set(key('text'), 'grüße', { expiration: { type: 'EX', value: 100 } }),
    'OK',
  );
  assert.equal(await client.get(key('text')), 'grüße');
  const ttl = await client.ttl(key('text'));
  assert.ok(ttl > 90 && ttl <= 100, `ttl ${ttl}`);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  await client.set(key('bytes'), bytes);
  const inBytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  assert.deepEqual(await inBytes.get(key('bytes')), bytes);
  assert.equal(await client.get(key('none')), null);
  assert.equal(await client.incrBy(key('number'), 7), 7);
  assert.equal(await client.hSet(key('hash'), { a: '1', b: '2' }), 2);
  assert.deepEqual({ ...(await client.hGetAll(key('hash'))) }, { a: '1', b: '2' });
  assert.equal(await client.rPush(key('list'), ['a', 'b']), 2);
  assert.deepEqual(await client.lRange(key('list'), 0, -1), ['a', 'b']);
  assert.equal(await client.sAdd(key('set'), ['a', 'b']), 2);
  assert.deepEqual((await client.sMembers(key('set'))).sort(), ['a', 'b']);
  const ranked = [
    { value: 'one', score: 1 },
    { value: 'more', score: 2.5 },
  ];
  assert.equal(await client.zAdd(key('zset'), ranked), 2);
  assert.deepEqual(await client.zRangeWithScores(key('zset'), 0, -1), ranked);
  await assert.rejects(client.lPush(key('text'), 'x'), /WRONGTYPE/);
  assert.equal(await client.get(key('text')), 'grüße');
}

async function many({ client }: Opened, target: Target): Promise<void> {
  const keys = Array.from({ length: 20 }, (_, n) => keyOf(target, `many:${n}`));
  assert.equal(await client.mSet(keys.map((key) => [key, `v${key}`] as [string, string])), 'OK');
  const found = await client.mGet([...keys, keyOf(target, 'none')]);
  assert.deepEqual(found, [...keys.map((key) => `v${key}`), null]);
  assert.equal(await client.exists([...keys, keys[0] as string]), 21);
  assert.equal(await client.touch(keys), 20);
  assert.equal(await client.del(keys.slice(0, 10)), 10);
  assert.equal(await client.unlink(keys), 10);
}

/** Commands issued without waiting leave together; `execAsPipeline` does so explicitly. */
async function pipeline({ client }: Opened, target: Target): Promise<void> {
  await client.set(keyOf(target, 'text'), 'x');
  const sent = Array.from({ length: 500 }, (_, n) => [
    client.set(keyOf(target, `p:${n}`), n),
    client.incr(keyOf(target, `p:${n}`)),
  ]).flat();
  const refused = client.lPush(keyOf(target, 'text'), 'x');
  const expected = Array.from({ length: 500 }, (_, n) => ['OK', n + 1]).flat();
  await assert.rejects(refused, /WRONGTYPE/);
  assert.deepEqual(await Promise.all<unknown>(sent), expected);
  const queue = client.multi();
  for (let n = 0; n < 500; n += 1) {
    queue.set(sameSlot(target, `p:${n}`), n).incr(sameSlot(target, `p:${n}`));
  }
  assert.deepEqual(await queue.execAsPipeline(), expected);
}

async function transaction({ client, node }: Opened, target: Target): Promise<void> {
  const [text, count] = [sameSlot(target, 'tx:text'), sameSlot(target, 'tx:count')];
  await client.del([text, count]);
  const queue = client.multi().set(text, 'a').incr(count).get(text).incr(count);
  assert.deepEqual(await queue.exec(), ['OK', 1, 'a', 2]);
  const failing = client.multi().incr(count).lPush(text, 'x').incr(count).exec();
  await assert.rejects(failing, ({ replies }: { replies: unknown[] }) => {
    assert.match(String(replies[1]), /WRONGTYPE/);
    assert.deepEqual(replies.toSpliced(1, 1), [3, 4]);
    return true;
  });
  assert.equal(await node.sendCommand(['MULTI']), 'OK');
  assert.equal(await node.sendCommand(['SET', text, 'gone']), 'QUEUED');
  assert.equal(await node.sendCommand(['DISCARD']), 'OK');
  assert.equal(await client.get(text), 'a');
}

async function watch({ node: one }: Opened, { node: other }: Opened, target: Target) {
  const key = sameSlot(target, 'watched');
  await one.set(key, 'first');
  await one.watch(key);
  await other.set(key, 'other');
  await assert.rejects(one.multi().set(key, 'lost').exec(), WatchError);
  assert.equal(await one.get(key), 'other');
  await one.watch(key);
  assert.deepEqual(await one.multi().set(key, 'won').exec(), ['OK']);
  await one.watch(key);
  await other.set(key, 'again');
  assert.equal(await one.unwatch(), 'OK');
  assert.deepEqual(await one.multi().get(key).exec(), ['again']);
}

async function publish({ client: one }: Opened, { client: other }: Opened, target: Target) {
  const channel = (name: string): string => `${target.keys}${name}`;
  const inbox = new Inbox();
  await one.subscribe([channel('a'), channel('b')], inbox.take);
  await one.pSubscribe(channel('p.*'), inbox.take);
  for (let n = 0; n < 3; n += 1) await other.publish(channel('a'), `a${n}`);
  await inbox.expect(...[0, 1, 2].map((n) => `a${n} ${channel('a')}`));
  await other.publish(channel('p.x'), 'p');
  await inbox.expect(`p ${channel('p.x')}`);
  await one.unsubscribe(channel('a'));
  await other.publish(channel('a'), 'unheard');
  await other.publish(channel('b'), 'b');
  await inbox.expect(`b ${channel('b')}`);
  await one.pUnsubscribe(channel('p.*'));
  await other.publish(channel('p.x'), 'unheard');
  await other.publish(channel('b'), 'last');
  await inbox.expect(`last ${channel('b')}`);
  await one.unsubscribe();
  // With RESP2 a client that has subscribed reads simple strings as bytes from then on.
  assert.equal(String(await one.set(keyOf(target, 'after'), 'x')), 'OK');
}

async function shards({ client: one }: Opened, { client: other }: Opened, target: Target) {
  const channel = sameSlot(target, 'channel');
  const inbox = new Inbox();
  await one.sSubscribe(channel, inbox.take);
  for (let n = 0; n < 3; n += 1) await other.sPublish(channel, `${n}`);
  await inbox.expect(...[0, 1, 2].map((n) => `${n} ${channel}`));
  await one.sUnsubscribe(channel);
}

/** Reads are answered from the client's own memory until the server says a key was changed. */
async function cache({ client }: Opened, target: Target): Promise<void> {
  const key = sameSlot(target, 'cached');
  await client.set(key, 'first');
  await usingCache(target, async (cached, hits) => {
    for (let n = 0; n < 5; n += 1) assert.equal(await cached.get(key), 'first');
    assert.equal(hits(), 4);
    await client.set(key, 'second');
    // The invalidation comes on another connection than the answer to SET. What is answered from
    // memory leaves the event loop no turn to read it.
    while ((await cached.get(key)) === 'first') await nextTurn();
    const before = hits();
    assert.equal(await cached.get(key), 'second');
    assert.equal(hits(), before + 1);
  });
}

async function script({ client, node }: Opened, target: Target): Promise<void> {
  const key = sameSlot(target, 'scripted');
  const how = { keys: [key], arguments: ['2'] };
  assert.deepEqual(await client.eval(newScript(), how), [key, '2']);
  await assert.rejects(client.evalSha('f'.repeat(40), how), /NOSCRIPT/);
  // The first call finds the script missing and repairs that.
  for (let n = 0; n < 3; n += 1) assert.deepEqual(await client.addBy(key, 2), [key, '2']);
  assert.equal(await client.get(key), '8');
  const sha = await node.scriptLoad(newScript());
  assert.deepEqual(await node.scriptExists([sha, 'f'.repeat(40)]), [1, 0]);
  assert.deepEqual(await client.evalSha(sha, how), [key, '2']);
  await assert.rejects(client.eval('return redis.error_reply("MINE own")', how), /MINE own/);
}

async function blocking({ node: one }: Opened, { node: other }: Opened, target: Target) {
  const key = (name: string): string => sameSlot(target, name);
  await other.del([key('list'), key('zset'), key('from'), key('to')]);
  const popped = one.blPop([key('list'), key('other')], 10);
  await other.rPush(key('list'), ['one', 'two']);
  assert.deepEqual({ ...(await popped) }, { key: key('list'), element: 'one' });
  const last = await one.brPop(key('list'), 10);
  assert.deepEqual({ ...last }, { key: key('list'), element: 'two' });
  assert.equal(await one.blPop(key('list'), 0.1), null);
  const moved = one.blMove(key('from'), key('to'), 'LEFT', 'RIGHT', 10);
  await other.rPush(key('from'), 'moved');
  assert.equal(await moved, 'moved');
  const least = one.bzPopMin(key('zset'), 10);
  await other.zAdd(key('zset'), { value: 'b', score: 2 });
  assert.deepEqual({ ...(await least) }, { key: key('zset'), value: 'b', score: 2 });
  assert.equal(await one.lLen(key('to')), 1);
}

async function scan({ client, node }: Opened, target: Target): Promise<void> {
  const names = Array.from({ length: 300 }, (_, n) => sameSlot(target, `scan:${n}`)).sort();
  await client.mSet(names.map((name) => [name, 'x'] as [string, string]));
  const seen = new Set<string>();
  for await (const page of node.scanIterator({ MATCH: sameSlot(target, 'scan:*'), COUNT: 50 })) {
    for (const key of page) seen.add(key);
  }
  assert.deepEqual([...seen].sort(), names);
  const hash = sameSlot(target, 'scanned');
  await client.hSet(hash, Object.fromEntries(names.map((name) => [name, '1'])));
  const fields = new Set<string>();
  for await (const page of node.hScanIterator(hash)) {
    for (const { field } of page) fields.add(field);
  }
  assert.deepEqual([...fields].sort(), names);
}

async function stream({ node: one }: Opened, { client: other }: Opened, target: Target) {
  const key = sameSlot(target, 'stream');
  await other.del(key);
  for (let n = 1; n <= 5; n += 1) {
    assert.equal(await one.xAdd(key, `${n}-0`, { n: `${n}` }), `${n}-0`);
  }
  assert.equal(await one.xLen(key), 5);
  const numbers = (entries: readonly { id: string; message: { n?: string } }[] | null = []) =>
    entries?.map(({ id, message }) => `${id} ${message.n}`);
  assert.deepEqual(numbers(await one.xRange(key, '2', '3')), ['2-0 2', '3-0 3']);
  const read = await one.xRead({ key, id: '3-0' }, { COUNT: 2 });
  assert.deepEqual(numbers(read?.[0]?.messages), ['4-0 4', '5-0 5']);
  assert.equal(await one.xGroupCreate(key, 'group', '0'), 'OK');
  const taken = await one.xReadGroup('group', 'me', { key, id: '>' }, { COUNT: 2 });
  assert.deepEqual(numbers(taken?.[0]?.messages), ['1-0 1', '2-0 2']);
  assert.equal(await one.xAck(key, 'group', '1-0'), 1);
  const { pending, firstId } = await one.xPending(key, 'group');
  assert.deepEqual([pending, firstId], [1, '2-0']);
  const next = one.xRead({ key, id: '$' }, { BLOCK: 10_000 });
  // `$` is taken when the command arrives: what was added before it stays unseen.
  const entry = await whileWaiting(next, () => other.xAdd(key, '*', { n: 'new' }));
  assert.equal(entry?.[0]?.messages[0]?.message['n'], 'new');
}

const checks: Checks = {
  handshake: (target) => using(target, (opened) => handshake(opened, target)),
  values: (target) => using(target, (opened) => values(opened, target)),
  many: (target) => using(target, (opened) => many(opened, target)),
  pipeline: (target) => using(target, (opened) => pipeline(opened, target)),
  transaction: (target) => using(target, (opened) => transaction(opened, target)),
  watch: (target) => both(target, (one, other) => watch(one, other, target)),
  publish: (target) => both(target, (one, other) => publish(one, other, target)),
  shards: (target) => both(target, (one, other) => shards(one, other, target)),
  cache: (target) => using(target, (opened) => cache(opened, target)),
  script: (target) => using(target, (opened) => script(opened, target)),
  blocking: (target) => both(target, (one, other) => blocking(one, other, target)),
  scan: (target) => using(target, (opened) => scan(opened, target)),
  stream: (target) => both(target, (one, other) => stream(one, other, target)),
};
await runChecks(checks);
