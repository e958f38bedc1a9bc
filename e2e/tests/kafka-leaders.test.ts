/**
 * Three brokers, each partition on all of them: whoever leads is killed, or stands still until
 * another leads, while clients push and pop through three proxies.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import type { TopicPartitionState } from '@respool/kafka/gateway';
import { gatewayTo, kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import { steadyCrew } from '../ledger/crew.ts';
import { untilFlowing, untilPopped } from '../ledger/flow.ts';
import { Ledger } from '../ledger/ledger.ts';
import { type Haproxy, startHaproxy } from '../topology/haproxy.ts';
import { type KafkaCluster, type KafkaNode, startKafka } from '../topology/kafka.ts';
import { lostOwners } from '../topology/position-owners.ts';
import { patientPops } from '../topology/queue-story.ts';
import { kafkaBody } from '../topology/queues.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_LEDGER_SEED'] ?? randomInt(1, 1_000_000));
const password = 'leaders';
const askMsMax = 3_000;
/** Each has its leader killed, and the next one stopped. */
const moved = [0, 1];
const partitions = 3;
const window = 1_000;
let kafka: KafkaCluster;
let world: World;
let balancer: Haproxy;

before(async () => {
  [kafka, world] = await Promise.all([
    startKafka(stage, { nodes: 3 }),
    startWorld(stage, { proxies: 3, proxyEnv: patientPops }),
  ]);
  balancer = await startHaproxy(stage, world.proxies);
  const admin = kafkajsTo(kafka.bootstrap).admin();
  await admin.connect();
  const topic = { topic: 'led.flow', numPartitions: partitions, replicationFactor: 3 };
  await makeTopics(admin, [topic]);
  await admin.disconnect();
  await createTenant(world.api, 'led', { password });
  await world.api.put('/v1/backends/queues', kafkaBody(kafka));
  const grants = [{ user: 'default', produce: true, consume: true }];
  const value = { backend: 'queues', origin: 'adopted', grants, window };
  await world.api.changeApplied([{ op: 'put', kind: 'topic', tenant: 'led', id: 'flow', value }]);
});

/** Asks brokers that are known to answer where the partitions are, as clients of Kafka do. */
async function askedOf(nodes: readonly KafkaNode[]): Promise<readonly TopicPartitionState[]> {
  const dial = { connectMsMax: askMsMax, requestMsMax: askMsMax };
  const gateway = gatewayTo(
    nodes.map(({ address }) => address),
    { dial },
  );
  try {
    return (await gateway.topic('led.flow', askMsMax, 'now')).partitions;
  } finally {
    await gateway.close();
  }
}

/** The broker that leads a partition, once each broker has all records of each. */
async function leaderOf(partition: number): Promise<KafkaNode> {
  return await until(
    async () => {
      const found = await askedOf(kafka.nodes);
      const isOneBehind = found.some(({ inSyncReplicas }) => {
        return inSyncReplicas.length < kafka.nodes.length;
      });
      return isOneBehind ? null : kafka.nodes.find(({ id }) => id === found[partition]?.leader);
    },
    { what: 'all brokers to have all records', everyMs: 200, deadlineMs: 120_000 },
  );
}

/** Resolves once others lead what `node` led, which is away. */
async function untilMoved(node: KafkaNode): Promise<void> {
  const others = kafka.nodes.filter((each) => each !== node);
  const isMoved = async () => {
    const leaders = (await askedOf(others)).map(({ leader }) => leader);
    return !leaders.includes(null) && !leaders.includes(node.id);
  };
  await until(isMoved, { what: `others to lead instead of broker ${node.id}`, everyMs: 200 });
}

async function killed(node: KafkaNode): Promise<void> {
  await node.kill9();
  await untilMoved(node);
  await node.start();
}

async function stopped(node: KafkaNode): Promise<void> {
  node.pause();
  try {
    await untilMoved(node);
  } finally {
    node.resume();
  }
}

test('leaders move under load: nothing is lost, nothing comes twice or late from one owner', async (context) => {
  context.diagnostic(`RESPOOL_TEST_LEDGER_SEED=${seed}`);
  const ledger = new Ledger();
  const where = { port: balancer.port, auth: ['led', password], topic: 'flow' };
  const push = steadyCrew(stage, { role: 'push', ...where, seed }, ledger);
  const pop = steadyCrew(stage, { role: 'pop', ...where, seed }, ledger);
  const goesOn = (what: string) => untilFlowing([ledger], 300, what);
  await goesOn('the start');
  for (const partition of moved) {
    const one = await leaderOf(partition);
    await killed(one);
    await goesOn(`broker ${one.id}, which led partition ${partition}, was killed`);
    const next = await leaderOf(partition);
    await stopped(next);
    await goesOn(`broker ${next.id}, which led it then, stood still`);
  }
  await push.stop();
  await untilPopped(ledger, context);
  await pop.stop();
  ledger.read();
  const verdict = ledger.verdict();
  context.diagnostic(JSON.stringify(verdict));
  assert.equal(verdict.lostCount, 0, verdict.lost.join(', '));
  assert.deepEqual([verdict.strange, verdict.disorder], [[], []]);
  // A proxy that could not renew its lease for seconds on a busy machine lost it, and says so.
  const lost = await lostOwners(world);
  context.diagnostic(`${lost} owners of a position changed`);
  const most = lost * partitions * window;
  assert.ok(verdict.duplicates <= most, `${verdict.duplicates} came twice`);
  // What was on its way to a client that was told to try again comes when it comes.
  assert.ok(verdict.late <= most + verdict.unread, `${verdict.late} came out of their order`);
});
