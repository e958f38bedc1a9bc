/**
 * What happens to positions behind a consumer's back: records that Kafka deletes, topics that are
 * made anew. And what Kafka's own tools see of it.
 */

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { makeTopics } from '@respool/kafka/test/kafka';
import { describeGroup } from '../topology/kafka-tools.ts';
import { lagOf, numbered, pop, popRest, QueueStory, triplesOf } from '../topology/queue-story.ts';
import { ReplyError } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
let story: QueueStory;

before(async () => {
  story = await QueueStory.start(stage);
});

test("Kafka's own tools show where a consumer is, and how far behind", async () => {
  const topic = await story.newTopic('seen');
  const client = await story.login();
  await story.write(topic, numbered(10));
  const got = [...(await pop(client, 'seen', 1)), ...(await pop(client, 'seen', 3))];
  assert.deepEqual(
    got,
    ['0 0 m0', '0 1 m1', '0 2 m2', '0 3 m3'],
    'one consumer, in the order of the log',
  );
  await client.ask('PING');
  assert.deepEqual(await lagOf(client, 'seen', ({ position }) => position === 4), {
    ...{ position: 4, end: 10, lag: 6 },
  });
  const described = await describeGroup(story.kafka, 'kq.shop.default');
  assert.deepEqual(
    described.filter((line) => line.topic === topic),
    [{ topic, partition: 0, position: 4, end: 10, lag: 6 }],
  );
  client.close();
});

test('records that retention deleted are skipped, and the operator is told how many', async () => {
  const topic = await story.newTopic('aged');
  let client = await story.login();
  await story.write(topic, numbered(100));
  assert.equal((await pop(client, 'aged', 10)).length, 10);
  await client.ask('PING');
  await lagOf(client, 'aged', ({ position }) => position === 10);
  client.close();
  await story.restartProxies();
  await story.deleteBefore(topic, 50);
  client = await story.login();
  assert.deepEqual(await pop(client, 'aged', 1), ['0 50 m50']);
  const { from, to, count } = await story.noticed('aged', 'retention-overtook');
  assert.deepEqual({ from, to, count }, { from: 10, to: 49, count: 40 });
  assert.equal((await popRest(client, 'aged')).length, 49);
  client.close();
});

test('records deleted under a consumer that is being served are skipped likewise', async () => {
  const topic = await story.newTopic('aging');
  const client = await story.login();
  // More than any owner reads ahead.
  const large = numbered(400).map((text) => `${text} ${'x'.repeat(8_000)}`);
  for (let at = 0; at < large.length; at += 50) await story.write(topic, large.slice(at, at + 50));
  assert.equal((await pop(client, 'aging', 1)).length, 1);
  await story.deleteBefore(topic, 390);
  const rest = await popRest(client, 'aging');
  assert.match(String(rest.at(-1)), /^0 399 m399 /);
  assert.ok(rest.length >= 10 && rest.length < 399, `${rest.length} were still there to give`);
  await story.noticed('aging', 'retention-overtook');
  client.close();
});

test('a topic that is deleted and made anew is read from its beginning', async () => {
  const topic = await story.newTopic('anew');
  const client = await story.login();
  await story.write(topic, numbered(20));
  assert.equal((await popRest(client, 'anew')).length, 20);
  await client.ask('PING');
  await lagOf(client, 'anew', ({ position }) => position === 20);
  await story.admin.deleteTopics({ topics: [topic] });
  const made = { topic, numPartitions: 1, replicationFactor: 1 };
  await until(async () => await makeTopics(story.admin, [made]), {
    what: 'the topic to be made anew',
  });
  await story.write(topic, numbered(30, 100));
  const all: string[] = [];
  await until(
    async () => {
      const reply = await client.ask('KPOP', 'anew', 'COUNT', 100);
      if (!(reply instanceof ReplyError)) all.push(...triplesOf(reply));
      return all.length >= 30;
    },
    { what: 'the new records' },
  );
  assert.deepEqual([all[0], all.length], ['0 0 m100', 30]);
  await story.noticed('anew', 'topic-recreated');
  client.close();
});
