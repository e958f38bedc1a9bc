/**
 * Slots migrate and masters fail over while clients read and write.
 *
 * Reads of keys that are not written must all succeed with the right value within the deadline: a
 * read may be repeated, so the proxy has no excuse. A write may fail, but only with an error that
 * tells the client what to do: not executed and safe to send again, or outcome unknown.
 */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { type Cluster, startCluster } from '../topology/cluster.ts';
import { caughtUp } from '../topology/cluster-calls.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import {
  clusterBody,
  createTenant,
  patientProxy,
  startWorld,
  type World,
} from '../topology/world.ts';

const stage = useStage();
const readers = 30;
const writers = 10;
const stableKeys = Array.from({ length: 600 }, (_, index) => `stable:${index}`);
let world: World;
let cluster: Cluster;

before(async () => {
  [cluster, world] = await Promise.all([
    startCluster(stage, { masters: 3, replicas: 3 }),
    startWorld(stage, { proxies: 2, proxyEnv: patientProxy }),
  ]);
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  await createTenant(world.api, 'app', { routes: ['cluster'] });
  const writer = await login(0);
  await writer.pipeline(stableKeys.map((key) => ['SET', key, `value of ${key}`]));
  writer.close();
  // Replicas must hold the keys, or a failover would lose them by Redis's own rules.
  await caughtUp(cluster);
});

test('slots migrate with their keys under load', (t) =>
  underLoad(t, async (trouble) => {
    const masters = await cluster.masters();
    for (const key of stableKeys.slice(0, 60)) {
      const slot = slotOf(key);
      const from = await cluster.nodeOf(slot);
      const to = masters[(masters.indexOf(from) + 1) % masters.length];
      assert.ok(to);
      await cluster.migrateSlot(slot, to);
    }
    await cluster.settled();
    assert.deepEqual([...trouble.writeErrors], [], 'a migration is no reason for any error');
  }));

test('a slot that stays half migrated: keys on both sides, and none lost', async () => {
  const tag = '{half}';
  const keys = Array.from({ length: 120 }, (_, index) => `${tag}${index}`);
  const clients = await Promise.all([0, 1].map(login));
  await clients[0]?.pipeline(keys.map((key) => ['SET', key, key]));
  const masters = await cluster.masters();
  const from = await cluster.nodeOf(slotOf(tag));
  const to = masters.find((node) => node !== from);
  assert.ok(to);
  await cluster.migrateSlot(slotOf(tag), to, async () => {
    for (const client of clients) {
      const single = await client.pipeline(keys.map((key) => ['GET', key]));
      assert.deepEqual(single, keys);
      assert.equal(await client.ask('GET', `${tag}none`), null);
      assert.equal(await client.ask('SET', `${tag}new`, 'n'), 'OK');
      assert.equal(await client.ask('GET', `${tag}new`), 'n');
    }
  });
  for (const client of clients) {
    assert.deepEqual(await client.ask('MGET', ...keys), keys);
    client.close();
  }
});

test('a master hands over to its replica under load', (t) =>
  underLoad(t, async () => {
    const [master] = await cluster.masters();
    assert.ok(master);
    await cluster.failover(master, 'graceful');
  }));

test('a master is killed with -9 under load', (t) =>
  underLoad(t, async () => {
    const owner = await cluster.nodeOf(slotOf(stableKeys[0] ?? ''));
    await cluster.failover(owner, 'kill9');
  }));

interface Trouble {
  reads: number;
  writes: number;
  longestReadMs: number;
  readonly readErrors: string[];
  readonly writeErrors: string[];
}

/**
 * Readers and writers run while `change` does and for a while after; then their troubles are
 * judged.
 */
async function underLoad(
  context: TestContext,
  change: (trouble: Trouble) => Promise<void>,
): Promise<void> {
  const trouble: Trouble = {
    reads: 0,
    writes: 0,
    longestReadMs: 0,
    readErrors: [],
    writeErrors: [],
  };
  const stop = { now: false };
  const clients = await Promise.all(
    Array.from({ length: readers + writers }, (_, index) => login(index)),
  );
  const runs = clients.map((client, index) =>
    index < readers ? read(client, index, trouble, stop) : write(client, index, trouble, stop),
  );
  await until(() => trouble.reads > 5_000 && trouble.writes > 1_000, { what: 'load' });
  await change(trouble);
  const soFar = { ...trouble };
  await until(() => trouble.reads > soFar.reads + 5_000 && trouble.writes > soFar.writes + 1_000, {
    what: 'load after the change',
  });
  stop.now = true;
  await Promise.all(runs);
  for (const client of clients) client.close();
  const kinds = new Set(trouble.writeErrors.map((message) => message.replace(/\d+/g, 'N')));
  context.diagnostic(
    `${trouble.reads} read batches, the longest ${Math.round(trouble.longestReadMs)} ms; ` +
      `${trouble.writes} write batches, ${trouble.writeErrors.length} errors: ${[...kinds].join(' | ')}`,
  );
  assert.deepEqual(trouble.readErrors, []);
  const unclear = trouble.writeErrors.filter((message) => !isActionable(message));
  assert.deepEqual(unclear, []);
}

/**
 * Redis's own words for "not executed, send it again", or ours with the outcome spelled out
 * (contracts/src/errors.ts: backend-unavailable, backend-deadline, outcome-unknown, fan-out-half-
 * failed).
 */
function isActionable(message: string): boolean {
  if (/^(TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN) /.test(message)) return true;
  return /^ERR .*(not executed|may have been executed|unavailable|deadline)/i.test(message);
}

async function read(
  client: RawClient,
  index: number,
  trouble: Trouble,
  stop: { now: boolean },
): Promise<void> {
  for (let turn = index; !stop.now; turn += 1) {
    const keys = Array.from(
      { length: 5 },
      (_, at) => stableKeys[(turn * 7 + at * 101) % 600] ?? '',
    );
    const began = performance.now();
    const replies = await client
      .pipeline([...keys.map((key) => ['GET', key]), ['MGET', ...keys]])
      .catch((error: Error): Value[] => [new ReplyError(`connection: ${error.message}`)]);
    trouble.longestReadMs = Math.max(trouble.longestReadMs, performance.now() - began);
    trouble.reads += 1;
    const values = keys.map((key) => `value of ${key}`);
    const expected = JSON.stringify([...values, values]);
    if (JSON.stringify(replies) === expected) continue;
    const wrong = replies.flat().find((reply) => !values.includes(String(reply)));
    if (trouble.readErrors.length < 10) trouble.readErrors.push(String(wrong));
    if (client.isClosed) return;
  }
}

async function write(
  client: RawClient,
  index: number,
  trouble: Trouble,
  stop: { now: boolean },
): Promise<void> {
  for (let turn = 0; !stop.now; turn += 1) {
    const keys = Array.from({ length: 3 }, (_, at) => `written:${index}:${(turn + at) % 50}`);
    const replies = await client
      .pipeline([
        ['SET', keys[0] ?? '', turn],
        ['INCR', keys[1] ?? ''],
        ['MSET', ...keys.flatMap((key) => [key, turn])],
      ])
      .catch((error: Error): Value[] => [new ReplyError(`connection: ${error.message}`)]);
    trouble.writes += 1;
    for (const reply of replies) {
      if (reply instanceof ReplyError && trouble.writeErrors.length < 2_000) {
        trouble.writeErrors.push(reply.message);
      }
    }
    if (client.isClosed) return;
  }
}

function login(index: number): Promise<RawClient> {
  const proxy = world.proxies[index % world.proxies.length];
  assert.ok(proxy);
  return proxy.connect({ auth: ['app', 'any'] });
}
