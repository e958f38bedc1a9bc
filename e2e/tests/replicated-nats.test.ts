/**
 * Three NATS servers, as in production. Each in turn is killed, then stopped, as operators change
 * the configuration through two control planes and clients push and pop through two proxies.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { steadyCrew } from '../ledger/crew.ts';
import { untilFlowing, untilPopped } from '../ledger/flow.ts';
import { Ledger } from '../ledger/ledger.ts';
import { type Haproxy, startHaproxy } from '../topology/haproxy.ts';
import { startKafka } from '../topology/kafka.ts';
import { type NatsCluster, startNatsCluster } from '../topology/nats-cluster.ts';
import { type Acknowledged, changeUntilAcknowledged } from '../topology/persistent-change.ts';
import { lostOwners } from '../topology/position-owners.ts';
import { kafkaBody } from '../topology/queues.ts';
import { useStage } from '../topology/stage.ts';
import { readVerifiedLog } from '../topology/stored-log.ts';
import { until } from '../topology/until.ts';
import { converged, stateOf } from '../topology/views.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_LEDGER_SEED'] ?? randomInt(1, 1_000_000));
const password = 'replicated';
const partitions = 3;
const window = 200;
/** A leader that stands still is given up after some four seconds. */
const stillMs = 6_000;
let nats: NatsCluster;
let world: World;
let balancer: Haproxy;

before(async () => {
  const [kafka, started] = await Promise.all([startKafka(stage), startNatsCluster(stage, 3)]);
  nats = started;
  const controlPlaneEnv = { RESPOOL_LOG_REPLICAS: '3' };
  world = await startWorld(stage, { nats: nats.all, controlPlanes: 2, controlPlaneEnv });
  balancer = await startHaproxy(stage, world.proxies);
  await createTenant(world.api, 'led', { password });
  await world.api.put('/v1/backends/queues', kafkaBody(kafka));
  const grants = [{ user: 'default', produce: true, consume: true }];
  const value = { backend: 'queues', origin: 'created', partitions, grants, window };
  await world.api.changeApplied([{ op: 'put', kind: 'topic', tenant: 'led', id: 'flow', value }]);
});

/** Changes one after the other, for as long as the story goes on. */
class Operator {
  readonly acknowledged: Acknowledged[] = [];
  readonly unexpected: string[] = [];
  #isOver = false;
  readonly #works: Promise<void>;

  constructor() {
    this.#works = this.#work();
  }

  /** Of changes asked for from now on, a few are acknowledged. */
  async getsOn(what: string): Promise<void> {
    const enough = this.acknowledged.length + 5;
    await until(() => this.acknowledged.length >= enough, { what: `changes after: ${what}` });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#works;
  }

  async #work(): Promise<void> {
    const planes = world.controlPlanes.map(({ api }) => api);
    for (let index = 0; !this.#isOver; index++) {
      this.acknowledged.push(await changeUntilAcknowledged(planes, index, this.unexpected));
      await pause(20);
    }
  }
}

test('with one of three servers away, changes are taken and messages flow, and nothing is lost', async (context) => {
  context.diagnostic(`RESPOOL_TEST_LEDGER_SEED=${seed}`);
  const before = (await readVerifiedLog(nats.all)).length;
  const ledger = new Ledger();
  const where = { port: balancer.port, auth: ['led', password], topic: 'flow' };
  const push = steadyCrew(stage, { role: 'push', ...where, seed }, ledger);
  const pop = steadyCrew(stage, { role: 'pop', ...where, seed }, ledger);
  const operator = new Operator();
  const goesOn = async (what: string): Promise<void> => {
    await Promise.all([untilFlowing([ledger], 300, what), operator.getsOn(what)]);
  };
  await goesOn('the start');
  for (const [index, node] of nats.nodes.entries()) {
    await node.kill9();
    await goesOn(`server ${index} was killed`);
    await node.restart();
    await goesOn(`server ${index} came back`);
    node.child().signal('SIGSTOP');
    await pause(stillMs);
    await goesOn(`server ${index} stands still`);
    node.child().signal('SIGCONT');
    await goesOn(`server ${index} goes on`);
  }
  await operator.end();
  await push.stop();
  await untilPopped(ledger, context);
  await pop.stop();
  ledger.read();

  const { acknowledged, unexpected } = operator;
  const lost = await lostOwners(world);
  const verdict = ledger.verdict();
  context.diagnostic(`${acknowledged.length} changes; ${lost} owners of a position changed`);
  context.diagnostic(JSON.stringify(verdict));
  assert.deepEqual(unexpected, [], 'only 503 and broken connections may ask for a retry');
  const log = await readVerifiedLog(nats.all);
  assert.equal(log.length, before + acknowledged.length, 'one event for each, none twice');
  const stored = new Map(log.map(({ sequence, value }) => [sequence, JSON.stringify(value)]));
  for (const { id, sequence } of acknowledged) {
    assert.ok(stored.get(sequence)?.includes(`"id":"${id}"`), `${id} is not at ${sequence}`);
  }
  assert.equal(verdict.lostCount, 0, verdict.lost.join(', '));
  assert.deepEqual([verdict.strange, verdict.disorder], [[], []]);
  // What a proxy has out comes again when its lease ends, whether it owns the position or not; an
  // answer that broke off with a server leaves its loans out, and no lease ends for that.
  const faults = 2 * nats.nodes.length + lost;
  const repeatsMax = faults * partitions * window;
  assert.ok(verdict.duplicates <= repeatsMax, `${verdict.duplicates} came twice`);
});

test('all planes agree in the end', async () => {
  const [one, two] = world.controlPlanes as [World['controlPlanes'][0], World['controlPlanes'][0]];
  const agree = async () => (await stateOf(one.api)).hash === (await stateOf(two.api)).hash;
  await until(agree, { what: 'the control planes to agree' });
  const proxies = await converged(one.api, 2);
  assert.deepEqual(
    proxies.map(({ behind }) => behind),
    [0, 0],
  );
});
