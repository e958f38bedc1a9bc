/** Stories of topics: created, described, unknown, created anew. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  assertFails,
  fetchOf,
  newTopic,
  Producer,
  record,
  type Stories,
  soon,
  textsOf,
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
    const topic = { name: where.topic, partitions: 1, replicationFactor: 1, settings: {} };
    await gateway.createTopic(topic, soon);
    await assertFails(gateway.fetchAt(fetchOf(where, 3), soon), 'offset-out-of-range');
    await (await Producer.open(gateway, where)).write('new');
    assert.deepEqual(textsOf(await gateway.fetchAt(fetchOf(where, 0), soon)), ['0 new']);
    assert.notEqual((await gateway.topic(where.topic, soon)).topicId, before.topicId);
  },
};
