/**
 * Positions over what others do: records from before, gaps, transactions, compressed batches, an
 * operator who sends a consumer elsewhere, and a consumer of another kind in the group.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { withOneOwner } from '../topology/position-owners.ts';
import { lagOf, numbered, pop, popRest, QueueStory, triplesOf } from '../topology/queue-story.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { ReplyError } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
let story: QueueStory;

before(async () => {
  story = await QueueStory.start(stage, { 'log.cleaner.backoff.ms': '100' });
});

test('a consumer of a topic that starts at its end gets what comes after its first pop', () =>
  withOneOwner(story.world, (attempt) => newsStory(`news${attempt}`)));

async function newsStory(name: string): Promise<void> {
  const topic = await story.newTopic(name, { startAt: 'latest' });
  await story.write(topic, numbered(3));
  const client = await story.login();
  assert.deepEqual(await pop(client, name, 10), []);
  const group = { groupId: 'kq.shop.default', topics: [topic] };
  const [stored] = await story.admin.fetchOffsets(group);
  assert.equal(stored?.partitions[0]?.offset, '3', 'its place is kept, whoever owns it next');
  await story.write(topic, numbered(2, 3));
  const other = await story.login(1);
  assert.deepEqual(await popRest(other, name), ['0 3 m3', '0 4 m4']);
  for (const each of [client, other]) each.close();
}

test('an operator sends a consumer elsewhere through the API, and it goes on from there', () =>
  withOneOwner(story.world, (attempt) => sentStory(`sent${attempt}`)));

async function sentStory(name: string): Promise<void> {
  const topic = await story.newTopic(name);
  await story.write(topic, numbered(6));
  const clients = await Promise.all([0, 1].map((proxy) => story.login(proxy)));
  const [client] = clients as [RawClient];
  assert.equal((await popRest(client, name)).length, 6);
  await lagOf(client, name, ({ position }) => position === 6);
  const path = `/v1/tenants/shop/topics/${name}/positions/default`;
  const isDone = async () => {
    const { wish } = (await story.world.api.get(path)).body as { wish: { done: boolean } };
    return wish.done;
  };
  for (const [to, first] of [
    [{ offsets: [{ partition: 0, offset: 2 }] }, 2],
    ['earliest', 0],
  ] as const) {
    await story.world.api.put(path, { to });
    await until(isDone, { what: 'the consumer to be where it was sent' });
    for (const each of clients) {
      const wanted = numbered(6 - first, first).map((content, at) => `0 ${first + at} ${content}`);
      if (each === client) assert.deepEqual(await popRest(each, name), wanted);
      else assert.deepEqual(await popRest(each, name), [], 'all connections share one position');
    }
  }
  await story.noticed(name, 'sought');
  for (const each of clients) each.close();
}

test('gaps that compaction left do not stop anybody, however small the window', async () => {
  const compacted = {
    'cleanup.policy': 'compact',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.01',
    'max.compaction.lag.ms': '200',
  };
  const topic = await story.newTopic('latest', { window: 3 }, compacted);
  await story.write(topic, numbered(300), 'one key');
  await story.write(topic, ['kept'], 'another key');
  const client = await story.login();
  const stored = async (): Promise<string[]> => {
    await story.write(topic, ['tick'], 'a third key');
    return triplesOf(await client.call('KPOP', 'latest', 0, 0, 1_000_000));
  };
  await until(async () => (await stored())[0]?.startsWith('0 299 ') === true, {
    ...{ what: 'the broker to compact', everyMs: 300 },
  });
  const all: string[] = [];
  for (let last = -1; !all.some((one) => one.endsWith(' kept')); ) {
    const [one] = await pop(client, 'latest', 1);
    assert.ok(one, 'there is more');
    const offset = Number(one.split(' ')[1]);
    assert.ok(offset > last, 'in order');
    last = offset;
    all.push(one);
  }
  assert.match(String(all[0]), /^0 299 m299$/);
  client.close();
});

test('records of a transaction come once it is committed, those of an aborted one never', async () => {
  const topic = await story.newTopic('deals');
  const client = await story.login();
  const producer = story.kafkajs.producer({ transactionalId: 'deals', maxInFlightRequests: 1 });
  await producer.connect();
  const first = await producer.transaction();
  await first.send({ topic, messages: [{ value: 'committed' }] });
  assert.deepEqual(await pop(client, 'deals', 10), [], 'it is not committed yet');
  await first.commit();
  const second = await producer.transaction();
  await second.send({ topic, messages: [{ value: 'aborted' }] });
  await second.abort();
  await story.write(topic, ['plain']);
  const all: string[] = [];
  await until(
    async () => {
      all.push(...(await pop(client, 'deals', 10)));
      return all.length >= 2;
    },
    { what: 'both records' },
  );
  assert.deepEqual(
    all.map((one) => one.split(' ')[2]),
    ['committed', 'plain'],
  );
  await client.ask('PING');
  await lagOf(client, 'deals', ({ lag }) => lag === 0);
  await producer.disconnect();
  client.close();
});

test('compressed batches with keys and headers come record by record', async () => {
  const topic = await story.newTopic('packed');
  const client = await story.login();
  const producer = story.kafkajs.producer();
  await producer.connect();
  const values = Array.from({ length: 500 }, (_, n) => `packed-${n}-${'y'.repeat(n % 50)}`);
  const messages = values.map((value, n) => ({ key: `k${n % 5}`, value, headers: { trace: 'a' } }));
  const gzip = 1;
  await producer.send({ topic, compression: gzip, messages });
  await producer.disconnect();
  const all = await popRest(client, 'packed');
  assert.deepEqual(
    all,
    values.map((value, n) => `0 ${n} ${value}`),
  );
  client.close();
});

test('a consumer of another kind in the group stops commits, and the window stops the rest', () =>
  withOneOwner(story.world, (attempt) => crowdedStory(`crowded${attempt}`)));

async function crowdedStory(name: string): Promise<void> {
  const topic = await story.newTopic(name, { window: 20 });
  const client = await story.login();
  await story.write(topic, numbered(200));
  assert.equal((await pop(client, name, 5)).length, 5);
  await client.ask('PING');
  await lagOf(client, name, ({ position }) => position === 5);
  const consumer = story.kafkajs.consumer({ groupId: 'kq.shop.default' });
  await consumer.connect();
  const other = await story.newTopic(`beside-${name}`);
  await consumer.subscribe({ topic: other, fromBeginning: true });
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  let taken: number;
  try {
    await consumer.run({ eachMessage: async () => {} });
    await joined;
    taken = await takenUntilFull(client, name, 5);
    assert.equal(taken, 25, 'twenty beyond what was committed');
    await story.noticed(name, 'group-in-use');
  } finally {
    await consumer.disconnect();
  }
  await story.noticed(name, 'group-free');
  const rest = await popRest(client, name);
  assert.equal(rest.length, 200 - taken);
  client.close();
}

async function takenUntilFull(client: RawClient, name: string, before: number): Promise<number> {
  /** Asking again helps, and not because the window is full. */
  const isBusy = /^TRYAGAIN (?!as many records as the window allows)/;
  let taken = before;
  const error = await until(
    async () => {
      const reply = await client.ask('KPOP', name);
      if (reply instanceof ReplyError) return isBusy.test(reply.message) ? null : reply;
      if (reply !== null) taken++;
      return null;
    },
    { what: 'the window to be full', everyMs: 1 },
  );
  assert.match(error.message, /^TRYAGAIN /);
  return taken;
}
