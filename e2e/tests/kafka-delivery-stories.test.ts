/**
 * How records reach a client: in pipelines and either protocol, too large to be passed between
 * proxies, or delivered too often.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { withOneOwner } from '../topology/position-owners.ts';
import { numbered, patientPops, pop, popRest, QueueStory } from '../topology/queue-story.ts';
import { encode, type RawClient } from '../topology/raw-client.ts';
import type { Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
let story: QueueStory;

before(async () => {
  story = await QueueStory.start(stage, {}, patientPops);
});

test('positions are popped from in pipelines, in either protocol', () =>
  withOneOwner(story.world, async (attempt) => {
    for (const [proxy, protocol] of [2, 3].entries()) {
      await pipelineStory(`lined${protocol}-${attempt}`, proxy, protocol as 2 | 3);
    }
  }));

async function pipelineStory(topic: string, proxy: number, protocol: 2 | 3): Promise<void> {
  await story.newTopic(topic);
  const client = await story.login(proxy, protocol);
  const hasOwner = async () => (await client.ask('KPOP', topic)) === null;
  await until(hasOwner, { what: `${topic} to have an owner` });
  const text = (word: string) => `$${word.length}\r\n${word}\r\n`;
  const list = (...words: string[]) => `*${words.length}\r\n${words.map(text).join('')}`;
  const nothing = protocol === 3 ? '_\r\n' : '$-1\r\n';
  const line = [
    [['KPUSH', topic, 'a'], list('0', '0')],
    [['KPUSH', topic, 'b'], list('0', '1')],
    [['KPUSH', topic, 'c'], list('0', '2')],
    [['KPOP', topic], list('0', '0', 'a')],
    [['PING'], '+PONG\r\n'],
    [['KPOP', topic, 'COUNT', '5'], list('0', '1', 'b', '0', '2', 'c')],
    [['PING', 'x'], text('x')],
    [['KPOP', topic, 'COUNT', '5'], nothing],
    [['KPOP', topic, 'BLOCK', '1'], nothing],
  ] as const;
  client.send(Buffer.concat(line.map(([words]) => encode(...words))));
  assert.deepEqual(
    (await client.replies(line.length)).map(String),
    line.map(([, reply]) => reply),
  );
  client.close();
}

test('values of any size come whole through any proxy, in the order they were pushed', async () => {
  await story.newTopic('sizes');
  const sizes = [1, 300_000, 20, 70_000, 900_000, 0, 65_536, 65_537];
  const values = sizes.map((size, n) => Buffer.alloc(size, 97 + n));
  const clients = await Promise.all([0, 1].map((proxy) => story.login(proxy)));
  const [one] = clients as [RawClient];
  for (const value of values) await one.call('KPUSH', 'sizes', value);
  for (const [n, value] of values.entries()) {
    // One of the two is no owner: what it gives was passed on to it, or read by it.
    const client = clients[n % 2] as RawClient;
    const reply = await until(
      async () => {
        const got = await client.ask('KPOP', 'sizes');
        return Array.isArray(got) ? got : null;
      },
      { what: `value ${n}` },
    );
    assert.deepEqual([String(reply[1]), bytesOf(reply[2])], [String(n), value.toString('latin1')]);
  }
  for (const client of clients) client.close();
});

function bytesOf(content: Value | undefined): string {
  return Buffer.isBuffer(content) ? content.toString('latin1') : String(content);
}

test('a record delivered too often goes to the dead letters, and tells where it came from', async () => {
  await story.newTopic('graves');
  const rules = { ack: 'manual', ackMs: 60_000, maxDeliveries: 2, deadLetter: 'graves' };
  const topic = await story.newTopic('tasks', rules);
  await story.write(topic, ['poison', 'fine'], 'the key');
  const client = await story.login();
  for (let delivery = 1; delivery <= 2; delivery++) {
    assert.deepEqual(await pop(client, 'tasks', 1), ['0 0 poison']);
    assert.equal(await client.call('KNACK', 'tasks', 0, 0), 1);
  }
  assert.deepEqual(await popRest(client, 'tasks'), ['0 1 fine']);
  const { from } = await story.noticed('tasks', 'dead-letter');
  assert.equal(from, 0);
  const seen = await readFirst('shop.graves');
  assert.deepEqual(seen, {
    ...{ key: 'the key', value: 'poison' },
    headers: {
      'respool-topic': 'tasks',
      'respool-partition': '0',
      'respool-offset': '0',
      'respool-deliveries': '2',
    },
  });
  client.close();
});

/** The first record of a topic as a client of Kafka's own kind sees it. */
async function readFirst(topic: string): Promise<unknown> {
  const consumer = story.kafkajs.consumer({ groupId: `reads-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const first = Promise.withResolvers<unknown>();
  await consumer.run({
    eachMessage: async ({ message: { key, value, headers = {} } }) => {
      const texts = Object.entries(headers).map(([name, text]) => [name, String(text)]);
      const told = { key: String(key), value: String(value), headers: Object.fromEntries(texts) };
      first.resolve(told);
    },
  });
  const told = await first.promise;
  await consumer.disconnect();
  return told;
}

test('without a topic for them they are dropped, and the operator is told', async () => {
  const topic = await story.newTopic('drops', { ack: 'manual', maxDeliveries: 1 });
  await story.write(topic, numbered(3));
  const client = await story.login(1);
  assert.deepEqual(await pop(client, 'drops', 1), ['0 0 m0']);
  assert.equal(await client.call('KNACK', 'drops', 0, 0), 1);
  assert.deepEqual(await popRest(client, 'drops'), ['0 1 m1', '0 2 m2']);
  assert.equal((await story.noticed('drops', 'dropped')).from, 0);
  client.close();
});
