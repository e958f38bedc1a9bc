/** CLIENT TRACKING and CLIENT REPLY beside a plain redis-server: the same program, the same frames. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { HotPath } from '@respool/data-plane/test/hot-path';
import type { TestTenant } from '@respool/data-plane/test/tenant-state';
import { startCluster } from '../topology/cluster.ts';
import { comparable, play, type Score, type Step, step } from '../topology/program.ts';
import { connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { within } from '../topology/until.ts';

const stage = useStage();
let plain: RedisServer;
let path: HotPath;
let servers: readonly RedisServer[];

/** Each play begins with nothing. */
async function wipe(): Promise<void> {
  for (const server of servers) {
    const client = await server.connect();
    await client.call('FLUSHALL');
    client.close();
  }
}

const tenants: Readonly<Record<string, TestTenant>> = {
  dedicated: { backend: 'single', isolation: { mode: 'dedicated' } },
  prefix: { backend: 'shared', isolation: { mode: 'prefix', prefix: 'p:' } },
  db: { backend: 'shared', isolation: { mode: 'db' }, database: 3 },
  'prefix-cluster': { backend: 'cluster', isolation: { mode: 'prefix', prefix: 'pc:' } },
};

before(async () => {
  const [one, two, three, cluster] = await Promise.all([
    startRedis(stage),
    startRedis(stage),
    startRedis(stage),
    startCluster(stage, { masters: 3, replicas: 0 }),
  ]);
  plain = one;
  servers = [one, two, three, ...cluster.nodes.map(({ server }) => server)];
  const nodes = cluster.nodes.map(({ server }) => ({ port: server.port }));
  path = await HotPath.start({
    backends: { single: { nodes: [two] }, shared: { nodes: [three] }, cluster: { nodes } },
    tenants,
  });
  stage.defer(() => path.stop());
});

interface Program {
  readonly protocol: 2 | 3;
  readonly steps: readonly Step[];
  /** What a server tells of broadcasts names no database. */
  readonly notInDatabases?: boolean;
}

const programs: Readonly<Record<string, Program>> = {
  'options, their conflicts and what is told of them': {
    protocol: 2,
    notInDatabases: true,
    steps: [
      step('a', 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR', 'CLIENT CACHING YES'),
      step('a', 'CLIENT TRACKING ON', 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR'),
      step('a', 'CLIENT TRACKING ON BCAST', 'CLIENT TRACKING ON OPTIN OPTOUT'),
      step('a', 'CLIENT TRACKING ON PREFIX a', 'CLIENT TRACKING ON OPTIN', 'CLIENT TRACKINGINFO'),
      step('a', 'CLIENT CACHING NO', 'CLIENT CACHING YES', 'CLIENT TRACKINGINFO'),
      step('a', 'CLIENT TRACKINGINFO', 'CLIENT CACHING x', 'CLIENT TRACKING ON OPTOUT'),
      step('a', 'CLIENT TRACKING OFF', 'CLIENT TRACKING x', 'CLIENT TRACKING', 'CLIENT CACHING'),
      step('a', 'CLIENT TRACKING ON REDIRECT 999999999', 'CLIENT TRACKING ON REDIRECT x'),
      step('a', 'CLIENT TRACKING ON REDIRECT 0', 'CLIENT TRACKING ON REDIRECT'),
      step('a', 'CLIENT TRACKING ON REDIRECT #b REDIRECT #b', 'CLIENT TRACKING ON BCAST OPTIN'),
      step('a', 'CLIENT TRACKING ON BCAST PREFIX foo PREFIX foobar'),
      step('a', 'CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar NOLOOP', 'CLIENT TRACKINGINFO'),
      step('a', 'CLIENT TRACKING ON BCAST PREFIX fo', 'CLIENT TRACKING ON BCAST PREFIX foo'),
      step('a', 'CLIENT TRACKING ON BCAST PREFIX zed', 'CLIENT TRACKINGINFO'),
      step('a', 'CLIENT TRACKING ON BCAST', 'CLIENT TRACKINGINFO', 'CLIENT TRACKING ON'),
      step('a', 'CLIENT TRACKING ON BCAST PREFIX more', 'CLIENT TRACKING OFF x'),
      step('a', 'CLIENT TRACKING OFF PREFIX a', 'CLIENT TRACKINGINFO', 'CLIENT TRACKING OFF'),
      step('a', 'CLIENT TRACKING ON OPTOUT NOLOOP', 'CLIENT CACHING YES', 'CLIENT CACHING NO'),
      step('a', 'CLIENT TRACKINGINFO', 'CLIENT TRACKING ON OPTIN', 'CLIENT TRACKINGINFO'),
      step('b', 'PING'),
    ],
  },
  'what was read is told of once': {
    protocol: 3,
    steps: [
      step('a', 'CLIENT TRACKING ON'),
      step('a', 'GET k'),
      step('b', 'SET k 1'),
      step('b', 'SET k 2'),
      step('a', 'GET k'),
      step('a', 'SET k own'),
      step('a', 'MGET x y x', 'HGET h f', 'ZRANGE z 0 -1'),
      step('b', 'MSET x 1 y 2'),
      step('b', 'HSET h f v'),
      step('b', 'ZADD z 1 m'),
      step('a', 'GET x', 'GET y'),
      step('b', 'UNLINK x'),
      step('b', 'EXPIRE y 100'),
      step('a', 'GET y'),
      step('a', 'CLIENT TRACKING OFF'),
      step('b', 'SET y 3'),
      step('a', 'CLIENT TRACKING ON'),
      step('b', 'SET y 4'),
      step('a', 'MULTI', 'GET {t}x', 'GET {t}y', 'EXEC'),
      step('b', 'SET {t}x 5'),
      step('b', 'SET {t}y 5'),
      step('a', 'MULTI', 'GET x', 'DISCARD'),
      step('b', 'SET x 6'),
      step('a', 'EVAL return(redis.call("get",KEYS[1])) 1 x'),
      step('b', 'SET x 7'),
    ],
  },
  'opt in and opt out': {
    protocol: 3,
    steps: [
      step('a', 'CLIENT TRACKING ON OPTIN'),
      step('a', 'GET k'),
      step('b', 'SET k 1'),
      step('a', 'CLIENT CACHING YES', 'GET k', 'GET other'),
      step('b', 'SET k 2'),
      step('b', 'SET other 2'),
      step('a', 'CLIENT CACHING YES', 'MULTI', 'GET {t}k', 'GET {t}l', 'EXEC', 'GET third'),
      step('b', 'SET {t}k 3'),
      step('b', 'SET {t}l 3'),
      step('b', 'SET third 3'),
      step('a', 'CLIENT CACHING YES', 'CLIENT ID', 'GET k'),
      step('b', 'SET k 4'),
      step('a', 'CLIENT CACHING YES', 'NOSUCH', 'GET k'),
      step('b', 'SET k 5'),
      step('a', 'CLIENT TRACKING OFF', 'CLIENT TRACKING ON OPTOUT'),
      step('a', 'CLIENT CACHING NO', 'GET k', 'GET other'),
      step('b', 'SET k 6'),
      step('b', 'SET other 6'),
      step('a', 'CLIENT CACHING NO', 'NOSUCH', 'GET k'),
      step('b', 'SET k 7'),
    ],
  },
  'broadcasts by prefix': {
    protocol: 3,
    notInDatabases: true,
    steps: [
      step('a', 'CLIENT TRACKING ON BCAST PREFIX user: PREFIX cart:'),
      step('c', 'CLIENT TRACKING ON BCAST'),
      step('b', 'SET user:1 1'),
      step('b', 'SET other 1'),
      step('b', 'SET cart:1 1'),
      step('a', 'CLIENT TRACKING ON BCAST PREFIX more:'),
      step('b', 'SET more:1 1'),
      step('a', 'CLIENT TRACKING OFF'),
      step('b', 'SET user:1 2'),
    ],
  },
  'redirected to a RESP2 subscriber': {
    protocol: 2,
    steps: [
      step('b', 'SUBSCRIBE __redis__:invalidate'),
      step('a', 'CLIENT TRACKING ON REDIRECT #b', 'CLIENT GETREDIR', 'CLIENT TRACKINGINFO'),
      step('a', 'GET k'),
      step('c', 'SET k 1'),
      step('a', 'GET k'),
      step('b', 'UNSUBSCRIBE'),
      step('c', 'SET k 2'),
    ],
  },
  'redirected to a RESP3 client': {
    protocol: 3,
    steps: [
      step('a', 'CLIENT TRACKING ON REDIRECT #b', 'CLIENT GETREDIR'),
      step('a', 'GET k'),
      step('c', 'SET k 1'),
      step('a', 'GET k', 'CLIENT TRACKINGINFO'),
      step('c', 'SET k 2'),
    ],
  },
};

for (const [name, { protocol, steps, notInDatabases = false }] of Object.entries(programs)) {
  describe(`RESP${protocol}: ${name}`, () => {
    let expected: Score;
    before(async () => {
      await wipe();
      expected = await play(steps, () => connectRaw({ ...plain.address, protocol }), null);
    });
    for (const tenant of Object.keys(tenants)) {
      if (notInDatabases && tenant === 'db') continue;
      test(tenant, async () => {
        await wipe();
        const connect = () => connectRaw({ port: path.port, auth: [tenant, ''], protocol });
        const score = await play(steps, connect, expected);
        for (const [at, { by, say }] of steps.entries()) {
          const told = `step ${at}: ${by} ${say.map((line) => line.join(' ')).join('; ')}`;
          assert.deepEqual(comparable(saidOnce(score[at])), comparable(expected[at]), told);
        }
        assert.deepEqual(path.failures, []);
      });
    }
  });
}

/** Where replies were owed when a key changed it is told again behind them: once more than enough. */
function saidOnce(got: Score[number] | undefined): Score[number] {
  const entries = Object.entries(got ?? {}).map(([name, { replies, pushes }]) => {
    const once = new Map(pushes.map((push) => [JSON.stringify(push), push]));
    return [name, { replies, pushes: [...once.values()] }];
  });
  return Object.fromEntries(entries);
}

test('a tenant in db mode may not hear broadcasts: they would name keys of others', async () => {
  const client = await connectRaw({ port: path.port, auth: ['db', ''], protocol: 3 });
  assert.match(String(await client.ask('CLIENT', 'TRACKING', 'ON', 'BCAST')), /is refused/);
  client.close();
});

/** Each is sent in one write, for a silent client cannot be asked whether it is done. */
const silent: Readonly<Record<string, readonly string[]>> = {
  off: [
    'SET k 1',
    'CLIENT REPLY OFF',
    'INCR k',
    'GET k',
    'NOSUCH',
    'GET',
    'CLIENT REPLY ON',
    'GET k',
  ],
  'off twice': [
    'CLIENT REPLY OFF',
    'CLIENT REPLY OFF',
    'PING',
    'CLIENT REPLY SKIP',
    'CLIENT REPLY ON',
  ],
  skip: ['CLIENT REPLY SKIP', 'SET k 1', 'GET k', 'CLIENT REPLY SKIP', 'NOSUCH', 'PING'],
  'skip twice': ['CLIENT REPLY SKIP', 'CLIENT REPLY SKIP', 'PING', 'ECHO said'],
  'skip, then on': ['CLIENT REPLY SKIP', 'CLIENT REPLY ON', 'PING'],
  'skip, then off': ['CLIENT REPLY SKIP', 'CLIENT REPLY OFF', 'PING', 'CLIENT REPLY ON'],
  'a wrong word': ['CLIENT REPLY x', 'CLIENT REPLY', 'CLIENT REPLY SKIP', 'CLIENT REPLY x', 'PING'],
  'several keys': ['CLIENT REPLY SKIP', 'MSET a 1 b 2 c 3', 'MGET a b c', 'DEL a b c k'],
  subscribing: ['CLIENT REPLY OFF', 'SUBSCRIBE s', 'UNSUBSCRIBE s', 'CLIENT REPLY ON'],
  transaction: ['CLIENT REPLY OFF', 'MULTI', 'SET k 1', 'EXEC', 'CLIENT REPLY ON', 'GET k'],
};

for (const [name, lines] of Object.entries(silent)) {
  for (const tenant of Object.keys(tenants)) {
    test(`CLIENT REPLY, ${name}: ${tenant}`, async () => {
      await wipe();
      const expected = await allBytes(await plain.connect(), lines);
      const client = await connectRaw({ port: path.port, auth: [tenant, ''] });
      assert.equal(await allBytes(client, lines), expected);
    });
  }
}

test('a session that was silent when it left leaves nothing to the next one', async () => {
  const [first, second] = await Promise.all(
    [0, 1].map(() => connectRaw({ port: path.port, auth: ['dedicated', ''] })),
  );
  assert.ok(first && second);
  first.send(Buffer.concat([encode('CLIENT', 'REPLY', 'OFF'), encode('SET', 'k', 'v')]));
  first.close();
  assert.equal(await second.ask('PING'), 'PONG');
  second.close();
});

async function allBytes(client: RawClient, lines: readonly string[]): Promise<string> {
  let text = '';
  client.socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  client.send(Buffer.concat([...lines, 'QUIT'].map((line) => encode(...line.split(' ')))));
  await within(client.closed, 'the connection to end after QUIT');
  return text;
}
