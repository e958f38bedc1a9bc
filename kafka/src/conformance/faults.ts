/** Stories of failure: leaders that go and come back, deadlines, and the end of the gateway. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  assertFails,
  fetchOf,
  longWait,
  newTopic,
  Producer,
  readAll,
  record,
  type Stories,
  soon,
  textsOf,
} from './rig.ts';

/** Long enough for a broker to start again on a busy machine. */
const patient = 60_000;

export const faultStories: Stories = {
  'writes each batch once while its leader goes and comes back': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    const producer = await Producer.open(gateway, where);
    await producer.write('0');
    await rig.interrupt();
    for (let at = 1; at <= 5; at++) {
      const { baseOffset } = await gateway.produce(producer.batch([record(`${at}`)]), patient);
      assert.equal(baseOffset, at);
    }
    assert.deepEqual(await readAll(gateway, where), ['0 0', '1 1', '2 2', '3 3', '4 4', '5 5']);
  },

  'reads, finds and commits while the leader goes and comes back': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    const group = `story-${randomUUID()}`;
    await rig.write(where, ['a', 'b']);
    const one = { offset: 1, note: '', leaderEpoch: null };
    await gateway.commit(group, [{ ...where, ...one }], soon);
    await rig.interrupt();
    const fetched = await gateway.fetchAt(fetchOf(where, 1), patient);
    assert.deepEqual(textsOf(fetched), ['1 b']);
    const [latest] = await gateway.listOffsets([{ ...where, time: 'latest' }], patient);
    assert.equal(latest?.offset, 2);
    assert.deepEqual(await gateway.committed(group, [where], patient), [one]);
    const two = { ...one, offset: 2 };
    await gateway.commit(group, [{ ...where, ...two }], patient);
    assert.deepEqual(await gateway.committed(group, [where], patient), [two]);
  },

  'numbers leaders, takes the word of none before the one that is named, and knows where it began':
    async (rig) => {
      const { gateway } = rig;
      const where = { topic: await newTopic(gateway), partition: 0 };
      const latest = async (leaderEpochMin: number, ms = patient) =>
        (await gateway.listOffsets([{ ...where, time: 'latest', leaderEpochMin }], ms))[0];
      await rig.write(where, ['a', 'b']);
      const first = (await latest(0))?.leaderEpoch;
      assert(first !== undefined, 'the first leader answers');
      await rig.interrupt();
      const { leaderEpoch } = await gateway.fetchAt(fetchOf(where, 1), patient);
      assert(leaderEpoch > first, `${leaderEpoch} after ${first}`);
      await rig.write(where, ['c']);
      const end = { offset: 3, timestampMs: null, leaderEpoch };
      assert.deepEqual(await latest(leaderEpoch), end);
      await assertFails(latest(leaderEpoch + 1_000, 500), 'deadline');
      const endOf = (epoch: number) => gateway.endOfEpoch({ ...where, leaderEpoch: epoch }, soon);
      assert.deepEqual([await endOf(first), await endOf(leaderEpoch)], [2, 3]);
    },

  'ends every call at its deadline when nobody is there, and knows nothing was sent': async (
    rig,
  ) => {
    const { lost } = rig;
    const where = { topic: 'any', partition: 0 };
    const batch = { ...where, records: [record('a')], producerId: 0n, epoch: 0, sequence: 0 };
    const topic = { name: 'any', partitions: 1, replicationFactor: 1, settings: {} };
    const calls = [
      lost.produce(batch, 250),
      lost.fetchAt(fetchOf(where, 0), 250),
      lost.listOffsets([{ ...where, time: 'latest' }], 250),
      lost.topic('any', 250),
      lost.topics(250),
      lost.createTopic(topic, 250),
      lost.commit('any', [{ ...where, offset: 0, note: '', leaderEpoch: null }], 250),
      lost.endOfEpoch({ ...where, leaderEpoch: 0 }, 250),
      lost.committed('any', [where], 250),
      lost.newProducerId(250),
    ];
    await Promise.all(calls.map((call) => assertFails(call, 'deadline')));
    await assertFails(lost.produce(batch, 0), 'deadline');
    await assertFails(lost.produce(batch, -5), 'deadline');
  },

  'refuses everything once it is closed, and ends what waits': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    const waiting = gateway.fetchAt(fetchOf(where, 0, { waitMs: longWait }), soon);
    waiting.catch(() => {});
    await gateway.topics(soon);
    await gateway.close();
    await gateway.close();
    await assertFails(gateway.topics(soon), 'closed');
    await assertFails(gateway.fetchAt(fetchOf(where, 0), soon), 'closed');
    await assertFails(waiting, 'closed');
  },
};
