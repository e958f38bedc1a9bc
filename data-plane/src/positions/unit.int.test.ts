/** An owned unit before a real broker: what others see of it, and what happens to its topic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kafkajsTo, makeTopics, untilTrue, useKafka } from '@respool/kafka/test/kafka';
import type { Kafka } from 'kafkajs';
import { textsOf, UnitStory } from '../test/unit-story.ts';

let other: Kafka;
// The cleaner looks for work ten times a second instead of every 15 s.
const settings = { 'log.cleaner.backoff.ms': '100' };
const cluster = useKafka({ settings }, async ({ bootstrap }) => {
  other = kafkajsTo(bootstrap);
  return async () => {};
});

const tell = (
  given: Parameters<typeof UnitStory.tell>[1],
  story: Parameters<typeof UnitStory.tell>[2],
) => UnitStory.tell({ bootstrap: cluster().bootstrap, other }, given, story);

const messages = (count: number, name: string, partition = 0) =>
  Array.from({ length: count }, (_, at) => ({ partition, key: null, value: `${name} ${at}` }));

test('records come in order, and the position shows in the group that Kafka’s tools look at', async () => {
  await tell({ partitions: 2 }, async (story) => {
    await story.write([...messages(50, 'a', 0), ...messages(30, 'b', 1)]);
    const loans = await story.pop(80);
    for (const partition of [0, 1]) {
      const offsets = loans.filter((one) => one.partition === partition).map((one) => one.offset);
      assert.deepEqual(
        offsets,
        offsets.map((_, at) => at),
      );
    }
    await story.untilCommitted(50, 30);
    await story.handOver();
    await story.write(messages(1, 'c', 1));
    assert.deepEqual(textsOf(await story.pop(1)), ['30 c 0']);
  });
});

test('what is not acknowledged comes again from the next owner', async () => {
  await tell({}, async (story) => {
    await story.write(messages(5, 'a'));
    const loans = await story.pop(5, false);
    await story.settle(loans.slice(0, 2));
    await story.untilCommitted(2);
    await story.handOver();
    assert.deepEqual(textsOf(await story.pop(3)), ['2 a 2', '3 a 3', '4 a 4']);
  });
});

test('transactions: what was aborted is passed over, and the position goes to the end', async () => {
  await tell({}, async (story) => {
    const topic = story.kafkaName;
    const writer = other.producer({ transactionalId: topic, maxInFlightRequests: 1 });
    await writer.connect();
    const bad = await writer.transaction();
    await bad.send({ topic, messages: messages(5, 'bad') });
    await bad.abort();
    const good = await writer.transaction();
    await good.send({ topic, messages: messages(3, 'good') });
    await good.commit();
    await writer.disconnect();
    assert.deepEqual(textsOf(await story.pop(3)), ['6 good 0', '7 good 1', '8 good 2']);
    // The marker of the second one takes offset 9; whoever looks on finds it.
    await untilTrue('the marker to be passed', async () => {
      const answer = await story.ask({ take: 1 });
      assert(answer.kind === 'loans');
      return answer.rest === 'empty' && (await story.committed())[0] === 10;
    });
  });
});

test('a compacted topic with gaps: records that came back and are gone count as done', async () => {
  const compact = {
    ...{ 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' },
    ...{ 'max.compaction.lag.ms': '200' },
  };
  await tell({ settings: compact }, async (story) => {
    const keyed = (key: string, value: string) => ({ partition: 0, key, value });
    await story.write([keyed('a', 'a1'), keyed('b', 'b1'), keyed('c', 'c1')]);
    const loans = await story.pop(3, false);
    // Younger values of two keys; a roll of the segment lets the old ones be cleaned.
    await untilTrue('the old ones to be cleaned', async () => {
      await story.write([keyed('a', 'a2'), keyed('b', 'b2')]);
      const fetch = { topic: story.kafkaName, partition: 0, offset: 0 };
      const bytes = { bytesMax: 2 ** 20, recordBytesMax: 2 ** 20, waitMs: 0 };
      const { records } = await story.gateway.fetchAt({ ...fetch, ...bytes }, 5_000);
      return records[0]?.offset === 2;
    });
    await story.ask({ nacks: loans.map(({ id }) => id) });
    assert.deepEqual(textsOf((await story.pop(2)).slice(0, 1)), ['2 c1']);
    assert.equal(story.owner.sample().skipped, 2);
  });
});

test('retention overtakes the position: at work, and while nobody owned it', async () => {
  await tell({}, async (story) => {
    const trim = async (offset: number) => {
      const { kafkaName: topic, admin } = story;
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition: 0, offset: `${offset}` }],
      });
    };
    await story.write(messages(10, 'a'));
    const loans = await story.pop(4, false);
    await story.settle(loans.slice(0, 1));
    await story.untilCommitted(1);
    await trim(3);
    await story.ask({ nacks: loans.slice(1).map(({ id }) => id) });
    assert.deepEqual(textsOf(await story.pop(2)), ['3 a 3', '4 a 4']);
    const first = await story.untilNoticed('retention-overtook');
    assert.deepEqual([first.from, first.to, first.count], [1, 2, 2]);
    story.notices.length = 0;
    await story.handOver(() => trim(8));
    assert.deepEqual(textsOf(await story.pop(2)), ['8 a 8', '9 a 9']);
    const second = await story.untilNoticed('retention-overtook');
    assert.deepEqual([second.from, second.to], [5, 7]);
    await story.untilCommitted(10);
  });
});

test('a topic that is deleted and created again is begun anew', async () => {
  await tell({}, async (story) => {
    await story.write(messages(5, 'old'));
    await story.pop(5);
    await story.untilCommitted(5);
    const { admin, kafkaName: topic } = story;
    await admin.deleteTopics({ topics: [topic] });
    await untilTrue('the name to be free', async () =>
      makeTopics(admin, [{ topic, numPartitions: 1, replicationFactor: 1 }]).catch(() => false),
    );
    await story.write(messages(2, 'new'));
    assert.deepEqual(textsOf(await story.pop(2)), ['0 new 0', '1 new 1']);
    await story.untilNoticed('topic-recreated');
    await story.untilCommitted(2);
  });
});

test('a consumer that joins the group from outside: commits wait, and go on when it leaves', async () => {
  await tell({}, async (story) => {
    await story.write(messages(10, 'a'));
    await story.pop(1);
    await story.untilCommitted(1);
    const stranger = other.consumer({ groupId: story.group });
    await stranger.connect();
    await stranger.subscribe({ topic: story.kafkaName });
    const joined = Promise.withResolvers<void>();
    stranger.on(stranger.events.GROUP_JOIN, () => joined.resolve());
    await stranger.run({ autoCommit: false, eachMessage: async () => {} });
    await joined.promise;
    assert.deepEqual(textsOf(await story.pop(2)), ['1 a 1', '2 a 2']);
    await story.untilNoticed('group-in-use');
    assert.deepEqual(await story.committed(), [1]);
    await stranger.disconnect();
    await story.untilNoticed('group-free');
    await story.untilCommitted(3);
  });
});

test('partitions that are added are read from their first record', async () => {
  await tell({}, async (story) => {
    await story.write(messages(1, 'a'));
    await story.pop(1);
    const { admin, kafkaName: topic } = story;
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    await story.write(messages(2, 'b', 1));
    await untilTrue('the gateway to know of it', async () => {
      return (await story.gateway.topic(topic, 5_000)).partitions.length === 2;
    });
    await story.handOver();
    assert.deepEqual(textsOf(await story.pop(2)), ['0 b 0', '1 b 1']);
    await story.untilNoticed('partitions-added');
    await story.untilCommitted(1, 2);
  });
});

test('a broker that dies and comes back: nothing is lost, and nothing acknowledged comes again', async () => {
  await tell({}, async (story) => {
    await story.write(messages(20, 'a'));
    await story.pop(10);
    await story.untilCommitted(10);
    const loans = await story.pop(3, false);
    const [node] = cluster().nodes;
    await node?.kill9();
    await story.settle(loans);
    await node?.start();
    assert.deepEqual(
      textsOf(await story.pop(7)),
      messages(20, 'a')
        .slice(13)
        .map(({ value }, at) => `${at + 13} ${value}`),
    );
    await story.untilCommitted(20);
  });
});

test('a large value is lent by reference and found at its offset', async () => {
  await tell({}, async (story) => {
    const large = 'x'.repeat(200_000);
    await story.write([
      { partition: 0, value: large },
      { partition: 0, value: 'small' },
    ]);
    const [first, second] = await story.pop(2);
    assert.deepEqual([first?.value, `${second?.value}`], ['elsewhere', 'small']);
    const where = { topic: story.kafkaName, partition: 0, offset: first?.offset ?? -1 };
    const [record] = await story.backend.read({ ...where, bytesMax: null });
    assert.equal(`${record?.value}`, large);
  });
});

test('a seek is committed before anything is given out behind it', async () => {
  await tell({ partitions: 2 }, async (story) => {
    await story.write([...messages(3, 'a', 0), ...messages(3, 'b', 1)]);
    await story.pop(6);
    await story.untilCommitted(3, 3);
    const to = { offsets: [{ partition: 1, offset: 1 }] };
    story.topic = { ...story.topic, seeks: new Map([['worker', { generation: 9, to }]]) };
    story.owner.follow(story.topic);
    await story.untilNoticed('sought');
    assert.deepEqual(await story.committed(), [3, 1]);
    assert.deepEqual(textsOf(await story.pop(2)), ['1 b 1', '2 b 2']);
  });
});

test('an open transaction is waited behind without asking the broker all the time', async () => {
  await tell({}, async (story) => {
    const topic = story.kafkaName;
    const writer = other.producer({ transactionalId: topic, maxInFlightRequests: 1 });
    await writer.connect();
    const open = await writer.transaction();
    await open.send({ topic, messages: messages(3, 'open') });
    let fetches = 0;
    const fetchAt = story.gateway.fetchAt.bind(story.gateway);
    story.gateway.fetchAt = async (...asked) => {
      fetches++;
      return await fetchAt(...asked);
    };
    const waitsUntilMs = performance.now() + 1_500;
    await untilTrue('callers to have waited', async () => {
      const answer = await story.ask({ take: 1, waits: true });
      assert(answer.kind === 'loans');
      assert.deepEqual([answer.loans.length, answer.rest], [0, 'empty']);
      return performance.now() > waitsUntilMs;
    });
    assert(fetches > 0 && fetches < 10, `${fetches} fetches`);
    await open.commit();
    await writer.disconnect();
    assert.deepEqual(textsOf(await story.pop(3)), ['0 open 0', '1 open 1', '2 open 2']);
  });
});
