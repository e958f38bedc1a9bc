/**
 * Double entry: what was pushed against what was popped, by a hundred clients through three proxies
 * behind a load balancer, while everything there is gets killed, stopped and cut off.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import { Chronicle } from '../ledger/chronicle.ts';
import { Crew, type CrewSettings } from '../ledger/crew.ts';
import { faults, perform, rounds, type Scene } from '../ledger/faults.ts';
import { readAll, untilFlowing } from '../ledger/flow.ts';
import { Ledger } from '../ledger/ledger.ts';
import { untilTraceless } from '../ledger/traces.ts';
import { type Haproxy, startHaproxy } from '../topology/haproxy.ts';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import { generator } from '../topology/load.ts';
import {
  attemptsMax,
  ownerOf,
  type UnitOfStory,
  withOneOwner,
} from '../topology/position-owners.ts';
import type { ProxyProcess } from '../topology/proxy.ts';
import { kafkaBody } from '../topology/queues.ts';
import { connectRaw } from '../topology/raw-client.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_LEDGER_SEED'] ?? randomInt(1, 1_000_000));
const messages = Number(process.env['RESPOOL_TEST_LEDGER_MESSAGES'] ?? 200_000);
const password = 'ledger password';
const partitions = 4;
const window = 200;
/** Of each ledger: then it goes on. */
const flowMessages = 200;
const calmMessages = 8_000;
const calmTopics = Array.from({ length: attemptsMax }, (_, index) => `calm${index + 1}`);
const calm = { perSecond: 100_000, blockMs: 20_000, countMax: 40 };
const busy = { perSecond: 1_500, blockMs: 500, countMax: 40 };
/** Where pushing is slower than anybody thought, the rest comes without. */
const faultsMax = 3 * faults.length;
type Habits = Omit<CrewSettings, 'port' | 'auth' | 'seed' | 'processes' | 'connections'>;
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
  await api.put('/v1/tenants/ledger/users/witness', { secret: { password } });
  const grants = [
    { user: 'default', produce: true, consume: true },
    { user: 'witness', consume: true },
  ];
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

function crewOf(role: CrewSettings['role'], topic: string, ...ledgers: readonly Ledger[]): Crew {
  return newCrew({ role, topic, mischief: 0.002, ...busy }, ledgers);
}

/** Nobody of it does anything wrong. */
function calmCrewOf(role: CrewSettings['role'], topic: string, ledger: Ledger): Crew {
  return newCrew({ role, topic, mischief: 0, ...calm }, [ledger]);
}

function newCrew(habits: Habits, ledgers: readonly Ledger[]): Crew {
  const shape = { push: [1, 20], pop: [2, 20], work: [1, 20] } as const;
  const [processes, connections] = shape[habits.role];
  const where = { port: balancer.port, auth: ['ledger', password], seed };
  return new Crew(stage, { ...where, processes, connections, ...habits }, ...ledgers);
}

/** One client that pops everything anew, one after the other: it sees the order of all there is. */
function witnessCrew(ledger: Ledger): Crew {
  const who = { role: 'pop', topic: 'auto', auth: ['ledger.witness', password] } as const;
  const habits = { ...busy, mischief: 0, countMax: 150 };
  const crew = { ...who, ...habits, port: balancer.port, seed, processes: 1, connections: 1 };
  return new Crew(stage, crew, ledger);
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
  const push = calmCrewOf('push', topic, ledger);
  const enough = () => readAll([ledger]) && ledger.pushed >= calmMessages;
  await until(enough, { what: `${calmMessages} pushes` });
  await push.stop();
  const pop = calmCrewOf('pop', topic, ledger);
  const popped = () => readAll([ledger]) && ledger.owed === 0;
  await until(popped, { what: 'all of them to be popped' });
  await pop.stop();
  readAll([ledger]);
  const { lostCount, strange, disorder, duplicates, doubtful, late } = ledger.verdict();
  assert.deepEqual(
    { lostCount, strange, disorder, duplicates, doubtful, late },
    { lostCount: 0, strange: [], disorder: [], duplicates: 0, doubtful: 0, late: 0 },
  );
}

const unitOf = (topic: string, consumer = 'default'): UnitOfStory => {
  return { tenant: 'ledger', topic, consumer };
};
const units = [unitOf('auto'), unitOf('manual'), unitOf('auto', 'witness')];

/** The owner of one of the positions, and one of those that pass on to it. */
async function chosen(random: () => number): Promise<Pick<Scene, 'unit' | 'owner' | 'other'>> {
  const unit = units[Math.floor(random() * units.length)] as UnitOfStory;
  const owner = await ownerOf(world, unit);
  const others = world.proxies.filter((proxy) => proxy !== owner);
  return { unit, owner, other: others[Math.floor(random() * others.length)] as ProxyProcess };
}

test('nothing is lost, little comes twice and late, whatever is killed, stopped or cut off', async (context) => {
  context.diagnostic(`RESPOOL_TEST_LEDGER_SEED=${seed}`);
  const random = generator(seed);
  const ledgers = { auto: new Ledger(), manual: new Ledger(), witness: new Ledger() };
  const { auto, manual, witness } = ledgers;
  const all = Object.values(ledgers);
  const pushers = [
    crewOf('push', 'auto', auto, witness),
    crewOf('push', 'manual', manual),
  ] as const;
  const [pop, work] = [crewOf('pop', 'auto', auto), crewOf('work', 'manual', manual)];
  const watch = witnessCrew(witness);
  const crews = { push: pushers[0], pop, work };
  const outMax = window * partitions;
  const chronicle = new Chronicle({ world, ledgers, outMax, context });
  const over = async (what: string, endings: number): Promise<void> => {
    await chronicle.befell(what, endings);
    await untilFlowing(all, flowMessages, what);
    await Promise.all(units.map((unit) => untilTraceless(world.api, unit, window)));
    await chronicle.isOver();
  };
  await over('the start', 0);
  const pushed = () => readAll(all) && auto.pushed + manual.pushed;
  let befell = 0;
  for (const round of rounds(random)) {
    if (befell >= faults.length && (pushed() >= messages || befell >= faultsMax)) break;
    const what = round.map((fault) => fault.what).join(', and ');
    await perform(round, { world, kafka, crews, random, ...(await chosen(random)) });
    await over(
      what,
      round.reduce((sum, { endings }) => sum + endings, 0),
    );
    befell += round.length;
  }
  context.diagnostic(`${befell} faults`);
  const enough = () => pushed() >= messages;
  await until(enough, { what: `${messages} pushes`, deadlineMs: 480_000, everyMs: 200 });
  await Promise.all(pushers.map((crew) => crew.stop()));
  const popped = () => readAll(all) && all.every(({ owed }) => owed === 0);
  const what = 'everything that was pushed to be popped';
  const late = (error: Error) => context.diagnostic(error.message);
  await until(popped, { what, deadlineMs: 120_000, everyMs: 200 }).catch(late);
  await Promise.all([pop.stop(), work.stop(), watch.stop()]);
  await chronicle.befell('the end', 0);
  await chronicle.isOver();
  for (const [name, ledger] of Object.entries(ledgers)) {
    const verdict = ledger.verdict();
    context.diagnostic(`${name}: ${JSON.stringify(verdict)}`);
    assert.equal(verdict.lostCount, 0, `${name}: ${verdict.lost.join(', ')}`);
    assert.deepEqual([verdict.strange, verdict.disorder], [[], []], name);
  }
  chronicle.judge();
});
