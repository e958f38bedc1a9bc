/** Stories of reads from replicas over real sockets: what a replica may do, and what becomes of its reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from './session/session.ts';
import { until } from './test/proxy.ts';
import { type Client, only, story, tenant, tenants, untilReads } from './test/replica-story.ts';
import type { Mood, ScriptedNode } from './test/scripted-shard.ts';

test('a client keeps one replica, and clients are spread over them', async () => {
  await story(2, {}, async ({ shard, login }) => {
    await untilReads(await login('replica'), shard, (asked) => asked[0]?.length === 0);
    const used = [];
    for (let index = 0; index < 4; index++) {
      const client = await login('replica');
      shard.asked();
      await client.ask('GET k', 'STRLEN k', 'GET none', 'SET k v', 'EXISTS k k2', 'MGET k k');
      const asked = shard.asked();
      assert.deepEqual(asked[0], ['SET']);
      const reads = asked.slice(1).filter((one) => one.length > 0);
      assert.deepEqual(reads, [['GET', 'STRLEN', 'GET', 'EXISTS', 'EXISTS', 'MGET']]);
      used.push(asked.findIndex((one, at) => at > 0 && one.length > 0));
    }
    assert.deepEqual(used.toSorted(), [1, 1, 2, 2]);
  });
});

const refusals: readonly Mood[] = [
  { refuses: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'." },
  { refuses: 'LOADING Redis is loading the dataset in memory' },
  { refuses: 'CLUSTERDOWN The cluster is down' },
  'breaks',
  'silent',
];

for (const mood of refusals) {
  const told = typeof mood === 'string' ? mood : (mood.refuses.split(' ')[0] as string);
  test(`a replica that ${told}: its reads go elsewhere, it is left alone, and used again`, async () => {
    const redis = mood === 'silent' ? { silenceMsMax: 800 } : {};
    await story(2, { redis }, async ({ shard, replicas, login }) => {
      const clients = await Promise.all([1, 2, 3, 4].map(() => login('replica')));
      const [bad] = replicas as [ScriptedNode];
      bad.mood = mood;
      const program = ['GET k', 'SET k v', 'MGET k k', 'GET none', 'EXISTS k'];
      for (let round = 0; round < 5; round++) {
        for (const client of clients) {
          assert.deepEqual(await client.ask(...program), ['v', 'OK', '[v v]', 'nil', '1']);
        }
      }
      bad.mood = 'serves';
      const one = clients[0] as Client;
      const two = clients[1] as Client;
      // One of two neighbours has it: they are dealt out in turn.
      for (;;) {
        shard.asked();
        await one.ask('GET k');
        await two.ask('GET k');
        if (bad.asked.length > 0) break;
      }
    });
  });
}

test('no replica that serves: the primary answers', async () => {
  await story(1, {}, async ({ shard, primary, replicas, login }) => {
    const client = await login('replica');
    const [replica] = replicas as [ScriptedNode];
    replica.link = 'connect';
    await untilReads(client, shard, only(0));
    replica.link = 'connected';
    await untilReads(client, shard, only(1));
    replica.mood = { refuses: 'LOADING Redis is loading the dataset in memory' };
    assert.deepEqual(await client.ask('GET k', 'GET k'), ['v', 'v']);
    assert.equal(primary.asked.length > 0, true);
  });
});

test('a primary that is gone: a replica that lost it still answers', async () => {
  await story(1, {}, async ({ shard, primary, replicas, login }) => {
    const client = await login('any');
    const [replica] = replicas as [ScriptedNode];
    replica.link = 'connect';
    await primary.end();
    await untilReads(client, shard, only(1));
    assert.deepEqual(await client.ask('GET k', 'MGET k k', 'STRLEN k'), ['v', '[v v]', '1']);
  });
});

test('roles change: the new primary takes the writes, the old one the reads', async () => {
  await story(1, {}, async ({ shard, login }) => {
    const client = await login('replica');
    await untilReads(client, shard, only(1));
    shard.primary = 1;
    assert.deepEqual(await client.ask('SET k w', 'SET k v'), ['OK', 'OK']);
    await untilReads(client, shard, only(0));
    shard.asked();
    assert.deepEqual(await client.ask('SET k v'), ['OK']);
    assert.deepEqual(shard.asked(), [[], ['SET']]);
  });
});

test('a read that is asked again keeps its place, whatever the client wrote behind it', async () => {
  await story(1, {}, async ({ shard, replicas, login }) => {
    const client = await login('replica');
    const [replica] = replicas as [ScriptedNode];
    await untilReads(client, shard, only(1));
    replica.mood = 'breaks';
    const replies = await client.ask('GET k', 'SET k w', 'GET k', 'SET k v', 'GET none');
    assert.ok(['v', 'w'].includes(replies[0] as string), 'ordered with no write of its own');
    assert.deepEqual(replies.toSpliced(0, 3), ['OK', 'nil']);
    assert.equal(replies[1], 'OK');
  });
});

test('a write that must wait is not given up for a read that a replica answers', async () => {
  await story(1, {}, async ({ shard, primary, login }) => {
    const client = await login('replica');
    await untilReads(client, shard, only(1));
    primary.mood = { refuses: 'TRYAGAIN Multiple keys request during rehashing of slot' };
    const asked = client.ask('SET k w', 'GET none', 'STRLEN k');
    await until(
      () => primary.asked.length > 1,
      () => primary.asked.join(),
    );
    primary.mood = 'serves';
    assert.deepEqual((await asked).slice(0, 2), ['OK', 'nil']);
    assert.equal(shard.store.get('p:k'), 'w');
  });
});

test('the nearest node answers, and another one when that is nearer', async () => {
  await story(2, {}, async ({ shard, login }) => {
    const slow = (...ms: number[]): void => {
      for (const [at, node] of shard.nodes.entries()) node.delayMs = ms[at] as number;
    };
    slow(60, 0, 60);
    const client = await login('nearest');
    await untilReads(client, shard, only(1));
    slow(60, 60, 0);
    await untilReads(client, shard, only(2));
  });
});

test('while slots move, the primary alone answers', async () => {
  await story(1, {}, async ({ shard, login }) => {
    const client = await login('replica');
    await untilReads(client, shard, only(1));
    shard.migrating = '[93->-4567]';
    await untilReads(client, shard, only(0));
    shard.migrating = '';
    await untilReads(client, shard, only(1));
  });
});

test('a session that watches or tracks reads from primaries', async () => {
  await story(1, {}, async ({ shard, path, login }) => {
    const client = await login('own');
    await untilReads(client, shard, only(1));
    const [session] = [...path.clients.of('own')] as [Session];
    session.divert('tracking');
    shard.asked();
    assert.deepEqual(await client.ask('GET k', 'MGET k k'), ['v', '[v v]']);
    assert.deepEqual(shard.asked(), [['GET', 'MGET'], []]);
    session.rejoin('tracking');
    await untilReads(client, shard, only(1));
  });
});

test('a change of the route counts for connected clients, in both directions', async () => {
  await story(1, {}, async ({ shard, path, login }) => {
    const client = await login('primary');
    await untilReads(client, shard, only(0));
    path.swap({ ...tenants, primary: tenant('replica') });
    await untilReads(client, shard, only(1));
    path.swap();
    await untilReads(client, shard, only(0));
  });
});

test('commands learned from the servers go where their kind goes, prefixed', async () => {
  await story(1, {}, async ({ shard, login }) => {
    for (const [name, prefix] of [
      ['own', ''],
      ['replica', 'p:'],
    ] as const) {
      const client = await login(name);
      await untilReads(client, shard, only(1));
      shard.asked();
      const replies = await client.ask('new.get k x', 'SET k v', 'NEW.SET k y', 'NEW.NONE k');
      assert.deepEqual(replies.slice(0, 3), [
        `[new.get ${prefix}k x]`,
        'OK',
        `[NEW.SET ${prefix}k y]`,
      ]);
      assert.match(replies[3] as string, /unknown command 'NEW.NONE'/);
      assert.deepEqual(shard.asked(), [['SET', 'NEW.SET'], ['NEW.GET']]);
    }
  });
});
