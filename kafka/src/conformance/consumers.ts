/** Stories of positions: offsets by time, and what a group has committed. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { assertFails, newTopic, Producer, record, type Stories, soon } from './rig.ts';

export const consumerStories: Stories = {
  'finds the first record of a time or later': async ({ gateway }) => {
    const topic = await newTopic(gateway, { partitions: 2 });
    const where = { topic, partition: 0 };
    const startMs = Date.now() - 10_000;
    const times = [startMs, startMs + 1_000, startMs + 2_000];
    const records = times.map((timestampMs) => record('v', { timestampMs }));
    await (await Producer.open(gateway, where)).write(...records);
    const find = async (time: number | 'earliest' | 'latest') => {
      const [found] = await gateway.listOffsets([{ ...where, time }], soon);
      return { offset: found?.offset, timestampMs: found?.timestampMs };
    };
    assert.deepEqual(await find(0), { offset: 0, timestampMs: times[0] });
    assert.deepEqual(await find(startMs + 1), { offset: 1, timestampMs: times[1] });
    assert.deepEqual(await find(startMs + 2_000), { offset: 2, timestampMs: times[2] });
    assert.deepEqual(await find(startMs + 2_001), { offset: null, timestampMs: null });
    assert.deepEqual(await find('latest'), { offset: 3, timestampMs: null });
    assert.deepEqual(await find('earliest'), { offset: 0, timestampMs: null });
  },

  'answers many queries in their order': async ({ gateway }) => {
    const topic = await newTopic(gateway, { partitions: 3 });
    await (await Producer.open(gateway, { topic, partition: 2 })).write('a', 'b');
    await (await Producer.open(gateway, { topic, partition: 0 })).write('a');
    const queries = [2, 1, 0].map((partition) => ({ topic, partition, time: 'latest' as const }));
    const answers = await gateway.listOffsets(queries, soon);
    assert.deepEqual(
      answers.map(({ offset }) => offset),
      [2, 0, 1],
    );
    assert.deepEqual(await gateway.listOffsets([], soon), []);
  },

  'keeps what a group commits, also when it goes back': async ({ gateway }) => {
    const [one, other] = [await newTopic(gateway, { partitions: 2 }), await newTopic(gateway)];
    const group = `story-${randomUUID()}`;
    const partitions = [
      { topic: other, partition: 0 },
      { topic: one, partition: 1 },
      { topic: one, partition: 0 },
    ];
    assert.deepEqual(await gateway.committed(group, partitions, soon), [null, null, null]);
    const positions = [
      { topic: one, partition: 0, offset: 0, note: '', leaderEpoch: null },
      { topic: other, partition: 0, offset: 70, note: 'seen by us', leaderEpoch: 4 },
    ];
    await gateway.commit(group, positions, soon);
    const first = { offset: 0, note: '', leaderEpoch: null };
    const seventy = { offset: 70, note: 'seen by us', leaderEpoch: 4 };
    assert.deepEqual(await gateway.committed(group, partitions, soon), [seventy, null, first]);
    const sixty = { offset: 60, note: '', leaderEpoch: 3 };
    await gateway.commit(group, [{ topic: other, partition: 0, ...sixty }], soon);
    assert.deepEqual(await gateway.committed(group, partitions, soon), [sixty, null, first]);
    const another = `story-${randomUUID()}`;
    assert.deepEqual(await gateway.committed(another, partitions, soon), [null, null, null]);
  },

  'commits nothing for a group that has a member': async (rig) => {
    const { gateway } = rig;
    const topic = await newTopic(gateway);
    const group = `story-${randomUUID()}`;
    const position = { topic, partition: 0, offset: 0, note: '', leaderEpoch: null };
    await gateway.commit(group, [position], soon);
    const leave = await rig.join(group, topic);
    await assertFails(gateway.commit(group, [position], soon), 'group-in-use');
    await leave();
    await gateway.commit(group, [position], soon);
  },
};
