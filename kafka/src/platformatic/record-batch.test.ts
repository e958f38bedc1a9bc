/** Record batches: what we write the library reads, what it writes we read, and damage is noticed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import type { NewRecord } from '../gateway.ts';
import { KafkaError } from '../kafka-error.ts';
import { attribute, checksum, compressions, place } from './record-batch.ts';
import { type AbortedTransaction, type ReadOptions, readBatches } from './record-batch-reader.ts';
import { type BatchIdentity, writeBatch } from './record-batch-writer.ts';

const identity = { producerId: 7n, epoch: 3, sequence: 11 };
const everything: ReadOptions = {
  offset: 0,
  recordBytesMax: 2 ** 30,
  batchBytesMax: 2 ** 24,
  aborted: [],
};

function record(value: string, given: Partial<NewRecord> = {}): NewRecord {
  const timestampMs = 1_700_000_000_000;
  return { key: null, value: Buffer.from(value), headers: [], timestampMs, ...given };
}

const plain = { noNullPrototype: true };
const bytes = fc.option(fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)));
const records = fc.array(
  fc.record(
    {
      key: bytes,
      value: bytes,
      headers: fc.array(fc.record({ name: fc.string(), value: bytes }, plain), { maxLength: 3 }),
      timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    },
    plain,
  ),
  { minLength: 1, maxLength: 200 },
);

/** A batch as the broker stores it: it sets the offset, which the checksum does not cover. */
function stored(batch: Buffer, baseOffset: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(baseOffset), place.baseOffset);
  return copy;
}

function withAttributes(batch: Buffer, attributes: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeInt16BE(attributes, place.attributes);
  copy.writeUInt32BE(checksum(copy), place.crc);
  return copy;
}

const read = async (batches: Buffer, given: Partial<ReadOptions> = {}) =>
  await readBatches(batches, { ...everything, ...given });

async function assertUnreadable(batches: Buffer, told: RegExp, given: Partial<ReadOptions> = {}) {
  await assert.rejects(read(batches, given), (error) => {
    assert(error instanceof KafkaError);
    assert.equal(error.code, 'answer-unreadable');
    assert.match(error.message, told);
    return true;
  });
}

test('reads back what it wrote', async () => {
  const property = fc.asyncProperty(records, async (written) => {
    const result = await read(stored(writeBatch(written, identity), 500));
    assert.deepEqual(
      result.records,
      written.map((one, at) => ({ offset: 500 + at, ...one })),
    );
    assert.equal(result.nextOffset, 500 + written.length);
  });
  await fc.assert(property, { numRuns: 200 });
});

test('the library reads the same out of what it wrote', () => {
  const property = fc.property(records, (written) => {
    const batch = readRecordsBatch(Reader.from(writeBatch(written, identity)));
    const { producerId, producerEpoch, firstSequence, firstTimestamp, crc } = batch;
    assert.deepEqual(
      [producerId, producerEpoch, firstSequence, batch.lastOffsetDelta],
      [7n, 3, 11, written.length - 1],
    );
    assert.equal(crc, checksum(writeBatch(written, identity)));
    const found = batch.records.map(({ key, value, headers, timestampDelta }) => ({
      key,
      value,
      headers: headers.map(([name, value]) => ({ name: String(name ?? ''), value })),
      timestampMs: Number(firstTimestamp + timestampDelta),
    }));
    assert.deepEqual(found, written);
  });
  fc.assert(property, { numRuns: 100 });
});

test('reads what the library wrote, in every compression', async () => {
  for (const compression of compressions) {
    const messages = Array.from({ length: 500 }, (_, at) => ({
      topic: 't',
      partition: 0,
      key: Buffer.from(`${at}`),
      value: Buffer.from('value '.repeat(at % 30)),
      timestamp: 1_700_000_000_000n + BigInt(at),
    }));
    const batch = createRecordsBatch(messages, { compression }).buffer;
    const result = await read(stored(batch, 40), { offset: 50 });
    assert.equal(result.records.length, 490, compression);
    for (const { offset, key, value, timestampMs } of result.records) {
      const sent = messages[offset - 40];
      assert.deepEqual([key, value], [sent?.key, sent?.value]);
      assert.equal(timestampMs, Number(sent?.timestamp));
    }
  }
});

test('takes the time the broker stored them where the topic says so', async () => {
  const batch = writeBatch([record('a'), record('b', { timestampMs: 1 })], identity);
  batch.writeBigInt64BE(42n, place.maxTimestamp);
  const { records: found } = await read(withAttributes(batch, attribute.logAppendTime));
  assert.deepEqual(
    found.map(({ timestampMs }) => timestampMs),
    [42, 42],
  );
});

test('leaves out a batch that is cut off, wherever that is', async () => {
  const [one, other] = [writeBatch([record('a')], identity), writeBatch([record('b')], identity)];
  const both = Buffer.concat([stored(one, 0), stored(other, 1)]);
  for (let length = 0; length < both.length; length++) {
    const { records: found, nextOffset } = await read(both.subarray(0, length));
    assert.deepEqual([found.length, nextOffset], length < one.length ? [0, 0] : [1, 1]);
  }
});

test('notices any bit that was changed under the checksum', async () => {
  const batch = writeBatch([record('some text', { key: Buffer.from('k') })], identity);
  for (let at: number = place.attributes; at < batch.length; at++) {
    for (const bit of [1, 128]) {
      const damaged = Buffer.from(batch);
      damaged[at] = (damaged[at] ?? 0) ^ bit;
      await assertUnreadable(damaged, /CRC/);
    }
  }
});

test('throws nothing but a KafkaError at bytes with a right checksum and wrong lengths', async () => {
  const property = fc.asyncProperty(
    fc.uint8Array({ maxLength: 120 }),
    fc.integer({ min: 0, max: 1_000 }),
    fc.integer({ min: 0, max: 255 }),
    async (payload, count, attributes) => {
      const head = writeBatch([record('')], identity).subarray(0, place.records);
      const batch = Buffer.concat([head, payload]);
      batch.writeInt32BE(batch.length - place.leaderEpoch, place.length);
      batch.writeInt32BE(count, place.count);
      await read(withAttributes(batch, attributes)).catch((error) => {
        assert(error instanceof KafkaError, String(error));
      });
    },
  );
  await fc.assert(property, { numRuns: 2_000 });
});

test('refuses batches of an older format, and of unknown compression', async () => {
  const batch = writeBatch([record('a')], identity);
  const old = Buffer.from(batch);
  old.writeInt8(1, place.magic);
  await assertUnreadable(old, /format 1/);
  await assertUnreadable(withAttributes(batch, 7), /packed in a way/);
});

test('refuses an offset that a number cannot hold exactly', async () => {
  const batch = writeBatch([record('a')], identity);
  batch.writeBigInt64BE(2n ** 60n, place.baseOffset);
  await assertUnreadable(batch, /beyond 2\^53/);
});

test('unpacks no more than it may, in every compression', async () => {
  // Several times the largest block there is, 4 MiB of lz4.
  const value = Buffer.alloc(12 * 2 ** 20);
  for (const compression of compressions.slice(1)) {
    const message = { topic: 't', partition: 0, value };
    const batch = createRecordsBatch([message], { compression }).buffer;
    assert(batch.length < 2 ** 20, `${compression} packs zeros well`);
    await assertUnreadable(batch, new RegExp(compression), { batchBytesMax: 2 ** 20 });
    const { records: found } = await read(batch, { batchBytesMax: 16 * 2 ** 20 });
    assert.equal(found[0]?.value?.length, value.length, compression);
  }
});

test('stops at the size it may hand out, after one record at least', async () => {
  const batch = writeBatch([record('a'), record('b'), record('c')], identity);
  const one = await read(batch, { recordBytesMax: 0 });
  assert.deepEqual([one.records.length, one.nextOffset], [1, 1]);
  const two = await read(batch, { recordBytesMax: 450, offset: 1 });
  assert.deepEqual([two.records.length, two.nextOffset], [2, 3]);
});

test('hides aborted transactions of each producer until their end', async () => {
  const batchOf = (value: string, producerId: bigint, kind: number, baseOffset: number) =>
    stored(
      withAttributes(writeBatch([record(value)], { ...producer, producerId }), kind),
      baseOffset,
    );
  const producer: BatchIdentity = { producerId: 0n, epoch: 0, sequence: 0 };
  const { transactional, control } = attribute;
  const log = Buffer.concat([
    batchOf('plain', 1n, 0, 0),
    batchOf('bad', 1n, transactional, 1),
    batchOf('good', 2n, transactional, 2),
    batchOf('not in a transaction', 1n, 0, 3),
    batchOf('abort', 1n, transactional | control, 4),
    batchOf('commit', 2n, transactional | control, 5),
    batchOf('good again', 1n, transactional, 6),
    batchOf('commit', 1n, transactional | control, 7),
    batchOf('bad again', 1n, transactional, 8),
  ]);
  const aborted: AbortedTransaction[] = [
    { producerId: 1n, firstOffset: 8 },
    { producerId: 1n, firstOffset: 1 },
  ];
  const seen = async (offset: number) => {
    const result = await read(log, { aborted, offset });
    return [...result.records.map(({ value }) => String(value)), result.nextOffset];
  };
  const rest = ['good', 'not in a transaction', 'good again', 9];
  assert.deepEqual(await seen(0), ['plain', ...rest]);
  assert.deepEqual(await seen(2), rest);
  assert.deepEqual(await seen(7), [9]);
});
