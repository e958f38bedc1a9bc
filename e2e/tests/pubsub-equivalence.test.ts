/** Pub/sub through the proxy, beside a plain redis-server: the same program, the same frames. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { HotPath } from '@respool/data-plane/test/hot-path';
import type { TestTenant } from '@respool/data-plane/test/tenant-state';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { comparable, play, type Score, type Step, step } from '../topology/program.ts';
import { connectRaw } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';

const stage = useStage();
const notify = ['--notify-keyspace-events', 'KEA'];
let plain: RedisServer;
let path: HotPath;

const tenants: Readonly<Record<string, TestTenant>> = {
  dedicated: { backend: 'single', isolation: { mode: 'dedicated' } },
  prefix: { backend: 'shared', isolation: { mode: 'prefix', prefix: 'p:' } },
  db: { backend: 'shared', isolation: { mode: 'db' }, database: 3 },
  'dedicated-cluster': { backend: 'cluster', isolation: { mode: 'dedicated' } },
  'prefix-cluster': { backend: 'shared-cluster', isolation: { mode: 'prefix', prefix: 'pc:' } },
};

before(async () => {
  const settings = notify;
  const [one, two, three, cluster, other] = await Promise.all([
    startRedis(stage, { settings }),
    startRedis(stage, { settings }),
    startRedis(stage, { settings }),
    startCluster(stage, { masters: 3, replicas: 0, settings }),
    startCluster(stage, { masters: 3, replicas: 0, settings }),
  ]);
  plain = one;
  path = await HotPath.start({
    backends: {
      single: { nodes: [two] },
      shared: { nodes: [three] },
      cluster: nodesOf(cluster),
      'shared-cluster': nodesOf(other),
    },
    tenants,
  });
  stage.defer(() => path.stop());
});

function nodesOf(cluster: Cluster): { nodes: { port: number }[] } {
  return { nodes: cluster.nodes.map(({ server }) => ({ port: server.port })) };
}

const programs: Readonly<Record<string, readonly Step[]>> = {
  'confirmations, counts and what a subscriber may ask': [
    step('a', 'SUBSCRIBE one two one'),
    step('a', 'PSUBSCRIBE t* *', 'SSUBSCRIBE shard'),
    step('a', 'PING', 'PING x', 'PING x y'),
    step('a', 'UNSUBSCRIBE none'),
    step('a', 'UNSUBSCRIBE two', 'PUNSUBSCRIBE t*', 'SUNSUBSCRIBE'),
    step('a', 'UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE'),
    step('a', 'UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE', 'GET none'),
    step('a', 'SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'PUBLISH x', 'SPUBLISH x', 'PUBSUB'),
    step('a', 'PUBSUB NUMSUB', 'PUBSUB SHARDNUMSUB', 'PUBSUB none'),
  ],
  'messages by name, by pattern, by both': [
    step('a', 'SUBSCRIBE news'),
    step('b', 'PSUBSCRIBE n?ws [a-m]*', 'SUBSCRIBE news'),
    step('c', 'PUBLISH news first'),
    step('c', 'PUBLISH nows second', 'PUBLISH nobody third', 'PUBLISH best fourth'),
    step('c', 'PUBSUB NUMSUB news nows other', 'PUBSUB CHANNELS', 'PUBSUB CHANNELS n*'),
    step('c', 'PUBSUB CHANNELS x*'),
    step('a', 'UNSUBSCRIBE news'),
    step('c', 'PUBLISH news fifth'),
    step('b', 'PUNSUBSCRIBE n?ws'),
    step('c', 'PUBLISH news sixth', 'PUBSUB NUMSUB news'),
    step('b', 'PUNSUBSCRIBE', 'UNSUBSCRIBE'),
    step('c', 'PUBLISH news seventh', 'PUBSUB CHANNELS', 'PUBSUB NUMPAT'),
  ],
  'sharded channels': [
    step('a', 'SSUBSCRIBE s1'),
    step('b', 'SSUBSCRIBE s1 s1', 'SUBSCRIBE s1'),
    // Each by itself: on a cluster they come from different nodes.
    step('c', 'SPUBLISH s1 m'),
    step('c', 'PUBLISH s1 n'),
    step('c', 'SPUBLISH other m'),
    step('c', 'PUBSUB SHARDNUMSUB s1 other', 'PUBSUB SHARDCHANNELS', 'PUBSUB SHARDCHANNELS x*'),
    step('a', 'SUNSUBSCRIBE'),
    step('c', 'SPUBLISH s1 again', 'PUBSUB SHARDNUMSUB s1'),
  ],
  'events of keys, by name and by patterns narrow and wide': [
    step('a', 'SUBSCRIBE __keyspace@0__:k __keyevent@0__:del'),
    step('b', 'PSUBSCRIBE __keyspace@0__:k*'),
    step('d', 'PSUBSCRIBE __key*__:*'),
    step('c', 'SET k 1'),
    step('c', 'DEL k'),
    step('c', 'LPUSH other 1'),
    step('c', 'DEL other'),
    step('d', 'PUNSUBSCRIBE __key*__:*'),
    step('d', 'PSUBSCRIBE __keyevent@0__:*'),
    step('c', 'INCR kk'),
    step('d', 'PUNSUBSCRIBE'),
    step('d', 'PSUBSCRIBE *'),
    step('c', 'DEL kk'),
    step('a', 'UNSUBSCRIBE __keyspace@0__:k'),
    step('c', 'SET k 2'),
    step('c', 'DEL k'),
  ],
  'a transaction publishes': [
    step('a', 'SUBSCRIBE tx'),
    step('c', 'MULTI', 'PUBLISH tx one', 'PUBLISH tx two', 'EXEC'),
  ],
  'RESET ends it all': [
    step('a', 'SUBSCRIBE r', 'PSUBSCRIBE r*', 'SSUBSCRIBE r'),
    step('c', 'PUBLISH r one'),
    step('a', 'RESET'),
    step('c', 'PUBLISH r two', 'PUBSUB NUMSUB r', 'PUBSUB NUMPAT'),
  ],
};

const onlyIn2: readonly Step[] = [
  step('a', 'SUBSCRIBE one'),
  step('a', 'GET k', 'CLIENT ID', 'MULTI', 'NOSUCH', 'GET', 'SELECT 0', 'PUBLISH one x'),
  step('a', 'UNSUBSCRIBE'),
  step('a', 'SSUBSCRIBE one'),
  step('a', 'GET k'),
  step('a', 'SUNSUBSCRIBE', 'GET k'),
  step('a', 'PSUBSCRIBE one'),
  step('a', 'ECHO x'),
  step('c', 'PUBLISH one y'),
];

const onlyIn3: readonly Step[] = [
  step('a', 'SUBSCRIBE one'),
  step('a', 'GET k', 'SET k 1', 'GET k', 'DEL k', 'PING', 'PING x'),
  step('a', 'PUBLISH one self'),
  step('a', 'HELLO 2', 'GET k', 'PING'),
  step('c', 'PUBLISH one y'),
];

for (const protocol of [2, 3] as const) {
  const all = { ...programs, ...(protocol === 2 ? { mode: onlyIn2 } : { mode: onlyIn3 }) };
  for (const [name, program] of Object.entries(all)) {
    describe(`RESP${protocol}: ${name}`, () => {
      let expected: Score;
      before(async () => {
        const flush = await plain.connect();
        await flush.call('FLUSHALL');
        flush.close();
        expected = await play(program, () => connectRaw({ ...plain.address, protocol }), null);
      });
      for (const tenant of Object.keys(tenants)) {
        test(tenant, async () => {
          const auth = [tenant, ''];
          const connect = () => connectRaw({ port: path.port, auth, protocol });
          const score = await play(program, connect, expected);
          for (const [at, { by, say }] of program.entries()) {
            const told = `step ${at}: ${by} ${say.map((line) => line.join(' ')).join('; ')}`;
            assert.deepEqual(comparable(score[at]), comparable(expected[at]), told);
          }
          assert.deepEqual(path.failures, []);
        });
      }
    });
  }
}
