/** Transactions of every kind of tenant, beside a plain redis-server that gets the same commands. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  assertAnsweredAsByRedis,
  flushAll,
  kinds,
  type OwnedRig,
  pipelined,
  startOwnedRig,
} from '../test/owned-rig.ts';
import { until } from '../test/proxy.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig({ redis: { ownedConnectionsMax: 20 } });
});
beforeEach(() => flushAll(rig));
after(async () => {
  await rig.stop();
  assert.deepEqual(rig.path.failures, []);
});

/** Each a conversation of one client; every key in one slot. */
const programs: readonly (readonly string[])[] = [
  ['SET {t}a 1', 'MULTI', 'INCR {t}a', 'GET {t}a', 'MGET {t}a {t}b', 'EXEC', 'GET {t}a'],
  ['MULTI', 'EXEC', 'MULTI', 'DISCARD', 'EXEC', 'DISCARD', 'UNWATCH'],
  ['MULTI', 'MULTI', 'WATCH {t}a', 'SET {t}a 1', 'EXEC', 'GET {t}a'],
  ['MULTI', 'SET {t}a', 'SET {t}a 1', 'EXEC', 'EXEC', 'GET {t}a'],
  ['MULTI', 'NOSUCH x', 'PING', 'EXEC', 'PING'],
  ['MULTI', 'DISCARD x', 'PING', 'EXEC'],
  ['MULTI x', 'EXEC x', 'WATCH', 'UNWATCH x', 'EXEC'],
  ['MULTI', 'PING', 'ECHO hi', 'PING hi', 'UNWATCH', 'EXEC'],
  ['MULTI', 'SET {t}s x', 'INCR {t}s', 'LPUSH {t}s y', 'GET {t}s', 'EXEC', 'GET {t}s'],
  ['MULTI', 'HSET {t}h a 1 b 2', 'HGETALL {t}h', 'ZADD {t}z 1.5 m', 'ZSCORE {t}z m', 'EXEC'],
  ['MULTI', 'SADD {t}x a', 'SMEMBERS {t}x', 'SET {t}b v EX 100', 'TTL {t}b', 'EXEC'],
  ['RPUSH {t}l a b', 'MULTI', 'BLPOP {t}none {t}l 0', 'BLPOP {t}none 0', 'BLPOP {t}l x', 'EXEC'],
  [
    'RPUSH {t}l a b c',
    'MULTI',
    'LMPOP 2 {t}none {t}l LEFT COUNT 2',
    'BLMOVE {t}l {t}m LEFT RIGHT 0',
    'EXEC',
  ],
  [
    'XADD {t}s 1-1 a b',
    'MULTI',
    'XREAD BLOCK 0 STREAMS {t}s {t}u 0 0',
    'XREAD STREAMS {t}u 0',
    'EXEC',
  ],
  [
    'ZADD {t}z 1 a 2 b',
    'MULTI',
    'BZPOPMIN {t}z 0',
    'ZMPOP 1 {t}z MAX',
    'BZMPOP 1 1 {t}z MIN',
    'EXEC',
  ],
  ['WATCH {t}a', 'MULTI', 'SET {t}a 1', 'EXEC', 'GET {t}a'],
  ['WATCH {t}a {t}b', 'WATCH {t}c', 'SET {t}c 1', 'MULTI', 'SET {t}a 1', 'EXEC', 'GET {t}a'],
  ['WATCH {t}a', 'SET {t}a 1', 'MULTI', 'GET {t}a', 'DISCARD', 'MULTI', 'GET {t}a', 'EXEC'],
  ['WATCH {t}a', 'SET {t}a 1', 'UNWATCH', 'MULTI', 'GET {t}a', 'EXEC'],
  ['WATCH {t}a', 'MULTI', 'EXEC', 'WATCH {t}a', 'SET {t}a 1', 'MULTI', 'EXEC'],
  ['WATCH {t}a', 'MULTI', 'NOSUCH', 'EXEC', 'MULTI', 'PING', 'EXEC'],
  ['SET {t}n 5', 'WATCH {t}n', 'GET {t}n', 'MULTI', 'SET {t}n 6', 'GET {t}n', 'EXEC', 'GET {t}n'],
  ['MULTI', 'EVAL return{KEYS[1],ARGV[1]} 1 {t}k v', 'EVAL return 0', 'EXEC'],
  [
    'XGROUP CREATE {t}s g $ MKSTREAM',
    'XADD {t}s 1-1 a b',
    'MULTI',
    'XREADGROUP GROUP g c STREAMS {t}s >',
    'EXEC',
  ],
];

for (const kind of kinds) {
  for (const protocol of [2, 3] as const) {
    test(`every reply is Redis's own: ${kind}, RESP${protocol}, pipelined and not`, async () => {
      const served = programs.filter((program) => {
        return !kind.endsWith('prefix') || !program.some((line) => line.startsWith('EVAL'));
      });
      await assertAnsweredAsByRedis(rig, kind, protocol, served);
    });
  }
}

test('RESET and QUIT end a transaction, and nothing of it is executed', async () => {
  for (const kind of kinds) {
    const client = await rig.client(kind);
    const said = await pipelined(client, ['MULTI', 'SET a 1', 'RESET', 'EXEC']);
    assert.deepEqual(said.slice(0, 3), ['+OK\r\n', '+QUEUED\r\n', '+RESET\r\n']);
    await client.ask('AUTH', kind, '');
    assert.match(await client.text('EXEC'), /^-ERR EXEC without MULTI/);
    const leaving = await pipelined(client, ['WATCH a', 'MULTI', 'SET a 1', 'QUIT']);
    assert.equal(leaving[3], '+OK\r\n');
    const other = await rig.client(kind);
    assert.equal(await other.text('GET', 'a'), '$-1\r\n');
  }
});

test('on a cluster the first key pins the slot, of watched keys too', async () => {
  const client = await rig.client('cluster');
  const replies = await pipelined(client, [
    ...['MULTI', 'SET {a}1 x', 'SET {b}1 x', 'MGET {a}1 {b}1', 'PING', 'EXEC'],
    ...['WATCH {a}1 {b}1', 'WATCH {a}1', 'WATCH {b}1', 'MULTI', 'SET {b}1 x', 'EXEC', 'GET {a}1'],
  ]);
  const cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
  const abort = '-EXECABORT Transaction discarded because of previous errors.\r\n';
  assert.deepEqual(replies, [
    ...['+OK\r\n', '+QUEUED\r\n', cross, cross, '+QUEUED\r\n', abort],
    ...[cross, '+OK\r\n', cross, '+OK\r\n', cross, abort, '$-1\r\n'],
  ]);
});

test('a watched key that another client changed makes EXEC answer nil', async () => {
  for (const kind of kinds) {
    for (const protocol of [2, 3] as const) {
      const [client, other] = await Promise.all([rig.client(kind, protocol), rig.client(kind)]);
      await client.ask('WATCH', 'k');
      await other.ask('SET', 'k', 'theirs');
      await client.ask('MULTI');
      await client.ask('SET', 'k', 'mine');
      assert.equal(await client.text('EXEC'), protocol === 3 ? '_\r\n' : '*-1\r\n', kind);
      assert.equal(await other.text('GET', 'k'), '$6\r\ntheirs\r\n');
      await other.ask('DEL', 'k');
    }
  }
});

test('WATCH, another protocol, another database, EXEC: the transaction runs where the client is', async () => {
  const client = await rig.client('dedicated', 2);
  await client.ask('WATCH', 'k');
  await client.ask('HELLO', '3');
  await client.ask('SELECT', '2');
  await client.ask('MULTI');
  await client.ask('HSET', 'h', 'f', 'v');
  await client.ask('HGETALL', 'h');
  assert.equal(await client.text('EXEC'), '*2\r\n:1\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n');
  assert.equal(await client.text('EXISTS', 'h'), ':1\r\n');
  await client.ask('SELECT', '0');
  assert.equal(await client.text('EXISTS', 'h'), ':0\r\n');
});

test('many sessions transact over few shared connections and none mixes with another', async () => {
  await Promise.all(
    kinds.flatMap((kind) =>
      Array.from({ length: 12 }, async (_, who) => {
        const client = await rig.client(kind, who % 2 === 0 ? 2 : 3);
        const key = `{${kind}${who}}n`;
        for (let round = 1; round <= 25; round++) {
          client.send(
            ['MULTI'],
            ['INCR', key],
            ['ECHO', key],
            ['INCR', key],
            ['EXEC'],
            ['GET', key],
          );
          const replies: string[] = [];
          for (let n = 0; n < 6; n++) replies.push((await client.next()).toString());
          const n = round * 2;
          const echo = `$${key.length}\r\n${key}\r\n`;
          assert.equal(replies[4], `*3\r\n:${n - 1}\r\n${echo}:${n}\r\n`);
          assert.equal(replies[5], `$${String(n).length}\r\n${n}\r\n`);
        }
        client.close();
      }),
    ),
  );
});

test('optimistic locking counts right though every client races', async () => {
  for (const kind of kinds) {
    const clients = await Promise.all(Array.from({ length: 8 }, () => rig.client(kind)));
    await Promise.all(
      clients.map(async (client) => {
        for (let done = 0; done < 10; ) {
          await client.ask('WATCH', 'n');
          const now = await client.ask('GET', 'n');
          const value = now.type === 'bulk' ? Number(now.bytes) : 0;
          client.send(['MULTI'], ['SET', 'n', String(value + 1)], ['EXEC']);
          await client.next();
          await client.next();
          if (!(await client.next()).toString().startsWith('*-1')) done++;
        }
      }),
    );
    assert.equal(await clients[0]!.text('GET', 'n'), '$2\r\n80\r\n', kind);
  }
});

test('a client that leaves with watched keys gives its connection back, and it carries nothing over', async () => {
  const owned = (): number => rig.path.ownedConnections();
  const [one] = rig.one.nodes;
  for (let round = 0; round < 30; round++) {
    const client = await rig.client('dedicated');
    await client.ask('WATCH', 'k');
    client.close();
  }
  await until(() => owned() < 8, owned);
  const client = await rig.client('dedicated');
  await client.ask('WATCH', 'other');
  await one!.direct.ask('SET', 'k', 'x');
  assert.match((await pipelined(client, ['MULTI', 'PING', 'EXEC']))[2]!, /^\*1/);
});

test('more WATCHes than connections wait, then are told, and go on when one is free', async () => {
  const waiting = await startOwnedRig({
    redis: { ownedConnectionsMax: 2, commandDeadlineMs: 1_000 },
  });
  try {
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => waiting.client('dedicated')));
    await a!.ask('WATCH', 'k');
    await b!.ask('WATCH', 'k');
    assert.match(await c!.text('WATCH', 'k'), /^-ERR too many commands of this backend need/);
    c!.send(['WATCH', 'k']);
    await a!.ask('UNWATCH');
    assert.equal((await c!.next()).toString(), '+OK\r\n');
  } finally {
    await waiting.stop();
  }
});
