/** Stories of topics: created, described, unknown, created anew. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  assertFails,
  fetchOf,
  newTopic,
  Producer,
  record,
  type Stories,
  soon,
  textsOf,
  untilUnknown,
} from './rig.ts';

export const topicStories: Stories = {
  'creates a topic whose partitions have leaders at once': async ({ gateway }) => {
    const name = await newTopic(gateway, { partitions: 3 });
    const { partitions, topicId } = await gateway.topic(name, soon);
    assert.deepEqual(
      partitions.map(({ partition }) => partition),
      [0, 1, 2],
    );
    assert(partitions.every(({ leader }) => leader !== null));
    assert.match(topicId, /^[\da-f-]{36}$/);
    assert((await gateway.topics(soon)).includes(name));
  },

  'says that a topic exists, or cannot be': async ({ gateway }) => {
    const name = await newTopic(gateway);
    const again = { name, partitions: 1, replicationFactor: 1, settings: {} };
    await assertFails(gateway.createTopic(again, soon), 'topic-exists');
    await assertFails(gateway.createTopic({ ...again, name: 'no/name' }, soon), 'topic-invalid');
  },

  'says that there is no such topic or partition': async ({ gateway }) => {
    const name = `story-${randomUUID()}`;
    await assertFails(gateway.topic(name, soon), 'topic-unknown');
    await assertFails(
      gateway.fetchAt(fetchOf({ topic: name, partition: 0 }, 0), soon),
      'topic-unknown',
    );
    const where = { topic: await newTopic(gateway), partition: 1 };
    await assertFails(gateway.fetchAt(fetchOf(where, 0), soon), 'partition-unknown');
    const batch = { ...where, records: [record('a')], producerId: 0n, epoch: 0, sequence: 0 };
    await assertFails(gateway.produce(batch, soon), 'partition-unknown');
    const query = { ...where, time: 'latest' } as const;
    await assertFails(gateway.listOffsets([query], soon), 'partition-unknown');
  },

  'serves the new topic when one is removed and created under the same name': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    const before = await gateway.topic(where.topic, soon);
    await (await Producer.open(gateway, where)).write('a', 'b', 'c');
    await rig.removeTopic(where.topic);
    await untilUnknown(gateway, where.topic);
    const topic = { name: where.topic, partitions: 1, replicationFactor: 1, settings: {} };
    await gateway.createTopic(topic, soon);
    await assertFails(gateway.fetchAt(fetchOf(where, 3), soon), 'offset-out-of-range');
    await (await Producer.open(gateway, where)).write('new');
    assert.deepEqual(textsOf(await gateway.fetchAt(fetchOf(where, 0), soon)), ['0 new']);
    assert.notEqual((await gateway.topic(where.topic, soon)).topicId, before.topicId);
  },

  'grows a topic at once, and never shrinks it': async ({ gateway }) => {
    const name = await newTopic(gateway, { partitions: 2 });
    const { partitions } = await gateway.addPartitions(name, 4, soon);
    assert.deepEqual(
      partitions.map(({ partition }) => partition),
      [0, 1, 2, 3],
    );
    await (await Producer.open(gateway, { topic: name, partition: 3 })).write('last');
    for (const same of [4, 3]) {
      await assertFails(gateway.addPartitions(name, same, soon), 'topic-invalid');
    }
    await assertFails(gateway.addPartitions(`story-${randomUUID()}`, 2, soon), 'topic-unknown');
  },

  'deletes a topic with its records, and says when there is none': async ({ gateway }) => {
    const name = await newTopic(gateway);
    await (await Producer.open(gateway, { topic: name, partition: 0 })).write('a');
    await gateway.deleteTopic(name, soon);
    await untilUnknown(gateway, name);
    await assertFails(gateway.deleteTopic(name, soon), 'topic-unknown');
    const again = { name, partitions: 1, replicationFactor: 1, settings: {} };
    await gateway.createTopic(again, soon);
    const [end] = await gateway.listOffsets([{ topic: name, partition: 0, time: 'latest' }], soon);
    assert.equal(end?.offset, 0);
  },

  'tells the settings of a topic, changes those it is told and gives one back': async (rig) => {
    const { gateway } = rig;
    const name = await newTopic(gateway, { settings: { 'cleanup.policy': 'compact' } });
    const names = ['retention.ms', 'cleanup.policy', 'no.such.setting'];
    const found = async () => Object.fromEntries(await gateway.topicSettings(name, names, soon));
    const policy = { value: 'compact', isOwn: true };
    const usual = { value: '604800000', isOwn: false };
    assert.deepEqual(await found(), { 'retention.ms': usual, 'cleanup.policy': policy });
    await gateway.alterTopic(name, { 'retention.ms': '60000' }, soon);
    const own = { value: '60000', isOwn: true };
    await eventually(found, { 'retention.ms': own, 'cleanup.policy': policy });
    await gateway.alterTopic(name, { 'retention.ms': null }, soon);
    await eventually(found, { 'retention.ms': usual, 'cleanup.policy': policy });
    const ghost = `story-${randomUUID()}`;
    await assertFails(gateway.topicSettings(ghost, names, soon), 'topic-unknown');
    await assertFails(gateway.alterTopic(ghost, { 'retention.ms': '1' }, soon), 'topic-unknown');
  },
};

/** A broker learns of a change of settings a moment after whoever took it has answered. */
async function eventually<T>(ask: () => Promise<T>, expected: T): Promise<void> {
  const deadline = performance.now() + soon;
  let last = await ask();
  while (!isDeepStrictEqual(last, expected) && performance.now() < deadline) last = await ask();
  assert.deepEqual(last, expected);
}
