/** The cluster in memory behaves as every cluster must, and fails as it is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { assertFails, newTopic, Producer, readAll, record, soon } from './conformance/rig.ts';
import { testGateway } from './gateway-conformance.ts';
import { MemoryGateway, MemoryKafka } from './memory.ts';

const options = { clock: systemClock, random: Math.random, answerMs: 0 };

testGateway('the memory gateway', async () => {
  const kafka = new MemoryKafka();
  const nowhere = new MemoryKafka();
  nowhere.isReachable = false;
  return {
    gateway: new MemoryGateway(kafka, options),
    lost: new MemoryGateway(nowhere, options),
    write: async (where, values) => {
      kafka.log(where).write(
        values.map((value) => record(value)),
        null,
      );
    },
    begin: async (where, values) => {
      const log = kafka.log(where);
      const transaction = { state: 'open' as const };
      log.write(
        values.map((value) => record(value)),
        transaction,
      );
      return {
        commit: async () => log.end(transaction, 'committed'),
        abort: async () => log.end(transaction, 'aborted'),
      };
    },
    trim: async (where, offset) => kafka.log(where).trim(offset),
    removeTopic: async (name) => kafka.remove(name),
    join: async (group) => {
      kafka.setMember(group, true);
      return async () => kafka.setMember(group, false);
    },
    interrupt: async () => {
      for (const operation of ['produce', 'fetchAt', 'listOffsets', 'committed'] as const) {
        kafka.fail({ operation, kind: 'refuse', code: 'leader-moved' });
        kafka.fail({ operation, kind: 'lose' });
      }
      kafka.fail({ operation: 'commit', kind: 'lose', code: 'coordinator-moved' });
    },
  };
});

test('a batch whose answer is lost was stored, and is stored once', async () => {
  const kafka = new MemoryKafka();
  const gateway = new MemoryGateway(kafka, options);
  const where = { topic: await newTopic(gateway), partition: 0 };
  const producer = await Producer.open(gateway, where);
  kafka.fail({ operation: 'produce', kind: 'lose' }, { operation: 'produce', kind: 'lose' });
  assert.equal(await producer.write('a'), 0);
  assert.equal(kafka.batches.length, 3);
  assert.deepEqual(await readAll(gateway, where), ['0 a']);
});

test('a write that stalls may have happened when its deadline passes', async () => {
  const kafka = new MemoryKafka();
  const gateway = new MemoryGateway(kafka, options);
  const where = { topic: await newTopic(gateway), partition: 0 };
  const producer = await Producer.open(gateway, where);
  kafka.fail({ operation: 'produce', kind: 'stall' });
  await assertFails(gateway.produce(producer.batch([record('a')]), 20), 'deadline', true);
  kafka.fail({ operation: 'listOffsets', kind: 'stall' });
  await assertFails(gateway.listOffsets([{ ...where, time: 'latest' }], 20), 'deadline', false);
  assert.deepEqual(await gateway.listOffsets([{ ...where, time: 'latest' }], soon), [
    { offset: 0, timestampMs: null },
  ]);
});
