/**
 * Three brokers, each partition on all of them: leaders are killed and stopped in turn while
 * clients push and pop through two proxies.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import { steadyCrew } from '../ledger/crew.ts';
import { untilFlowing, untilPopped } from '../ledger/flow.ts';
import { Ledger } from '../ledger/ledger.ts';
import { type Haproxy, startHaproxy } from '../topology/haproxy.ts';
import { type KafkaCluster, type KafkaNode, startKafka } from '../topology/kafka.ts';
import { lostOwners } from '../topology/position-owners.ts';
import { kafkaBody } from '../topology/queues.ts';
import { useStage } from '../topology/stage.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_LEDGER_SEED'] ?? randomInt(1, 1_000_000));
const password = 'leaders';
const partitions = 3;
const window = 1_000;
let kafka: KafkaCluster;
let world: World;
let balancer: Haproxy;

before(async () => {
  [kafka, world] = await Promise.all([
    startKafka(stage, { nodes: 3 }),
    startWorld(stage, { proxies: 2 }),
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

async function killed(node: KafkaNode): Promise<void> {
  await node.kill9();
  await pause(2_000);
  await node.start();
}

async function stopped(node: KafkaNode): Promise<void> {
  node.pause();
  await pause(4_000);
  node.resume();
}

test('leaders move under load: nothing is lost, nothing comes twice from one owner', async (context) => {
  context.diagnostic(`RESPOOL_LEDGER_SEED=${seed}`);
  const ledger = new Ledger();
  const where = { port: balancer.port, auth: ['led', password], topic: 'flow' };
  const push = steadyCrew(stage, { role: 'push', ...where, seed }, ledger);
  const pop = steadyCrew(stage, { role: 'pop', ...where, seed }, ledger);
  const goesOn = (what: string) => untilFlowing([ledger], 300, what);
  await goesOn('the start');
  for (const node of kafka.nodes) {
    await killed(node);
    await goesOn(`broker ${node.id} was killed`);
    await stopped(node);
    await goesOn(`broker ${node.id} stood still`);
  }
  await push.stop();
  await untilPopped(ledger, context);
  await pop.stop();
  ledger.read();
  const verdict = ledger.verdict();
  context.diagnostic(JSON.stringify(verdict));
  assert.equal(verdict.lostCount, 0, verdict.lost.join(', '));
  assert.deepEqual(verdict.strange, []);
  // A proxy that could not renew its lease for seconds on a busy machine lost it, and says so.
  const lost = await lostOwners(world);
  context.diagnostic(`${lost} owners of a position changed`);
  assert.ok(verdict.duplicates <= lost * partitions * window, `${verdict.duplicates} came twice`);
});
