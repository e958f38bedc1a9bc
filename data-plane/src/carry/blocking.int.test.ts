/** Blocking commands of every kind of tenant, beside a plain redis-server that gets the same commands. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { flushAll, kinds, type OwnedRig, pipelined, startOwnedRig } from '../test/owned-rig.ts';
import { until } from '../test/proxy.ts';
import type { TestClient } from '../test/test-client.ts';
import { unblock } from './blocking.ts';

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
      for (const program of programs) {
        for (const whole of [true, false]) {
          await flushAll(rig);
          const [client, plain] = await Promise.all([
            rig.client(kind, protocol),
            rig.plainClient(protocol),
          ]);
          const answer = async (to: TestClient): Promise<string[]> => {
            if (whole) return pipelined(to, program);
            const replies: string[] = [];
            for (const line of program) replies.push(await to.text(...line.split(' ')));
            return replies;
          };
          assert.deepEqual(await answer(client), await answer(plain), program.join('; '));
          client.close();
          plain.close();
        }
      }
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
        for (const [client, actor] of [
          [await rig.client(kind, protocol), other],
          [await rig.plainClient(protocol), plainOther],
        ] as const) {
          client.send(waiting.split(' '), ['ECHO', 'behind']);
          if (actor === other) await untilBlocked(1);
          else await plainBlocked(1);
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

async function plainBlocked(count: number): Promise<void> {
  const { direct } = rig.plain.nodes[0]!;
  for (;;) {
    const text = await direct.text('INFO', 'clients');
    if (text.includes(`blocked_clients:${count}\r\n`)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
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

test('CLIENT UNBLOCK ends it as its timeout would, or with an error', async () => {
  for (const [command, across] of [
    ['BLPOP k 0', false],
    ['BLMOVE {k}1 {k}2 LEFT LEFT 0', false],
    ['BLPOP a b c 0', true],
  ] as const) {
    for (const error of [false, true]) {
      const client = await rig.client(across ? 'cluster' : 'dedicated', 2);
      client.send(command.split(' '));
      await untilBlocked(1);
      const [connection] = [...rig.path.connections].filter(({ wait }) => wait !== null);
      assert.equal(unblock(connection!, error), true);
      const wanted = error ? '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n' : '*-1\r\n';
      assert.equal((await client.next()).toString(), wanted);
      assert.equal(unblock(connection!, error), false);
      assert.equal(await client.text('PING'), '+PONG\r\n');
      client.close();
    }
  }
});

test('a change of the route, of the user, and a server that dies each end it with a word', async () => {
  const base = { backend: 'one', isolation: { mode: 'dedicated' } } as const;
  const { path } = rig;
  const swap = (changing: object): void =>
    path.swap({ ...path.tenants, changing: { ...base, ...changing } });
  swap({});
  const client = await rig.client('changing');
  client.send(['BLPOP', 'k', '0'], ['PING']);
  await untilBlocked(1);
  swap({ enabled: true });
  assert.equal(blocked(), 1);
  swap({ backend: 'three' });
  assert.match((await client.next()).toString(), /^-UNBLOCKED the backend of this session changed/);
  assert.equal((await client.next()).toString(), '+PONG\r\n');
  swap({});
  client.send(['BLPOP', 'k', '0']);
  await untilBlocked(1);
  swap({ readOnly: true });
  assert.match((await client.next()).toString(), /^-UNBLOCKED this user may not/);
  swap({});
  client.send(['BLPOP', 'k', '0']);
  await untilBlocked(1);
  swap({ enabled: false });
  assert.match((await client.next()).toString(), /^-UNBLOCKED the session ends/);
  await until(
    () => client.closed,
    () => 'still open',
  );
  const dying = await startOwnedRig();
  try {
    const waiter = await dying.client('dedicated');
    waiter.send(['BLPOP', 'k', '0']);
    await until(
      () => dying.path.ownedConnections() === 1,
      () => dying.path.ownedConnections(),
    );
    await until(
      () => dying.path.observe.counters.clientsBlocked === 1,
      () => 'not blocked',
    );
    dying.one.nodes[0]!.child.kill('SIGKILL');
    assert.match(
      (await waiter.next()).toString(),
      /^-UNBLOCKED the connection to the server broke/,
    );
  } finally {
    await dying.stop();
  }
});

test('a process that drains tells who waits, and lets a transaction finish', async () => {
  const draining = await startOwnedRig();
  const waiter = await draining.client('dedicated');
  const open = await draining.client('dedicated');
  waiter.send(['BLPOP', 'k', '0'], ['PING']);
  await until(
    () => draining.path.observe.counters.clientsBlocked === 1,
    () => 'not blocked',
  );
  await pipelined(open, ['MULTI', 'SET a 1']);
  const drained = draining.path.clients.drain(10_000);
  assert.match((await waiter.next()).toString(), /^-UNBLOCKED the session ends/);
  await until(
    () => waiter.closed,
    () => 'still open',
  );
  const said = await pipelined(open, ['GET a', 'EXEC']);
  assert.deepEqual(said, ['+QUEUED\r\n', '*2\r\n+OK\r\n$1\r\n1\r\n']);
  await until(
    () => open.closed,
    () => 'still open',
  );
  await drained;
  await draining.stop();
});

test('a slot that moves under a waiting command takes the command along', async () => {
  const [client, other] = await Promise.all([rig.client('cluster'), rig.client('cluster')]);
  const { nodes } = rig.three;
  const slot = (await nodes[0]!.direct.text('CLUSTER', 'KEYSLOT', 'moving')).slice(1, -2);
  const ids = await Promise.all(nodes.map(({ direct }) => direct.ask('CLUSTER', 'MYID')));
  const id = (index: number): string => String((ids[index] as { bytes: Buffer }).bytes);
  client.send(['BLPOP', 'moving', '0']);
  await untilBlocked(1);
  const owner = await ownerIndex('moving');
  const next = (owner + 1) % 3;
  for (const at of [next, owner])
    await nodes[at]!.direct.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id(next));
  await other.ask('RPUSH', 'moving', 'x');
  assert.equal((await client.next()).toString(), '*2\r\n$6\r\nmoving\r\n$1\r\nx\r\n');
  for (const at of [owner, next])
    await nodes[at]!.direct.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id(owner));
});

async function ownerIndex(key: string): Promise<number> {
  for (const [index, { direct }] of rig.three.nodes.entries()) {
    if (!(await direct.text('TYPE', key)).startsWith('-MOVED')) return index;
  }
  throw new Error('nobody owns it');
}
