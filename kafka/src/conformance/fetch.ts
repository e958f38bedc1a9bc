/** Stories of reading at an offset: again and again, in the middle, past gaps, and at the ends. */
import assert from 'node:assert/strict';
import {
  assertFails,
  fetchOf,
  longWait,
  newTopic,
  Producer,
  readAll,
  type Stories,
  soon,
  textsOf,
} from './rig.ts';

/** `0 v0`, `1 v1`, … as `textsOf` gives them. */
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `${from + at} v${from + at}`);
const values = (count: number) => Array.from({ length: count }, (_, at) => `v${at}`);

export const fetchStories: Stories = {
  'gives the same records however often it is asked': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway), partition: 0 };
    await (await Producer.open(gateway, where)).write(...values(3));
    for (let times = 0; times < 20; times++) {
      const fetched = await gateway.fetchAt(fetchOf(where, 1), soon);
      assert.deepEqual(textsOf(fetched), numbered(1, 3));
    }
  },

  'starts in the middle of a batch, and never before the offset asked for': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    await rig.write(where, values(50));
    for (const offset of [0, 1, 25, 49]) {
      const fetched = await gateway.fetchAt(fetchOf(where, offset), soon);
      assert.deepEqual(textsOf(fetched), numbered(offset, 50));
      assert.equal(fetched.nextOffset, 50);
    }
  },

  'answers sixteen readers at once, each at its own place': async ({ gateway }) => {
    const topic = await newTopic(gateway, { partitions: 2 });
    for (const partition of [0, 1]) {
      const producer = await Producer.open(gateway, { topic, partition });
      for (let batch = 0; batch < 4; batch++) {
        await producer.write(...values(40).slice(batch * 10, batch * 10 + 10));
      }
    }
    const reading = Array.from({ length: 16 }, async (_, reader) => {
      const where = { topic, partition: reader % 2 };
      for (let round = 0; round < 25; round++) {
        const offset = (reader * 7 + round * 3) % 40;
        const fetched = await gateway.fetchAt(fetchOf(where, offset), soon);
        assert.deepEqual(textsOf(fetched), numbered(offset, 40));
      }
    });
    await Promise.all(reading);
  },

  'hands out no more than asked for, at least one, and says where to go on': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    await rig.write(where, values(10));
    const one = await gateway.fetchAt(fetchOf(where, 4, { recordBytesMax: 1 }), soon);
    assert.deepEqual(textsOf(one), ['4 v4']);
    assert.equal(one.nextOffset, 5);
    assert.deepEqual(await readAll(gateway, where, { recordBytesMax: 600 }), numbered(0, 10));
    assert.deepEqual(await readAll(gateway, where, { bytesMax: 1 }), numbered(0, 10));
  },

  'gives a record that is larger than what was asked for': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway), partition: 0 };
    const [large, small] = ['x'.repeat(300_000), 'y'];
    await (await Producer.open(gateway, where)).write(large, small);
    const asked = fetchOf(where, 0, { bytesMax: 1_000, recordBytesMax: 1_000 });
    assert.deepEqual(textsOf(await gateway.fetchAt(asked, soon)), [`0 ${large}`]);
  },

  'gives large records of several partitions to readers that ask at once': async ({ gateway }) => {
    const topic = await newTopic(gateway, { partitions: 4 });
    const large = 'x'.repeat(200_000);
    const partitions = [0, 1, 2, 3];
    for (const partition of partitions) {
      await (await Producer.open(gateway, { topic, partition })).write(`${partition}${large}`);
    }
    const fetching = partitions.map((partition) =>
      gateway.fetchAt(fetchOf({ topic, partition }, 0, { bytesMax: 1_000 }), soon),
    );
    const found = (await Promise.all(fetching)).map((fetched) => textsOf(fetched).join());
    assert.deepEqual(
      found,
      partitions.map((partition) => `0 ${partition}${large}`),
    );
  },

  'gives nothing at the end, and refuses what lies beyond it': async ({ gateway }) => {
    const where = { topic: await newTopic(gateway), partition: 0 };
    const empty = await gateway.fetchAt(fetchOf(where, 0), soon);
    assert.deepEqual([empty.records.length, empty.nextOffset, empty.endOffset], [0, 0, 0]);
    await (await Producer.open(gateway, where)).write(...values(2));
    const end = await gateway.fetchAt(fetchOf(where, 2), soon);
    assert.deepEqual([end.records.length, end.nextOffset, end.endOffset], [0, 2, 2]);
    await assertFails(gateway.fetchAt(fetchOf(where, 3), soon), 'offset-out-of-range');
    const farthest = Number.MAX_SAFE_INTEGER;
    await assertFails(gateway.fetchAt(fetchOf(where, farthest), soon), 'offset-out-of-range');
  },

  'refuses what retention has deleted, and tells where the log starts': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    await rig.write(where, values(10));
    await rig.trim(where, 6);
    await assertFails(gateway.fetchAt(fetchOf(where, 5), soon), 'offset-out-of-range');
    const fetched = await gateway.fetchAt(fetchOf(where, 6), soon);
    assert.equal(fetched.startOffset, 6);
    assert.deepEqual(textsOf(fetched), numbered(6, 10));
    const [earliest] = await gateway.listOffsets([{ ...where, time: 'earliest' }], soon);
    assert.deepEqual([earliest?.offset, earliest?.timestampMs], [6, null]);
  },

  'waits for a record when it is told to, and no longer than that': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    const nothing = await gateway.fetchAt(fetchOf(where, 0, { waitMs: 50 }), soon);
    assert.equal(nothing.records.length, 0);
    const waiting = gateway.fetchAt(fetchOf(where, 0, { waitMs: longWait }), soon);
    await rig.write(where, ['at last']);
    assert.deepEqual(textsOf(await waiting), ['0 at last']);
  },

  'shows nothing of an aborted transaction, and goes on behind it': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    await rig.write(where, ['before']);
    await (await rig.begin(where, ['bad 1', 'bad 2'])).abort();
    await (await rig.begin(where, ['good 1', 'good 2'])).commit();
    await rig.write(where, ['after']);
    const visible = ['0 before', '4 good 1', '5 good 2', '7 after'];
    assert.deepEqual(await readAll(gateway, where), visible);
    for (const offset of [1, 2, 3]) {
      const { records } = await gateway.fetchAt(fetchOf(where, offset), soon);
      assert.equal(records[0]?.offset, 4);
    }
    const marker = await gateway.fetchAt(fetchOf(where, 6), soon);
    assert.deepEqual(textsOf(marker), ['7 after']);
  },

  'goes past an aborted transaction that is all there is': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    await (await rig.begin(where, ['bad'])).abort();
    const fetched = await gateway.fetchAt(fetchOf(where, 0), soon);
    assert.deepEqual([fetched.records.length, fetched.nextOffset], [0, 2]);
  },

  'stops before a transaction that is still open': async (rig) => {
    const { gateway } = rig;
    const where = { topic: await newTopic(gateway), partition: 0 };
    await rig.write(where, ['before']);
    const open = await rig.begin(where, ['pending']);
    await rig.write(where, ['behind it']);
    const fetched = await gateway.fetchAt(fetchOf(where, 0), soon);
    assert.deepEqual(textsOf(fetched), ['0 before']);
    assert.deepEqual([fetched.nextOffset, fetched.endOffset], [1, 1]);
    const [latest] = await gateway.listOffsets([{ ...where, time: 'latest' }], soon);
    assert.equal(latest?.offset, 1);
    await open.commit();
    assert.deepEqual(await readAll(gateway, where), ['0 before', '1 pending', '2 behind it']);
  },

  'reads every compression there is': async (rig) => {
    const { gateway } = rig;
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd']) {
      const settings = { 'compression.type': compression };
      const where = { topic: await newTopic(gateway, { settings }), partition: 0 };
      // Large enough for several blocks of each.
      const texts = Array.from({ length: 3_000 }, (_, at) => `${at} ${'text '.repeat(at % 40)}`);
      await rig.write(where, texts);
      const wanted = texts.map((text, at) => `${at} ${text}`);
      assert.deepEqual(await readAll(gateway, where), wanted, compression);
      const middle = await gateway.fetchAt(fetchOf(where, 1_500), soon);
      assert.deepEqual(textsOf(middle), wanted.slice(1_500, 1_500 + middle.records.length));
    }
  },
};
