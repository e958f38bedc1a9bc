/**
 * A client leaves while its command waits: nothing is popped and lost.
 *
 * Method: clients that wait for one list end their side at a random moment and read on until the
 * proxy closes, while another client pushes numbered elements; in between, some connections are cut
 * before anything is pushed. In the end every element was received by exactly one client, or stands
 * in the list.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { decodeReply } from '../resp/reply-decoder.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import { flushAll, type OwnedRig, startOwnedRig, untilBlockedAt } from '../test/owned-rig.ts';
import { until } from '../test/proxy.ts';
import { Random } from '../test/random.ts';
import type { RealNode } from '../test/real-redis.ts';
import type { TestClient } from '../test/test-client.ts';
import { Waiting } from './waiting.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig();
});
beforeEach(() => flushAll(rig));
after(async () => {
  await rig.stop();
  assert.deepEqual(rig.path.failures, []);
});

const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);
const blocked = (): number => rig.path.observe.counters.clientsBlocked;

const untilServerBlocked = (count: number): Promise<void> =>
  untilBlockedAt([rig.one, rig.three], count);

test('a client that leaves is noticed, too, where its command had to wait for earlier replies', async () => {
  for (const kind of ['dedicated', 'prefix', 'cluster', 'cluster-prefix']) {
    for (const earlier of [
      ['GET', 'x'],
      ['MGET', 'a', 'b', 'c'],
      ['KEYS', '*'],
    ]) {
      const [client, other] = await Promise.all([rig.client(kind), rig.client(kind)]);
      client.send(earlier, ['BLPOP', 'k', '0']);
      await client.next();
      await untilServerBlocked(1);
      client.socket.destroy();
      await until(() => blocked() === 0, blocked);
      await untilServerBlocked(0);
      assert.equal(await other.text('RPUSH', 'k', 'element'), ':1\r\n');
      assert.equal(await other.text('LPOP', 'k'), '$7\r\nelement\r\n');
      other.close();
    }
  }
});

test('a connection that is cut ends the command at the server, and what comes then stays', async () => {
  for (const kind of ['dedicated', 'prefix', 'cluster', 'cluster-prefix']) {
    for (const how of ['destroy', 'reset', 'end'] as const) {
      const [client, other] = await Promise.all([rig.client(kind), rig.client(kind)]);
      client.send(['BLPOP', 'k', '0'], ['PING']);
      await untilServerBlocked(1);
      if (how === 'destroy') client.socket.destroy();
      else if (how === 'reset') client.socket.resetAndDestroy();
      else client.socket.end();
      await untilServerBlocked(0);
      await until(() => blocked() === 0, blocked);
      await other.ask('RPUSH', 'k', 'v');
      assert.equal(await other.text('LRANGE', 'k', '0', '-1'), '*1\r\n$1\r\nv\r\n');
      await other.ask('DEL', 'k');
      for (const one of [client, other]) one.close();
    }
  }
});

test('a value that is popped in the very moment is put back', async () => {
  // The server pops before it reads what ends the command: both wait for it while it stands still.
  const node = rig.one.nodes[0]!;
  for (const [waiting, push, look] of [
    ['BLPOP k 0', 'RPUSH k v w', 'LRANGE k 0 -1'],
    ['BRPOP k 0', 'RPUSH k v w', 'LRANGE k 0 -1'],
    ['BLMPOP 0 1 k LEFT COUNT 2', 'RPUSH k v w x', 'LRANGE k 0 -1'],
    ['BLMPOP 0 1 k RIGHT COUNT 2', 'RPUSH k v w x', 'LRANGE k 0 -1'],
    ['BZPOPMIN k 0', 'ZADD k 0.1 v 2 w', 'ZRANGE k 0 -1 WITHSCORES'],
    ['BZMPOP 0 1 k MAX COUNT 2', 'ZADD k 0.1 v 2 w inf x', 'ZRANGE k 0 -1 WITHSCORES'],
  ] as const) {
    for (const protocol of [2, 3] as const) {
      const client = await rig.client('dedicated', protocol);
      client.send(waiting.split(' '));
      await untilServerBlocked(1);
      const given = rig.path.observe.counters.poppedGivenBack;
      await leavesAsItIsServed(node, client, push);
      const { counters } = rig.path.observe;
      await until(
        () => counters.poppedGivenBack > given,
        () => 'nothing was given back',
      );
      await rig.plain.nodes[0]!.direct.ask(...push.split(' '));
      const [is, wanted] = await Promise.all(
        [node, rig.plain.nodes[0]!].map(({ direct }) => direct.text(...look.split(' '))),
      );
      assert.equal(is, wanted, waiting);
      await flushAll(rig);
    }
  }
});

test('what was moved or delivered to a client that left stays where it is', async () => {
  const node = rig.one.nodes[0]!;
  const group = 'XGROUP CREATE s g $ MKSTREAM';
  for (const [before, waiting, act, look, wanted] of [
    ['DEL to', 'BLMOVE k to LEFT RIGHT 0', 'RPUSH k v', 'LRANGE to 0 -1', '*1\r\n$1\r\nv\r\n'],
    ['DEL to', 'BRPOPLPUSH k to 0', 'RPUSH k v', 'LRANGE to 0 -1', '*1\r\n$1\r\nv\r\n'],
    ['DEL s', 'XREAD BLOCK 0 STREAMS s $', 'XADD s 1-1 f v', 'XLEN s', ':1\r\n'],
    [
      ...[group, 'XREADGROUP GROUP g c BLOCK 0 STREAMS s >', 'XADD s 1-1 f v', 'XPENDING s g'],
      '*4\r\n:1\r\n$3\r\n1-1\r\n$3\r\n1-1\r\n*1\r\n*2\r\n$1\r\nc\r\n$1\r\n1\r\n',
    ],
    [
      ...[group, 'XREADGROUP GROUP g c NOACK BLOCK 0 STREAMS s >', 'XADD s 1-1 f v'],
      ...['XPENDING s g', '*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n'],
    ],
  ] as const) {
    const { poppedGivenBack, poppedLost } = rig.path.observe.counters;
    await node.direct.ask(...before.split(' '));
    const client = await rig.client('dedicated');
    client.send(waiting.split(' '));
    await untilServerBlocked(1);
    await leavesAsItIsServed(node, client, act);
    await until(() => blocked() === 0, blocked);
    assert.equal(await node.direct.text(...look.split(' ')), wanted, waiting);
    const { counters } = rig.path.observe;
    assert.deepEqual(
      [counters.poppedGivenBack, counters.poppedLost],
      [poppedGivenBack, poppedLost],
      waiting,
    );
    await flushAll(rig);
  }
});

/** While the server stands, `command` is sent and the waiting client leaves; then it reads both. */
async function leavesAsItIsServed(
  node: RealNode,
  client: TestClient,
  command: string,
): Promise<void> {
  await whileItStands(node, async () => {
    node.direct.send(command.split(' '));
    client.socket.end();
    await until(
      () => isKnownGone(client),
      () => rig.path.describe(),
    );
  });
  await node.direct.next();
  await untilServerBlocked(0);
}

/** What is sent to it meanwhile it reads in that order. */
async function whileItStands({ child }: RealNode, act: () => Promise<void>): Promise<void> {
  child.kill('SIGSTOP');
  try {
    const state = (): string => readFileSync(`/proc/${child.pid}/stat`, 'latin1');
    await until(() => state().includes(') T '), state);
    await act();
  } finally {
    child.kill('SIGCONT');
  }
}

/** Whether the proxy has told the server that nobody waits for the reply any more. */
function isKnownGone({ socket }: TestClient): boolean {
  const own = [...rig.path.connections].find(({ address }) =>
    address.endsWith(`:${socket.localPort}`),
  );
  return own === undefined || (own.wait instanceof Waiting && own.wait.isGone);
}

for (const kind of ['dedicated', 'prefix', 'cluster'] as const) {
  test(`clients that come and go lose no element: ${kind}, seed ${seed}`, async () => {
    const random = new Random(seed);
    const pusher = await rig.client(kind);
    const received: string[] = [];
    const before = rig.path.observe.counters.poppedGivenBack;
    const rounds = 400;
    let pushed = 0;
    for (let round = 0; round < rounds; round++) {
      const waiters = await Promise.all(
        Array.from({ length: 1 + random.below(3) }, () => rig.client(kind)),
      );
      const command = random.pick([
        ['BLPOP', 'k', '0'],
        ['BLMPOP', '0', '1', 'k', 'LEFT', 'COUNT', '2'],
        // On the cluster these two keys lie in two slots.
        ['BLPOP', 'nothing', 'k', '0'],
      ]);
      const acts: (() => void)[] = [
        ...waiters.flatMap((waiter) => [() => asks(waiter, command), () => waiter.socket.end()]),
        () => pusher.send(['RPUSH', 'k', String(pushed++)]),
        () => pusher.send(['RPUSH', 'k', String(pushed++), String(pushed++)]),
      ];
      // In any order, at any turn: some end before they ask, and then ask nothing.
      const replies = waiters.map((waiter) => everything(waiter));
      const order = shuffled(acts, random);
      for (const act of order) {
        act();
        for (let turns = random.below(4); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await pusher.next();
      await pusher.next();
      for (const values of await Promise.all(replies)) received.push(...values);
    }
    await untilServerBlocked(0);
    await until(() => blocked() === 0, blocked);
    const left = await pusher.ask('LRANGE', 'k', '0', '-1');
    const inList = (itemsOf(left) ?? []).map((item) => textOf(item) ?? '');
    const all = [...received, ...inList].map(Number).sort((a, b) => a - b);
    assert.deepEqual(
      all,
      Array.from({ length: pushed }, (_, n) => n),
    );
    const { poppedGivenBack, poppedLost } = rig.path.observe.counters;
    assert.equal(poppedLost, 0);
    assert.ok(poppedGivenBack > before, 'none was ever put back: the race was not met');
  });
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const left = [...list];
  return list.map(() => left.splice(random.below(left.length), 1)[0] as T);
}

/** The elements a client receives until the proxy closes its connection. */
async function everything(client: TestClient): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    let reply: Resp;
    try {
      const bytes = await client.next();
      reply = decodeReply(bytes, 0, bytes.length);
    } catch {
      return values;
    }
    const [, value] = itemsOf(reply) ?? [];
    if (value !== undefined) values.push(...flat(value));
  }
}

function flat(value: Resp): string[] {
  return itemsOf(value)?.map((item) => textOf(item) ?? '') ?? [textOf(value) ?? ''];
}

function asks(waiter: TestClient, command: readonly string[]): void {
  if (waiter.socket.writable) waiter.send(command);
}
