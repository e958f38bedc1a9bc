/**
 * 2,000 clients pipeline 1,000 GETs of 10 KB each and do not read: the proxy stays small, a healthy
 * client hardly notices, and every reply arrives intact once they do read.
 *
 * The stalled clients live in a process of their own (stalled-clients.ts), so that neither their
 * memory nor their work disturbs the measurement. The healthy client is compared with one of a
 * second proxy that has nobody else, command by command in turn: what else the machine has to do
 * slows down both alike. What the kernel itself buffers per socket is not the proxy's memory; the
 * test prints `tcp_wmem`, because how much the proxy must hold depends on it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Child } from '../topology/child.ts';
import { percentile } from '../topology/load.ts';
import {
  canHavePrivateNetwork,
  inPrivateNetwork,
  runInPrivateNetwork,
} from '../topology/private-network.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { payloadOf, stalledKeys, stalledPlan } from '../topology/stalled-clients.ts';
import { patienceMs, until } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const rssBytesMax = 400 * 1024 * 1024;
/** How many times as long the healthy client may wait. */
const slowerMax = 2;
const program = fileURLToPath(new URL('../topology/stalled-clients.ts', import.meta.url));
let world: World;

const story = '2,000 clients that never read cost neither memory nor the others their speed';

if (!inPrivateNetwork() && canHavePrivateNetwork()) {
  test(`${story}, in a network of their own`, (t) => {
    const { passed, output } = runInPrivateNetwork(fileURLToPath(import.meta.url));
    for (const line of output.match(/tcp_wmem .*/g) ?? []) t.diagnostic(line);
    assert.ok(passed, output);
  });
} else {
  before(prepare);
  test(story, stallAndRead);
}

async function prepare(): Promise<void> {
  const [redis, started] = await Promise.all([
    startRedis(stage),
    startWorld(stage, { proxies: 2, defaultTenant: 'app' }),
  ]);
  world = started;
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  await createTenant(world.api, 'app', { routes: ['main'] });
  const writer = await world.proxy.connect();
  for (const key of stalledKeys) await writer.call('SET', key, payloadOf(key));
  writer.close();
}

async function stallAndRead(t: TestContext): Promise<void> {
  const [healthy, alone] = (await Promise.all(world.proxies.map((one) => one.connect()))) as [
    RawClient,
    RawClient,
  ];
  const pair = { healthy, alone };
  await p99Of(pair);
  const before = await p99Of(pair);
  const rssBefore = world.proxy.rssBytes();

  const stalled = startStalled();
  await said(stalled, 'stalled');
  const rss = await highestRss();
  const during = await settledP99Of(pair);
  const other = await world.proxy.connect();
  assert.equal(await other.ask('GET', 'no such key'), null, 'new clients are served');
  other.close();

  stalled.signal('SIGUSR2');
  let rssDraining = 0;
  const sampling = setInterval(() => {
    rssDraining = Math.max(rssDraining, world.proxy.rssBytes());
  }, 100);
  const verdict = await said(stalled, 'verdict', 600_000).finally(() => clearInterval(sampling));
  t.diagnostic(
    `tcp_wmem ${readFileSync('/proc/sys/net/ipv4/tcp_wmem', 'utf8').trim().replaceAll('\t', ' ')}; ` +
      `RSS ${megabytes(rssBefore)} before, ${megabytes(rss)} stalled, ` +
      `${megabytes(rssDraining)} at most while all read at once; ` +
      `p99 ${shown(before)} before, ${shown(during)} during; ${verdict}`,
  );
  const { clients, commands } = stalledPlan;
  assert.equal(verdict, `verdict intact ${clients * commands} wrong 0 lost 0`);
  assert.ok(rss <= rssBytesMax, `RSS ${megabytes(rss)}`);
  assert.ok(during.healthy <= slowerMax * during.alone, `p99 ${shown(during)}`);
  assert.equal(await healthy.ask('PING'), 'PONG');
  for (const client of [healthy, alone]) client.close();
}

function startStalled(): Child {
  return stage.child({
    name: 'stalled clients',
    command: process.execPath,
    args: [program, String(world.proxy.port)],
  });
}

/** Waits for the line that starts with `word`. */
function said(child: Child, word: string, deadlineMs = patienceMs): Promise<string> {
  const line = new RegExp(`^${word}.*$`, 'm');
  return until(() => line.exec(child.output())?.[0], {
    what: `"${word}" from the stalled clients`,
    deadlineMs,
    everyMs: 100,
  });
}

/** Samples while it still changes: until five seconds have brought no new high. */
async function highestRss(): Promise<number> {
  let [highest, since] = [0, performance.now()];
  return until(
    () => {
      const now = world.proxy.rssBytes();
      if (now > highest * 1.01) since = performance.now();
      highest = Math.max(highest, now);
      return performance.now() - since > 5_000 ? highest : null;
    },
    { what: 'the memory to settle', everyMs: 100 },
  );
}

/** Of the client beside the stalled ones, and of the one that has a proxy for itself. */
type Pair<T> = Readonly<Record<'healthy' | 'alone', T>>;

/** Median of five rounds' p99, so that one busy moment of the machine does not decide. */
async function p99Of(clients: Pair<RawClient>): Promise<Pair<number>> {
  const rounds = { healthy: [] as number[], alone: [] as number[] };
  for (let round = 0; round < 5; round += 1) {
    const samples = { healthy: [] as number[], alone: [] as number[] };
    for (let turn = 0; turn < 1_000; turn += 1) {
      for (const who of ['healthy', 'alone'] as const) {
        const began = performance.now();
        await clients[who].raw('GET', 'no such key');
        samples[who].push(performance.now() - began);
      }
    }
    for (const who of ['healthy', 'alone'] as const)
      rounds[who].push(percentile(samples[who], 0.99));
  }
  return { healthy: percentile(rounds.healthy, 0.5), alone: percentile(rounds.alone, 0.5) };
}

/**
 * The clients stay stalled while this measures again: a busy moment of the machine passes, a proxy
 * that is slowed down by them stays slow.
 */
async function settledP99Of(clients: Pair<RawClient>): Promise<Pair<number>> {
  let best = await p99Of(clients);
  for (let attempt = 1; attempt < 8 && best.healthy > slowerMax * best.alone; attempt += 1) {
    const again = await p99Of(clients);
    if (again.healthy / again.alone < best.healthy / best.alone) best = again;
  }
  return best;
}

function shown({ healthy, alone }: Pair<number>): string {
  return `${healthy.toFixed(2)} ms (${alone.toFixed(2)} ms alone)`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
