/**
 * Double entry: what was pushed against what was popped, by a hundred clients through three proxies
 * behind a load balancer, while everything there is gets killed, stopped and cut off.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import { Crew, type CrewSettings } from '../ledger/crew.ts';
import { type Fault, type Scene, shuffled } from '../ledger/faults.ts';
import { readAll, untilFlowing } from '../ledger/flow.ts';
import { Ledger } from '../ledger/ledger.ts';
import { type Haproxy, startHaproxy } from '../topology/haproxy.ts';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import { generator } from '../topology/load.ts';
import { attemptsMax, withOneOwner } from '../topology/position-owners.ts';
import { kafkaBody } from '../topology/queues.ts';
import { connectRaw } from '../topology/raw-client.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_LEDGER_SEED'] ?? randomInt(1, 1_000_000));
const messages = Number(process.env['RESPOOL_LEDGER_MESSAGES'] ?? 200_000);
const password = 'ledger password';
const partitions = 4;
const window = 200;
/** Of each ledger: then it goes on. */
const flowMessages = 200;
const calmMessages = 8_000;
const calmTopics = Array.from({ length: attemptsMax }, (_, index) => `calm${index + 1}`);
const calm = { perSecond: 100_000, blockMs: 20_000, countMax: 40 };
let kafka: KafkaCluster;
let world: World;
let balancer: Haproxy;

before(async () => {
  [kafka, world] = await Promise.all([startKafka(stage), startWorld(stage, { proxies: 3 })]);
  balancer = await startHaproxy(stage, world.proxies);
  const admin = kafkajsTo(kafka.bootstrap).admin();
  await admin.connect();
  await makeTopics(
    admin,
    [...calmTopics, 'auto', 'manual'].map((name) => {
      return { topic: `ledger.${name}`, numPartitions: partitions, replicationFactor: 1 };
    }),
  );
  await admin.disconnect();
  const { api } = world;
  await createTenant(api, 'ledger', { password });
  await api.put('/v1/backends/queues', kafkaBody(kafka));
  const grants = [{ user: 'default', produce: true, consume: true }];
  const common = { backend: 'queues', origin: 'adopted', grants, window };
  await api.changeApplied([
    ...calmTopics.map((name) => topicOf(name, { ...common, ack: 'auto' })),
    topicOf('auto', { ...common, ack: 'auto' }),
    topicOf('manual', { ...common, ack: 'manual', ackMs: 3_000 }),
  ]);
});

function topicOf(id: string, value: object): object {
  return { op: 'put', kind: 'topic', tenant: 'ledger', id, value };
}

function crewOf(role: CrewSettings['role'], topic: string, ledger: Ledger, mischief = 0.002) {
  const shape = { push: [1, 20], pop: [2, 20], work: [1, 20] } as const;
  const [processes, connections] = shape[role];
  const where = { port: balancer.port, auth: ['ledger', password], topic };
  const pace = mischief === 0 ? calm : { perSecond: 1_500, blockMs: 500, countMax: 40 };
  const habits = { seed, mischief, ...pace };
  return new Crew(stage, { role, ...where, processes, connections, ...habits }, ledger);
}

test('when nothing befalls anybody, each record comes once, in the order of its partition', () =>
  withOneOwner(world, (attempt) => calmStory(`calm${attempt}`)));

async function calmStory(topic: string): Promise<void> {
  const ledger = new Ledger();
  const first = await connectRaw({ port: balancer.port, auth: ['ledger', password] });
  // Who waits for an owner may give up just as records come, which then come again.
  const hasOwner = async () => (await first.ask('KPOP', topic)) === null;
  await until(hasOwner, { what: 'the position to have an owner' });
  first.close();
  const push = crewOf('push', topic, ledger, 0);
  const enough = () => readAll([ledger]) && ledger.pushed >= calmMessages;
  await until(enough, { what: `${calmMessages} pushes` });
  await push.stop();
  const pop = crewOf('pop', topic, ledger, 0);
  const popped = () => readAll([ledger]) && ledger.owed === 0;
  await until(popped, { what: 'all of them to be popped' });
  await pop.stop();
  readAll([ledger]);
  const { lostCount, strange, duplicates, doubtful, inversions } = ledger.verdict();
  assert.deepEqual(
    { lostCount, strange, duplicates, doubtful, inversions },
    { lostCount: 0, strange: [], duplicates: 0, doubtful: 0, inversions: 0 },
  );
}

test('nothing is lost and little comes twice, whatever is killed, stopped or cut off', async (context) => {
  context.diagnostic(`RESPOOL_LEDGER_SEED=${seed}`);
  const random = generator(seed);
  const [auto, manual] = [new Ledger(), new Ledger()];
  const ledgers = [auto, manual];
  const pushers = [crewOf('push', 'auto', auto), crewOf('push', 'manual', manual)] as const;
  const [pop, work] = [crewOf('pop', 'auto', auto), crewOf('work', 'manual', manual)];
  await untilFlowing(ledgers, flowMessages, 'the start');
  const scene: Scene = { world, kafka, crews: { push: pushers[0], pop, work }, random };
  const befell: Fault[] = [];
  for (const fault of shuffled(random)) {
    context.diagnostic(fault.what);
    await fault.perform(scene);
    await untilFlowing(ledgers, flowMessages, fault.what);
    befell.push(fault);
  }
  const enough = () => readAll(ledgers) && auto.pushed + manual.pushed >= messages;
  await until(enough, { what: `${messages} pushes`, deadlineMs: 480_000, everyMs: 200 });
  await Promise.all(pushers.map((crew) => crew.stop()));
  const popped = () => readAll(ledgers) && auto.owed + manual.owed === 0;
  const what = 'everything that was pushed to be popped';
  const late = (error: Error) => context.diagnostic(error.message);
  await until(popped, { what, deadlineMs: 120_000, everyMs: 200 }).catch(late);
  await Promise.all([pop.stop(), work.stop()]);
  readAll(ledgers);
  const windows = befell.reduce((sum, { windowsMax }) => sum + windowsMax, 0);
  for (const [name, ledger] of Object.entries({ auto, manual })) {
    const verdict = ledger.verdict();
    context.diagnostic(`${name}: ${JSON.stringify(verdict)}`);
    assert.equal(verdict.lostCount, 0, `${name}: ${verdict.lost.join(', ')}`);
    assert.deepEqual(verdict.strange, [], name);
  }
  const { duplicates, givenBack } = auto.verdict();
  const most = windows * window * partitions + givenBack;
  context.diagnostic(`${duplicates} came twice, at most ${most} may`);
  assert.ok(duplicates <= most);
});
