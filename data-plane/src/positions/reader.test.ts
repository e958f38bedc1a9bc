/** What is read ahead of an owned unit, how much of it, and when it is left alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shown, UnitRig } from '../test/unit-rig.ts';

test('answers keep to the bytes that were asked for, and to those of a message', async () => {
  const rig = new UnitRig();
  for (let at = 0; at < 20; at++) rig.push(0, String(at).padStart(60_000, '0'));
  const owner = rig.start();
  assert.equal((await rig.take(owner, 20, { bytesMax: 130_000 })).length, 2);
  assert.equal((await rig.take(owner, 20, { bytesMax: 10 })).length, 1);
  await rig.run(owner, 100);
  let most = 0;
  for (let at = 0; at < 5; at++) {
    const loans = await rig.take(owner, 20);
    const bytes = loans.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    most = Math.max(most, bytes);
    await rig.run(owner, 100);
  }
  assert(most > 0 && most <= 512 * 1_024, `${most}`);
});

test('a large value is lent without its bytes, and a tombstone is one', async () => {
  const rig = new UnitRig();
  rig.push(0, 'x'.repeat(65_537), null, 'y'.repeat(65_536));
  const owner = rig.start();
  const loans = await rig.take(owner, 3);
  assert.deepEqual(
    loans.map(({ value }) => (Buffer.isBuffer(value) ? value.length : value)),
    ['elsewhere', null, 65_536],
  );
  assert(rig.ahead.bytes < 2_000, `${rig.ahead.bytes}`);
  await rig.settle(owner, [], loans);
  const again = await rig.take(owner, 3);
  assert.equal(again[0]?.value, 'elsewhere');
});

test('offsets with gaps are counted as records, and committed past the gap', async () => {
  const rig = new UnitRig({ topic: { window: 3 } });
  rig.push(0, 'a', 'b', 'c', 'd', 'e');
  const log = rig.kafka.log({ topic: 'shop.orders', partition: 0 });
  log.compact(({ offset }) => offset === 0 || offset === 3);
  const aborted = { state: 'open' } as const;
  log.write([rig.record('never')], aborted);
  log.end(aborted, 'aborted');
  const owner = rig.start();
  const loans = await rig.take(owner, 5);
  assert.deepEqual(shown(loans), ['0:a', '0:d']);
  assert.equal((await rig.take(owner, 1)).length, 0);
  await rig.settle(owner, loans);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [7]);
});

test('nobody asks: what was read ahead is dropped, Kafka is left alone, and it goes on later', async () => {
  const rig = new UnitRig();
  for (let at = 0; at < 10; at++) rig.push(0, `${at}`);
  const owner = rig.start();
  const [first] = await rig.take(owner, 1, { waits: true });
  assert(first);
  await rig.settle(owner, [first]);
  await rig.run(owner, 32_000);
  assert.equal(rig.ahead.bytes, 0);
  const tries = () => [...rig.kafka.tries.values()].reduce((sum, one) => sum + one, 0);
  const before = tries();
  await rig.run(owner, 60_000);
  assert.equal(tries(), before);
  assert.deepEqual(shown(await rig.take(owner, 2)), ['0:1', '0:2']);
});

test('reading ahead stays within its bounds, and no partition starves for that', async () => {
  const limits = { aheadBytesMax: 200_000, processAheadBytesMax: 150_000 };
  const rig = new UnitRig({ partitions: 4, topic: { window: 2 }, limits });
  for (let partition = 0; partition < 4; partition++) {
    for (let at = 0; at < 20; at++) rig.push(partition, 'v'.repeat(10_000));
  }
  const owner = rig.start();
  const seen = new Set<number>();
  for (let round = 0; round < 60; round++) {
    const loans = await rig.take(owner, 3);
    for (const { partition } of loans) seen.add(partition);
    assert(rig.ahead.bytes <= 280_000, `${rig.ahead.bytes}`);
    await rig.settle(owner, loans);
    await rig.run(owner, 100);
  }
  assert.deepEqual([...seen].toSorted(), [0, 1, 2, 3]);
  assert.deepEqual(rig.committed(4), [20, 20, 20, 20]);
});

test('what arrives after its place was dropped is not given out before what comes first', async () => {
  const rig = new UnitRig();
  const values = Array.from({ length: 1_000 }, (_, at) => `${at}`.padStart(500, '0'));
  rig.push(0, ...values);
  const owner = rig.start();
  const first = await rig.take(owner, 1);
  rig.kafka.fail({ operation: 'fetchAt', kind: 'delay', delayMs: 3_000 });
  // Half of what was read is given out, so the next is on its way; then everything is too much.
  const more = await rig.take(owner, 300);
  rig.ahead.bytes += 2 ** 30;
  await rig.run(owner, 2_000);
  rig.ahead.bytes -= 2 ** 30;
  await rig.run(owner, 2_000);
  const offsets = [...first, ...more].map(({ offset }) => offset);
  for (let round = 0; round < 40 && offsets.length < values.length; round++) {
    const loans = await rig.take(owner, 500);
    offsets.push(...loans.map(({ offset }) => offset));
    await rig.settle(owner, loans);
  }
  assert.deepEqual(
    offsets,
    values.map((_, at) => at),
  );
});

test('of many partitions no more is read at once than the bound, and each has its turn', async () => {
  const partitions = 100;
  const rig = new UnitRig({ partitions });
  for (let partition = 0; partition < partitions; partition++) {
    for (let at = 0; at < 40; at++) rig.push(partition, 'x'.repeat(10_000));
  }
  let [underWay, most] = [0, 0];
  const log = rig.topic.backend?.log;
  assert(log !== undefined);
  const fetchAt = log.fetchAt.bind(log);
  log.fetchAt = (request, deadlineMs) => {
    underWay += request.bytesMax;
    most = Math.max(most, underWay);
    return fetchAt(request, deadlineMs).finally(() => {
      underWay -= request.bytesMax;
    });
  };
  const owner = rig.start();
  const seen = new Set<number>();
  let highest = 0;
  for (let round = 0; round < 150; round++) {
    for (const { partition } of await rig.take(owner, 10)) seen.add(partition);
    highest = Math.max(highest, rig.ahead.bytes);
  }
  assert(most <= rig.limits.aheadBytesMax, `${most} bytes under way`);
  assert(highest <= 3 * rig.limits.aheadBytesMax, `${highest} bytes held`);
  assert.equal(seen.size, partitions);
});
