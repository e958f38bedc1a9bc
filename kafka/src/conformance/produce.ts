/** Stories of writing: what is stored, how often, and what is refused. */
import assert from 'node:assert/strict';
import type { NewRecord } from '../gateway.ts';
import {
  assertFails,
  fetchOf,
  newTopic,
  Producer,
  readAll,
  record,
  type Stories,
  soon,
} from './rig.ts';

export const produceStories: Stories = {
  'stores records byte for byte, and tells the offset of the first': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway, { partitions: 2 }), partition: 1 };
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const nowMs = Date.now();
    const written: NewRecord[] = [
      record('plain', { timestampMs: nowMs }),
      record('', { timestampMs: nowMs + 300 }),
      record(null, { key: every, timestampMs: nowMs - 1_000 }),
      record('headers', {
        value: every,
        key: Buffer.alloc(0),
        headers: [
          { name: 'größe', value: every },
          { name: 'none', value: null },
        ],
        timestampMs: nowMs + 1,
      }),
    ];
    const producer = await Producer.open(gateway, where);
    assert.equal(await producer.write(...written), 0);
    assert.equal(await producer.write('later'), 4);
    const { records } = await gateway.fetchAt(fetchOf(where, 0), soon);
    const found = records.slice(0, 4).map(({ offset, ...rest }) => rest);
    assert.deepEqual(found, written);
    assert.equal(records.at(4)?.offset, 4);
  },

  'stores a batch once however often it is sent': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway), partition: 0 };
    const producer = await Producer.open(gateway, where);
    for (let round = 0; round < 4; round++) {
      const batch = producer.batch([record(`${round} a`), record(`${round} b`)]);
      const offsets = new Set<number>();
      for (let times = 0; times < 3; times++) {
        offsets.add((await gateway.produce(batch, soon)).baseOffset);
      }
      assert.deepEqual([...offsets], [round * 2]);
    }
    assert.equal((await readAll(gateway, where)).length, 8);
  },

  'refuses a batch out of its turn, and one of an epoch that has passed': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway), partition: 0 };
    const producerId = await gateway.newProducerId(soon);
    const batch = { ...where, records: [record('a'), record('b')], producerId, epoch: 0 };
    await gateway.produce({ ...batch, sequence: 0 }, soon);
    await assertFails(gateway.produce({ ...batch, sequence: 3 }, soon), 'producer-stale');
    await gateway.produce({ ...batch, epoch: 1, sequence: 0 }, soon);
    await assertFails(gateway.produce({ ...batch, sequence: 2 }, soon), 'producer-stale');
    await gateway.produce({ ...batch, epoch: 1, sequence: 2 }, soon);
    assert.equal((await readAll(gateway, where)).length, 6);
  },

  'gives every producer an id of its own': async ({ gateway }) => {
    const ids = Array.from({ length: 5 }, () => gateway.newProducerId(soon));
    assert.equal(new Set(await Promise.all(ids)).size, 5);
  },

  'refuses a batch that is too large, and takes the next': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway), partition: 0 };
    const producerId = await gateway.newProducerId(soon);
    const large = {
      ...where,
      producerId,
      epoch: 0,
      sequence: 0,
      records: [record('x'.repeat(2e6))],
    };
    await assertFails(gateway.produce(large, soon), 'message-too-large');
    await gateway.produce({ ...large, records: [record('small')] }, soon);
    assert.deepEqual(await readAll(gateway, where), ['0 small']);
  },

  'writes to many partitions at once, to each in order': async ({ gateway }) => {
    const topic = await newTopic(gateway, { partitions: 8 });
    const writing = Array.from({ length: 8 }, async (_, partition) => {
      const producer = await Producer.open(gateway, { topic, partition });
      for (let round = 0; round < 20; round++) {
        assert.equal(await producer.write(`${partition}.${round}`), round);
      }
    });
    await Promise.all(writing);
    for (let partition = 0; partition < 8; partition++) {
      const wanted = Array.from({ length: 20 }, (_, round) => `${round} ${partition}.${round}`);
      assert.deepEqual(await readAll(gateway, { topic, partition }), wanted);
    }
  },
};
