/** Blocking commands of every kind of tenant, beside a plain redis-server that gets the same commands. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  assertAnsweredAsByRedis,
  flushAll,
  kinds,
  type OwnedRig,
  pipelined,
  startOwnedRig,
  untilBlockedAt,
} from '../test/owned-rig.ts';
import { until } from '../test/proxy.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig();
});
beforeEach(() => flushAll(rig));
after(async () => {
  await rig.stop();
  assert.deepEqual(rig.path.failures, []);
});

const blocked = (): number => rig.path.observe.counters.clientsBlocked;
const untilBlocked = (count: number): Promise<void> => until(() => blocked() === count, blocked);

/** Every one is answered at once: there is something, its time is over, or it is wrong. */
const programs: readonly (readonly string[])[] = [
  ['RPUSH {t}l a b c', 'BLPOP {t}n {t}l 0', 'BRPOP {t}l 0', 'LRANGE {t}l 0 -1', 'BLPOP {t}n 0.01'],
  ['RPUSH {t}l a b c', 'BLMPOP 0 2 {t}n {t}l LEFT COUNT 2', 'BLMPOP 0.01 1 {t}n RIGHT'],
  ['RPUSH {t}l a b', 'BLMOVE {t}l {t}m LEFT RIGHT 0', 'BRPOPLPUSH {t}l {t}m 0', 'LRANGE {t}m 0 -1'],
  ['BLMOVE {t}n {t}m LEFT RIGHT 0.01', 'BRPOPLPUSH {t}n {t}m 0.01', 'BZPOPMIN {t}n 0.01'],
  ['ZADD {t}z 1.5 a 2 b inf c', 'BZPOPMIN {t}n {t}z 0', 'BZPOPMAX {t}z 0', 'BZMPOP 0 1 {t}z MIN'],
  ['BZMPOP 0.01 1 {t}z MIN', 'BLPOP {t}n 1e-2', 'BLPOP {t}n .01', 'BLPOP {t}n +0.01'],
  ['BLPOP {t}n x', 'BLPOP {t}n -1', 'BLPOP {t}n 1e400', 'BLPOP {t}n nan', 'BLPOP {t}n', 'BLPOP'],
  [
    'SET {t}s 1',
    'BLPOP {t}s 0',
    'BLPOP {t}n {t}s 0',
    'BZPOPMIN {t}s 0',
    'BLMOVE {t}s {t}d LEFT LEFT 0',
  ],
  ['BLMPOP 0 1 {t}l NOWHERE', 'BLMPOP 0 1 {t}l LEFT COUNT 0', 'BLMOVE {t}l {t}m UP DOWN 0'],
  ['XADD {t}s 1-1 f v', 'XREAD BLOCK 0 STREAMS {t}s {t}u 0 0', 'XREAD BLOCK 10 STREAMS {t}s $'],
  ['XREAD COUNT 1 STREAMS {t}s 0', 'XADD {t}s 1-1 f v', 'XREAD COUNT 1 STREAMS {t}s 0'],
  [
    'XREAD BLOCK x STREAMS {t}s 0',
    'XREAD BLOCK -1 STREAMS {t}s 0',
    'XREAD BLOCK 1.5 STREAMS {t}s 0',
  ],
  [
    'XGROUP CREATE {t}s g $ MKSTREAM',
    'XADD {t}s 1-1 f v',
    'XREADGROUP GROUP g c BLOCK 0 STREAMS {t}s >',
  ],
  ['XREADGROUP GROUP g c BLOCK 10 STREAMS {t}s >', 'XREADGROUP GROUP g c STREAMS {t}s 0'],
  [
    'RPUSH {t}l a b',
    'LMPOP 2 {t}n {t}l LEFT',
    'LMPOP 1 {t}n LEFT',
    'ZADD {t}z 1 a',
    'ZMPOP 1 {t}z MIN',
  ],
];

for (const kind of kinds) {
  for (const protocol of [2, 3] as const) {
    test(`every reply is Redis's own: ${kind}, RESP${protocol}, pipelined and not`, async () => {
      await assertAnsweredAsByRedis(rig, kind, protocol, programs);
    });
  }
}

/** A command that waits, what ends it, and what both answer. */
const waits: readonly (readonly [waiting: string, ends: string])[] = [
  ['BLPOP {t}a {t}b 0', 'RPUSH {t}b x y'],
  ['BRPOP {t}a {t}b 5', 'RPUSH {t}b x y'],
  ['BLMPOP 0 2 {t}a {t}b RIGHT COUNT 5', 'RPUSH {t}b x y'],
  ['BLMOVE {t}a {t}b LEFT RIGHT 0', 'RPUSH {t}a x y'],
  ['BRPOPLPUSH {t}a {t}b 0', 'RPUSH {t}a x y'],
  ['BZPOPMIN {t}a {t}b 0', 'ZADD {t}b 1 x 2 y'],
  ['BZPOPMAX {t}b 0', 'ZADD {t}b 1 x 2 y'],
  ['BZMPOP 0 2 {t}a {t}b MIN COUNT 2', 'ZADD {t}b 1 x 2 y'],
  ['XREAD BLOCK 0 STREAMS {t}a {t}b $ $', 'XADD {t}b 5-5 f v'],
];

for (const kind of kinds) {
  test(`a command waits until another client acts, and what is pipelined behind it too: ${kind}`, async () => {
    for (const protocol of [2, 3] as const) {
      const [other, plainOther] = await Promise.all([rig.client(kind), rig.plainClient()]);
      for (const [waiting, ends] of waits) {
        await flushAll(rig);
        const said: string[][] = [];
        for (const [client, actor, servers] of [
          [await rig.client(kind, protocol), other, [rig.one, rig.three]],
          [await rig.plainClient(protocol), plainOther, [rig.plain]],
        ] as const) {
          client.send(waiting.split(' '), ['ECHO', 'behind']);
          await untilBlockedAt(servers, 1);
          assert.equal(blocked(), actor === other ? 1 : 0);
          assert.equal(client.unread, 0);
          await actor.ask(...ends.split(' '));
          const [first, second] = [await client.next(), await client.next()];
          said.push([first.toString(), second.toString()]);
          client.close();
        }
        assert.deepEqual(said[0], said[1], waiting);
      }
    }
  });
}

test('keys in several slots: the first that has something, in the order they were named', async () => {
  for (const kind of ['cluster', 'cluster-prefix']) {
    for (const protocol of [2, 3] as const) {
      const [client, other, plain] = await Promise.all([
        rig.client(kind, protocol),
        rig.client(kind),
        rig.plainClient(protocol),
      ]);
      const program = [
        ...['RPUSH c x y z', 'BLPOP a b c d 0', 'BRPOP b c 0', 'BLMPOP 0 3 a b c LEFT COUNT 3'],
        ...[
          'ZADD z 1.5 m 2 n',
          'BZPOPMIN a b z 1',
          'BZMPOP 1 2 a z MAX',
          'BLPOP a b 0.02',
          'BLPOP a b x',
        ],
        ...[
          'BLPOP a b -1',
          'XADD s 1-1 f v',
          'XREAD BLOCK 10 STREAMS s u 0 0',
          'XREAD BLOCK 10 STREAMS s u $ $',
        ],
        ...[
          'XREAD STREAMS u s 0 0',
          'XREAD STREAMS u w 0 0',
          'SET str 1',
          'BLPOP a str c 0',
          'BLMPOP 0 2 a b UP',
          'RPUSH from a b c',
          'BLMOVE from to LEFT RIGHT 0',
          'BRPOPLPUSH from to 0',
          'LRANGE to 0 -1',
          'BLMOVE none to LEFT RIGHT 0.02',
          'BLMOVE from to UP RIGHT 0',
        ],
      ];
      assert.deepEqual(await pipelined(client, program), await pipelined(plain, program));
      client.send(['BLPOP', 'a', 'b', 'c', '0']);
      await untilBlocked(1);
      await other.ask('RPUSH', 'b', 'late');
      assert.equal((await client.next()).toString(), '*2\r\n$1\r\nb\r\n$4\r\nlate\r\n');
      client.send(['XREAD', 'BLOCK', '0', 'STREAMS', 's', 'u', '$', '$']);
      await untilBlocked(1);
      await other.ask('XADD', 's', '2-1', 'f', 'w');
      assert.match((await client.next()).toString(), /2-1/);
      await flushAll(rig);
    }
  }
});

test('200 clients wait while others are served over the shared connections', async () => {
  const waiters = await Promise.all(Array.from({ length: 200 }, () => rig.client('dedicated')));
  for (const [index, waiter] of waiters.entries()) waiter.send(['BLPOP', `q${index}`, '0']);
  await untilBlocked(200);
  const busy = await rig.client('dedicated');
  for (let n = 0; n < 300; n++) assert.equal(await busy.text('INCR', 'n'), `:${n + 1}\r\n`);
  for (const index of waiters.keys()) await busy.ask('RPUSH', `q${index}`, `v${index}`);
  for (const [index, waiter] of waiters.entries()) {
    const reply = (await waiter.next()).toString();
    assert.ok(reply.endsWith(`\r\nv${index}\r\n`), reply);
  }
  assert.equal(blocked(), 0);
});

test('CLIENT UNBLOCK ends it as its timeout would, or with an error, of the own tenant only', async () => {
  for (const kind of ['dedicated', 'prefix', 'cluster']) {
    const [other, stranger] = await Promise.all([rig.client(kind), rig.client('db')]);
    for (const waiting of ['BLPOP a b c 0', 'BLMOVE {k}1 {k}2 LEFT LEFT 0']) {
      for (const [word, wanted] of [
        ['TIMEOUT', '*-1\r\n'],
        ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
      ] as const) {
        const client = await rig.client(kind);
        const id = (await client.text('CLIENT', 'ID')).slice(1, -2);
        client.send(waiting.split(' '));
        await untilBlocked(1);
        assert.match(await other.text('CLIENT', 'LIST', 'ID', id), / flags=b /);
        assert.equal(await stranger.text('CLIENT', 'UNBLOCK', id, word), ':0\r\n');
        assert.equal(await other.text('CLIENT', 'UNBLOCK', id, word), ':1\r\n');
        assert.equal((await client.next()).toString(), wanted);
        assert.equal(await other.text('CLIENT', 'UNBLOCK', id), ':0\r\n');
        assert.equal(await client.text('PING'), '+PONG\r\n');
        client.close();
      }
    }
    for (const wrong of ['x', '1 NOW', '1 ERROR more']) {
      const line = ['CLIENT', 'UNBLOCK', ...wrong.split(' ')];
      const plain = await rig.plainClient();
      assert.equal(await other.text(...line), await plain.text(...line), wrong);
      plain.close();
    }
  }
});
