/**
 * Queues while a part of what keeps them is away: NATS, the proxy that owns a position, Kafka. What
 * still works does, what does not says so, and afterwards all goes on with nothing lost.
 */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { Endings, leasesLost, ownerOf, untilLeaseLost } from '../topology/position-owners.ts';
import type { ProxyProcess } from '../topology/proxy.ts';
import { numbered, pop, popRest, QueueStory, triplesOf } from '../topology/queue-story.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { ReplyError } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
const window = 50;
let story: QueueStory;

before(async () => {
  story = await QueueStory.start(stage);
});

const unitOf = (topic: string) => ({ tenant: 'shop', topic, consumer: 'default' });

/** Pops one record after the other until the answer is an error that says to try again. */
async function popUntilRefused(client: RawClient, topic: string): Promise<string[]> {
  const all: string[] = [];
  const error = await until(
    async () => {
      const reply = await client.ask('KPOP', topic);
      if (reply instanceof ReplyError) return reply;
      all.push(...triplesOf(reply));
      return null;
    },
    { what: `${topic} to be refused`, everyMs: 1 },
  );
  assert.match(error.message, /^TRYAGAIN /);
  return all;
}

/** Pops until each of the first `count` records came; some may be out for a while. */
async function popOn(
  client: RawClient,
  topic: string,
  popped: string[],
  count: number,
): Promise<void> {
  const isAll = async () => {
    popped.push(...(await pop(client, topic, 100)));
    return new Set(popped).size >= count;
  };
  await until(isAll, { what: `${count} records of ${topic}` });
}

/** Each of the first `count` records came, and no more than `repeatsMax` of them came again. */
function assertAll(popped: readonly string[], count: number, repeatsMax: number): void {
  const wanted = numbered(count).map((content, offset) => `0 ${offset} ${content}`);
  assert.deepEqual([...new Set(popped)].sort(), [...wanted].sort());
  const repeats = popped.length - count;
  assert.ok(repeats <= repeatsMax, `${repeats} came twice, at most ${repeatsMax} may`);
}

test('without NATS positions are not kept, and everything else about queues works', async () => {
  await story.newTopic('unkept', { window });
  const clients = await Promise.all([0, 1].map((proxy) => story.login(proxy)));
  const [one] = clients as [RawClient];
  for (const content of numbered(20)) await one.call('KPUSH', 'unkept', content);
  const popped = triplesOf(await one.call('KPOP', 'unkept', 'COUNT', 3, 'BLOCK', 30_000));
  const endings = await Endings.from(story.world);
  await story.world.nats.kill9();
  const refused = () => Promise.all(clients.map((client) => popUntilRefused(client, 'unkept')));
  popped.push(...(await refused()).flat());
  for (const [at, client] of clients.entries()) {
    const offset = String(20 + at);
    assert.deepEqual(await client.call('KPUSH', 'unkept', `m${offset}`), ['0', offset]);
    assert.deepEqual(await client.call('KPOP', 'unkept', 0, offset), ['0', offset, `m${offset}`]);
    assert.deepEqual(await client.call('KOFFSET', 'unkept', 0, -1), [`${21 + at}`, '-1']);
    assert.deepEqual(await client.call('KPARTITION', 'unkept'), ['0']);
  }
  assert.deepEqual(await refused(), [[], []], 'not before NATS is back');
  await story.world.nats.restart();
  await popOn(one, 'unkept', popped, 22);
  assertAll(popped, 22, window * (1 + (await endings.more())));
  for (const client of clients) client.close();
});

interface Handover {
  readonly owner: ProxyProcess;
  readonly popped: string[];
  readonly client: RawClient;
}

/** 200 records of which some are popped, by a client of a proxy that does not own the position. */
async function begun(topic: string): Promise<Handover> {
  const kafkaTopic = await story.newTopic(topic, { window });
  await story.write(kafkaTopic, numbered(200));
  const first = await story.login();
  const popped = triplesOf(await first.call('KPOP', topic, 'COUNT', 10, 'BLOCK', 30_000));
  await first.call('QUIT');
  const owner = await ownerOf(story.world, unitOf(topic));
  const client = await story.login(story.world.proxies.findIndex((proxy) => proxy !== owner));
  popped.push(...triplesOf(await client.call('KPOP', topic, 'COUNT', 20, 'BLOCK', 30_000)));
  return { owner, popped, client };
}

/** Pops the rest at the other proxy; how long the first of it took is printed, and no more. */
async function takenOver(
  { client, popped }: Handover,
  topic: string,
  context: TestContext,
): Promise<void> {
  const sinceMs = performance.now();
  const isThere = async () => {
    const reply = await client.ask('KPOP', topic);
    if (reply instanceof ReplyError || reply === null) return false;
    return popped.push(...triplesOf(reply)) > 0;
  };
  await until(isThere, { what: `${topic} to be served by another proxy` });
  const ms = Math.round(performance.now() - sinceMs);
  context.diagnostic(`${topic}: another proxy served after ${ms} ms`);
  await popOn(client, topic, popped, 200);
}

test('an owner that is killed is replaced by another proxy, and little comes twice', async (context) => {
  const handover = await begun('orphaned');
  const endings = await Endings.from(story.world);
  await handover.owner.kill9();
  await takenOver(handover, 'orphaned', context);
  handover.owner.launch();
  await handover.owner.ready();
  assertAll(handover.popped, 200, window * (1 + (await endings.more())));
  handover.client.close();
});

test('an owner that stands still for longer than its lease is replaced, and gives out nothing after', async (context) => {
  const handover = await begun('asleep');
  const { owner, popped, client } = handover;
  const endings = await Endings.from(story.world);
  const leases = await leasesLost(owner);
  owner.child().signal('SIGSTOP');
  try {
    await takenOver(handover, 'asleep', context);
    await ownerOf(story.world, unitOf('asleep'), owner);
  } finally {
    owner.child().signal('SIGCONT');
  }
  const late = await story.login(story.world.proxies.indexOf(owner));
  popped.push(...(await popRest(late, 'asleep')));
  await untilLeaseLost(owner, leases);
  assertAll(popped, 200, window * (await endings.more()));
  for (const each of [client, late]) each.close();
});

test('without Kafka the window fills, and all goes on when it is back', async () => {
  const topic = await story.newTopic('unstored', { window });
  await story.write(topic, numbered(200));
  const client = await story.login();
  const popped = triplesOf(await client.call('KPOP', 'unstored', 'COUNT', 5, 'BLOCK', 30_000));
  const endings = await Endings.from(story.world);
  const [node] = story.kafka.nodes;
  await node?.kill9();
  popped.push(...(await popUntilRefused(client, 'unstored')));
  const different = new Set(popped).size;
  assert.ok(different <= 5 + window, `${different} records without a commit`);
  await node?.start();
  await popOn(client, 'unstored', popped, 200);
  assertAll(popped, 200, window * (await endings.more()));
  client.close();
});
