/** Reading at an offset: what one call gives, and how many fetches many calls cost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { record } from '@respool/kafka/conformance/rig';
import type { KafkaRecord } from '@respool/kafka/gateway';
import type { KafkaError } from '@respool/kafka/kafka-error';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { defaultReadLimits, OffsetReader, type ReadLimits, type ReadRequest } from './consume.ts';

const where = { topic: 't', partition: 0 };

/** One read and its end: `offset value` of each record, or the error's code. */
interface Outcome {
  texts: string[] | null;
  error: KafkaError | null;
}

class Rig {
  readonly clock = new VirtualClock();
  readonly kafka = new MemoryKafka();
  readonly reader: OffsetReader;

  constructor(limits: Partial<ReadLimits> = {}) {
    this.kafka.create({ name: 't', partitions: 2 });
    const options = { clock: this.clock, random: () => 0.5, answerMs: 5 };
    const gateway = new MemoryGateway(this.kafka, options);
    this.reader = new OffsetReader(gateway, this.clock, { ...defaultReadLimits, ...limits });
  }

  write(...values: readonly (string | null)[]): void {
    this.kafka.log(where).write(
      values.map((value) => record(value)),
      null,
    );
  }

  start(offset: number, given: Partial<ReadRequest> = {}): Outcome {
    const outcome: Outcome = { texts: null, error: null };
    this.reader.read({ ...where, offset, bytesMax: null, ...given }).then(
      (records) => {
        outcome.texts = records.map(textOf);
      },
      (error: KafkaError) => {
        outcome.error = error;
      },
    );
    return outcome;
  }

  async read(offset: number, given: Partial<ReadRequest> = {}): Promise<string[] | null> {
    const outcome = this.start(offset, given);
    await this.clock.advance(100);
    return outcome.texts;
  }

  get fetches(): number {
    return this.kafka.tries.get('fetchAt') ?? 0;
  }
}

function textOf({ offset, value }: KafkaRecord): string {
  return `${offset} ${value}`;
}

test('gives one record unless told otherwise', async () => {
  const rig = new Rig();
  rig.write('a', 'b', 'c');
  assert.deepEqual(await rig.read(1), ['1 b']);
});

test('gives as many as fit into the bytes asked for, and one at least', async () => {
  const rig = new Rig();
  rig.write('aa', 'bb', 'cc', 'd'.repeat(50), 'e');
  assert.deepEqual(await rig.read(0, { bytesMax: 5 }), ['0 aa', '1 bb']);
  assert.deepEqual(await rig.read(0, { bytesMax: 6 }), ['0 aa', '1 bb', '2 cc']);
  assert.deepEqual(await rig.read(3, { bytesMax: 1 }), [`3 ${'d'.repeat(50)}`]);
  assert.deepEqual(await rig.read(4, { bytesMax: 1_000 }), ['4 e']);
});

test('gives no more records than its bound', async () => {
  const rig = new Rig({ recordsMax: 3 });
  rig.write('', '', '', '', '');
  assert.deepEqual(await rig.read(0, { bytesMax: 1_000 }), ['0 ', '1 ', '2 ']);
});

test('gives a tombstone as a record without content', async () => {
  const rig = new Rig();
  rig.write(null);
  assert.deepEqual(await rig.read(0), ['0 null']);
});

test('gives nothing at the end, and what comes there later', async () => {
  const rig = new Rig();
  rig.write('a');
  assert.deepEqual(await rig.read(1), []);
  rig.write('b');
  assert.deepEqual(await rig.read(1), ['1 b']);
});

test('goes on behind records that are gone or that nobody may see', async () => {
  const rig = new Rig();
  const log = rig.kafka.log(where);
  rig.write('a', 'compacted', 'c');
  log.compact(({ offset }) => offset !== 1);
  const aborted = { state: 'open' as const };
  log.write([record('bad'), record('bad')], aborted);
  log.end(aborted, 'aborted');
  assert.deepEqual(await rig.read(1), ['2 c']);
  assert.deepEqual(await rig.read(3), []);
  rig.write('last');
  assert.deepEqual(await rig.read(3), ['6 last']);
});

test('tells the range when the offset is outside of it', async () => {
  const rig = new Rig();
  rig.write('a', 'b', 'c');
  rig.kafka.log(where).trim(1);
  for (const offset of [0, 4]) {
    const outcome = rig.start(offset);
    await rig.clock.advance(100);
    assert.equal(outcome.error?.code, 'offset-out-of-range');
    assert.match(outcome.error?.message ?? '', new RegExp(`offsets 1 to 3, not ${offset}`));
  }
});

test('reads its neighbours out of one fetch', async () => {
  const rig = new Rig();
  const values = Array.from({ length: 100 }, (_, at) => `v${at}`);
  rig.write(...values);
  for (let offset = 0; offset < 100; offset++) {
    const outcome = rig.start(offset);
    await rig.clock.advance(offset === 0 ? 10 : 0);
    assert.deepEqual(outcome.texts, [`${offset} v${offset}`]);
  }
  assert.equal(rig.fetches, 1);
});

test('asks once for many readers of one place, and of places near to it', async () => {
  const rig = new Rig();
  rig.write(...Array.from({ length: 50 }, (_, at) => `v${at}`));
  const outcomes = Array.from({ length: 50 }, (_, offset) => rig.start(offset));
  const same = Array.from({ length: 50 }, () => rig.start(0));
  await rig.clock.advance(10);
  assert.deepEqual(
    outcomes.map(({ texts }) => texts),
    outcomes.map((_, offset) => [`${offset} v${offset}`]),
  );
  assert(same.every(({ texts }) => texts?.[0] === '0 v0'));
  assert.equal(rig.fetches, 1);
});

test('sees a record that was stored before it asked, also beside others at the end', async () => {
  const rig = new Rig();
  const early = rig.start(0);
  // The broker has looked, and its answer is on its way.
  await rig.clock.advance(3);
  rig.write('a');
  const late = rig.start(0);
  await rig.clock.advance(50);
  assert.deepEqual([early.texts, late.texts], [[], ['0 a']]);
});

test('many pollers at the end of the log share fetches', async () => {
  const rig = new Rig();
  const outcomes = Array.from({ length: 100 }, () => rig.start(0));
  await rig.clock.advance(100);
  assert(outcomes.every(({ texts }) => texts?.length === 0));
  assert(rig.fetches <= 2, `${rig.fetches} fetches`);
});

test('forgets what it read after a while, and never keeps more than its bound', async () => {
  const rig = new Rig({ windowMsMax: 500, windowBytesMax: 3_000 });
  rig.write(...Array.from({ length: 10 }, (_, at) => `v${at}`));
  await rig.read(0);
  await rig.clock.advance(500);
  await rig.read(0);
  assert.equal(rig.fetches, 2);
  rig.kafka.log({ topic: 't', partition: 1 }).write([record('x'.repeat(2_000))], null);
  await rig.read(0, { partition: 1 });
  assert(rig.reader.windowBytes <= 3_000, `${rig.reader.windowBytes} bytes`);
  rig.write('y'.repeat(10_000));
  assert.deepEqual(await rig.read(10), [`10 ${'y'.repeat(10_000)}`]);
  assert(rig.reader.windowBytes <= 3_000, `${rig.reader.windowBytes} bytes`);
});

test('partitions do not see each other', async () => {
  const rig = new Rig();
  rig.write('zero');
  rig.kafka.log({ topic: 't', partition: 1 }).write([record('one')], null);
  assert.deepEqual(await rig.read(0), ['0 zero']);
  assert.deepEqual(await rig.read(0, { partition: 1 }), ['0 one']);
});

test('a fetch that fails is not what later readers are told', async () => {
  const rig = new Rig({ readMsMax: 200 });
  rig.write('a');
  rig.kafka.fail({ operation: 'fetchAt', kind: 'refuse', code: 'not-authorized' });
  const [one, other] = [rig.start(0), rig.start(0)];
  await rig.clock.advance(100);
  assert.equal(one.error?.code, 'not-authorized');
  assert.deepEqual(other.texts, ['0 a']);
});

test('ends at its deadline', async () => {
  const rig = new Rig({ readMsMax: 200 });
  rig.kafka.fail({ operation: 'fetchAt', kind: 'stall' });
  const outcome = rig.start(0);
  await rig.clock.advance(200);
  assert.equal(outcome.error?.code, 'deadline');
  assert.deepEqual(await rig.read(0), []);
});
