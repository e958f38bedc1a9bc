/**
 * What a tenant may do over slots, and what a user may do to a server, is switched by the API while
 * sessions are open: `crossSlot` of the tenant and `passThrough` of the user, on a cluster of three
 * primaries and a standalone server, at two proxies. Each change is asked for with `wait=applied`;
 * the same sessions see it with their next command, and what was under way goes on.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  standaloneBody,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
let world: World;
let single: RedisServer;
let cluster: Cluster;
/** One in RESP2 at the first proxy, one in RESP3 at the second. */
let sessions: readonly RawClient[];

before(async () => {
  [single, cluster, world] = await Promise.all([
    startRedis(stage),
    startCluster(stage, { masters: 3, replicas: 0 }),
    startWorld(stage, { proxies: 2, defaultTenant: 'app' }),
  ]);
  await world.api.put('/v1/backends/many', clusterBody(cluster));
  await world.api.put('/v1/backends/one', standaloneBody(single));
  await createTenant(world.api, 'app', { routes: ['many', 'one'] });
  sessions = await Promise.all(
    world.proxies.map((proxy, index) => proxy.connect({ protocol: index === 0 ? 2 : 3 })),
  );
});

const crossSlot = "CROSSSLOT Keys in request don't hash to the same slot";

/** Commands over keys of several slots with what they answer where the proxy does them. */
const overSlots: readonly (readonly [string, unknown])[] = [
  ['MSET a 1 b 2 c 3', 'OK'],
  ['MGET a b c', ['1', '2', '3']],
  ['EXISTS a b c', 3],
  ['RENAME a d', 'OK'],
  ['COPY d a', 1],
  ['RPUSH list 2 1', 2],
  ['SORT list STORE sorted', 2],
  ['SORT list BY w_* GET #', ['1', '2']],
  ['LMOVE list other LEFT RIGHT', '2'],
  ['BLMOVE list other LEFT RIGHT 1', '1'],
  ['BLPOP list sorted 1', ['sorted', '1']],
  ['PFCOUNT h1 h2', 0],
  ['DEL a b c d list other sorted', 6],
];

/** The same at a server that has no slots, and where the keys share one. */
const inOneSlot: readonly (readonly [string, unknown])[] = [
  ['MSET {t}a 1 {t}b 2', 'OK'],
  ['RENAME {t}a {t}d', 'OK'],
  ['BLPOP {t}x {t}y 0.01', null],
  ['DEL {t}b {t}d', 2],
];

async function answers(
  client: RawClient,
  program: readonly (readonly [string, unknown])[],
): Promise<void> {
  for (const [line, wanted] of program) assert.deepEqual(await say(client, line), wanted, line);
}

function say(client: RawClient, line: string): Promise<Value> {
  return client.ask(...line.split(' '));
}

/** The reply of an error, as text. */
async function errorOf(client: RawClient, line: string): Promise<string> {
  const reply = await say(client, line);
  assert.ok(reply instanceof ReplyError, `${line}: ${JSON.stringify(reply)}`);
  return reply.message;
}

const setCrossSlot = (value: string): Promise<unknown> =>
  world.api.patchApplied('/v1/tenants/app', { crossSlot: value });

/** PROXY EXPLAIN of a command over several slots. */
async function explain(client: RawClient): Promise<(name: string) => string> {
  const fields = (await client.call('PROXY', 'EXPLAIN', 'MGET', 'a', 'b')) as Value[];
  return (name) => String(fields[fields.indexOf(name) + 1]);
}

/** What the API says of MGET over slots, and PROXY EXPLAIN of one such command. */
async function told(client: RawClient): Promise<{ how: string; explained: string }> {
  const { body } = await world.api.get('/v1/tenants/app/commands/mget');
  const { contract } = body as { contract: { acrossSlots: { how: string } } };
  const field = await explain(client);
  assert.equal(field('route'), 'many');
  return { how: contract.acrossSlots.how, explained: field('carried-out') };
}

async function emulates(): Promise<void> {
  for (const client of sessions) {
    await answers(client, overSlots);
    await answers(client, inOneSlot);
    const { how, explained } = await told(client);
    assert.deepEqual([how, explained], ['fan-out', 'split into 2 fragments, one per slot']);
  }
}

async function refuses(): Promise<void> {
  for (const client of sessions) {
    for (const [line] of overSlots) {
      if (line.startsWith('RPUSH')) continue;
      assert.equal(await errorOf(client, line), crossSlot, line);
    }
    assert.match(await errorOf(client, 'MSETNX a 1 b 2'), /^CROSSSLOT .*: MSETNX sets all of them/);
    await answers(client, inOneSlot);
    const { how, explained } = await told(client);
    assert.deepEqual([how, explained], ['refused', `refused: ${crossSlot}`]);
    // A server that has no slots takes all of it.
    assert.equal(await say(client, 'USE one'), 'OK');
    const field = await explain(client);
    assert.deepEqual([field('route'), field('rule')], ['one', 'chosen by USE']);
    await answers(client, overSlots);
    assert.equal(await say(client, 'USE many'), 'OK');
  }
}

describe('crossSlot', () => {
  test('emulate, then refuse, then emulate: the sessions that are open follow', async () => {
    for (const client of sessions) {
      assert.equal((await explain(client))('rule'), 'the default route');
    }
    await emulates();
    await setCrossSlot('refuse');
    await refuses();
    const keys = await Promise.all(sessions.map((client) => say(client, 'DBSIZE')));
    assert.deepEqual(keys, [0, 0], 'nothing refused was done in part');
    await setCrossSlot('emulate');
    await emulates();
  });

  test('a transaction and a wait that are under way go on', async () => {
    const [first, second] = sessions as [RawClient, RawClient];
    const waiter = await world.proxy.connect();
    waiter.send('BLPOP near far 0\r\n');
    await until(async () => /flags=b/.test(String(await say(first, 'CLIENT LIST'))), {
      what: 'the client to wait',
    });
    await answers(second, [
      ['MULTI', 'OK'],
      ['SET {t}a 1', 'QUEUED'],
    ]);
    await setCrossSlot('refuse');
    await answers(second, [
      ['GET {t}a', 'QUEUED'],
      ['EXEC', ['OK', '1']],
      ['DEL {t}a', 1],
      ['RPUSH far x', 1],
    ]);
    const [served] = await waiter.replies(1);
    assert.equal(String(served), '*2\r\n$3\r\nfar\r\n$1\r\nx\r\n');
    assert.equal(await errorOf(waiter, 'BLPOP near far 0'), crossSlot);
    await setCrossSlot('emulate');
    assert.equal(await say(waiter, 'BLPOP near far 0.01'), null);
    waiter.close();
  });
});

describe('passThrough', () => {
  const setting = 'CONFIG SET maxmemory-samples';
  const refused =
    "ERR command 'config|set' is refused: a proxy is configured by its operator, a tenant by the control plane";
  const grant = (passThrough: boolean): Promise<unknown> =>
    world.api.patchApplied('/v1/tenants/app/users/default', { passThrough });

  async function isRefused(client: RawClient): Promise<void> {
    assert.equal(await errorOf(client, `${setting} 9`), refused);
    const saved = "ERR command 'save' is refused: the servers behind this proxy are saved by";
    assert.equal(await errorOf(client, 'SAVE'), `${saved} their own operator`);
    assert.match(
      await errorOf(client, 'DEBUG JMAP'),
      /^ERR command 'debug' is refused: it is about/,
    );
  }

  async function samples(): Promise<string> {
    const direct = await single.connect();
    const [, value] = (await direct.call('CONFIG', 'GET', 'maxmemory-samples')) as string[];
    direct.close();
    return value as string;
  }

  test('off, then on, then off: the sessions that are open follow, on the standalone server', async () => {
    for (const client of sessions) {
      assert.equal(await say(client, 'USE one'), 'OK');
      await isRefused(client);
    }
    assert.equal(await samples(), '5');
    await grant(true);
    for (const [index, client] of sessions.entries()) {
      const value = String(6 + index);
      const replies = await client.pipeline([
        ['SET', 'k', value],
        ['CONFIG', 'SET', 'maxmemory-samples', value],
        ['GET', 'k'],
        ['SAVE'],
      ]);
      assert.deepEqual(replies, ['OK', 'OK', value, 'OK']);
      assert.equal(await samples(), value);
      // On a cluster the grant has no effect.
      assert.equal(await say(client, 'USE many'), 'OK');
      await isRefused(client);
      assert.equal(await say(client, 'USE one'), 'OK');
    }
    await grant(false);
    for (const client of sessions) await isRefused(client);
    assert.equal(await samples(), '7', 'what was set stays');
  });

  test('what would make a shared connection something else stays refused with the grant', async () => {
    await grant(true);
    for (const client of sessions) {
      const link =
        'is refused: it would turn a connection that others share into a replication link';
      assert.equal(await errorOf(client, 'SYNC'), `ERR command 'sync' ${link}`);
      assert.equal(await say(client, 'PING'), 'PONG');
    }
    await grant(false);
  });

  test('a tenant whose servers are shared cannot be given it', async () => {
    const isolation = { mode: 'prefix', prefix: 'p:' };
    await world.api.put('/v1/tenants/sharer', { isolation });
    const user = { secret: { none: true }, passThrough: true };
    const answer = await world.api.request('PUT', '/v1/tenants/sharer/users/default', user);
    assert.equal(answer.status, 409);
    assert.match(JSON.stringify(answer.body), /passThrough needs a tenant in dedicated isolation/);
  });
});
