/** KOFFSET and KPARTITION: numbers as the commands speak of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { record, soon } from '@respool/kafka/conformance/rig';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { findOffset, offsetTimeOf, partitionsOf } from './offsets.ts';

const kafka = new MemoryKafka();
kafka.create({ name: 't', partitions: 3 });
const where = { topic: 't', partition: 1 };
kafka
  .log(where)
  .write([record('a', { timestampMs: 100 }), record('b', { timestampMs: 200 })], null);
const gateway = new MemoryGateway(kafka, { clock: systemClock, random: Math.random, answerMs: 0 });
const find = (time: number) => {
  const wanted = offsetTimeOf(time);
  assert(wanted !== null);
  return findOffset(gateway, where, wanted, soon);
};

test('a time finds the first record of it or later, with its own time', async () => {
  assert.deepEqual(await find(0), { offset: 0, timestampMs: 100 });
  assert.deepEqual(await find(101), { offset: 1, timestampMs: 200 });
});

test('a time behind the last record finds nothing', async () => {
  assert.deepEqual(await find(201), { offset: -1, timestampMs: -1 });
});

test('-1 is the end and -2 the start, which have no time', async () => {
  assert.deepEqual(await find(-1), { offset: 2, timestampMs: -1 });
  assert.deepEqual(await find(-2), { offset: 0, timestampMs: -1 });
});

test('other numbers below zero, and those that are no whole number, mean nothing', () => {
  for (const time of [-3, 1.5, Number.NaN, 2 ** 60]) assert.equal(offsetTimeOf(time), null);
});

test('partitions are numbers from 0 up', async () => {
  assert.deepEqual(await partitionsOf(gateway, 't', soon), [0, 1, 2]);
});
