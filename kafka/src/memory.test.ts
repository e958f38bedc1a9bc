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
      for (const topic of kafka.names) {
        for (const { partition } of kafka.topic(topic).partitions) {
          kafka.log({ topic, partition }).elect();
        }
      }
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
    { offset: 0, timestampMs: null, leaderEpoch: 0 },
  ]);
});

test('an ex-leader that does not know it answers those alone who met no later one', async () => {
  const kafka = new MemoryKafka();
  const gateway = new MemoryGateway(kafka, options);
  const where = { topic: await newTopic(gateway), partition: 0 };
  const write = (...values: string[]) =>
    void kafka.log(where).write(
      values.map((value) => record(value)),
      null,
    );
  write('a');
  const rejoin = kafka.isolateLeader(where);
  write('b');
  const ends = async (of: MemoryGateway, leaderEpochMin = 0) =>
    (await of.listOffsets([{ ...where, time: 'latest', leaderEpochMin }], soon))[0]?.offset;
  const other = new MemoryGateway(kafka, options);
  assert.equal(await ends(gateway), 1);
  assert.equal(await ends(gateway, 1), 2);
  assert.deepEqual([await ends(gateway), await ends(other)], [2, 1]);
  rejoin();
  assert.equal(await ends(other), 2);
});

test('an unclean election loses what the new leader did not have', async () => {
  const kafka = new MemoryKafka();
  const gateway = new MemoryGateway(kafka, options);
  const where = { topic: await newTopic(gateway), partition: 0 };
  const producer = await Producer.open(gateway, where);
  await producer.write('a', 'b', 'c');
  kafka.log(where).elect(1);
  assert.equal(await gateway.endOfEpoch({ ...where, leaderEpoch: 0 }, soon), 1);
  assert.deepEqual(await readAll(gateway, where), ['0 a']);
});
