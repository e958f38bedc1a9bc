/** Pushes into a real broker, read by kafkajs: everything once, in order, where Java would put it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { newTopic } from '@respool/kafka/conformance/rig';
import { gatewayTo, kafkajsTo, untilTrue, useKafka } from '@respool/kafka/test/kafka';
import { Partitioners } from 'kafkajs';
import { type Pushed, pushed } from '../../test/push-rig.ts';
import { defaultPushLimits, Pusher, type PushLimits } from './produce.ts';
import type { PushRequest } from './topic-lanes.ts';

const cluster = useKafka({}, async () => async () => {});

interface Read extends Pushed {
  readonly value: string;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function withPusher(
  partitions: number,
  limits: Partial<PushLimits>,
  story: (pusher: Pusher, topic: string) => Promise<void>,
): Promise<void> {
  const gateway = gatewayTo(cluster().bootstrap);
  const pusher = new Pusher(gateway, systemClock, { ...defaultPushLimits, ...limits });
  try {
    await story(pusher, await newTopic(gateway, { partitions }));
  } finally {
    await pusher.close(1_000);
    await gateway.close();
  }
}

function request(topic: string, value: string, given: Partial<PushRequest> = {}): PushRequest {
  return { topic, partition: null, key: null, value: Buffer.from(value), headers: [], ...given };
}

/** What kafkajs reads, in its order. */
async function readAll(topic: string, count: number): Promise<Read[]> {
  const consumer = kafkajsTo(cluster().bootstrap).consumer({ groupId: `read-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const found: Read[] = [];
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const { offset, value, key, headers = {} } = message;
      const text = key === null ? null : String(key);
      found.push({ partition, offset: Number(offset), value: String(value), key: text, headers });
    },
  });
  await untilTrue(`${count} records`, async () => found.length >= count);
  await consumer.disconnect();
  return found;
}

test('what fifty callers push is stored once, where each was told', async () => {
  await withPusher(3, {}, async (pusher, topic) => {
    const told: (Pushed & { value: string })[] = [];
    const callers = Array.from({ length: 50 }, async (_, caller) => {
      for (let at = 0; at < 40; at++) {
        const value = `${caller}.${at}`;
        told.push({ ...(await pushed(pusher, request(topic, value))), value });
      }
    });
    await Promise.all(callers);
    const found = await readAll(topic, told.length);
    const place = ({ partition, offset }: Pushed) => partition * 1e6 + offset;
    assert.deepEqual(
      found
        .map(({ partition, offset, value }) => ({ partition, offset, value }))
        .toSorted((one, other) => place(one) - place(other)),
      told.toSorted((one, other) => place(one) - place(other)),
    );
    assert.equal(new Set(told.map(({ partition }) => partition)).size, 3);
  });
});

test('one partition keeps the order in which records were pushed', async () => {
  await withPusher(1, { batchRecordsMax: 7 }, async (pusher, topic) => {
    const values = Array.from({ length: 500 }, (_, at) => `${at}`);
    await Promise.all(values.map((value) => pushed(pusher, request(topic, value))));
    const found = await readAll(topic, values.length);
    assert.deepEqual(
      found.map(({ value }) => value),
      values,
    );
  });
});

test('keys, headers and any bytes arrive, in the partition a Java client would choose', async () => {
  await withPusher(5, {}, async (pusher, topic) => {
    const choose = Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: 5 }, (_, partitionId) => {
      return { partitionErrorCode: 0, partitionId, leader: 1, replicas: [1], isr: [1] };
    });
    const headers = [{ name: 'trace', value: Buffer.from('1-2') }];
    const keys = Array.from({ length: 60 }, (_, at) => `key ${at} ü`);
    for (const key of keys) {
      const push = request(topic, `of ${key}`, { key: Buffer.from(key), headers });
      const { partition } = await pushed(pusher, push);
      const message = { key, value: null };
      assert.equal(partition, choose({ topic, partitionMetadata, message }));
    }
    const found = await readAll(topic, keys.length);
    assert.deepEqual(found.map(({ key }) => key).toSorted(), keys.toSorted());
    assert(found.every(({ key, value }) => value === `of ${key}`));
    assert(found.every(({ headers: given }) => String(given['trace']) === '1-2'));
  });
});

test('a record above the limit of the broker fails alone', async () => {
  await withPusher(1, { batchBytesMax: 2 ** 22 }, async (pusher, topic) => {
    const large = 'x'.repeat(1_100_000);
    const pushes = ['a', large, 'b'].map((value) => pushed(pusher, request(topic, value)));
    const ends = await Promise.allSettled(pushes);
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(
      (await readAll(topic, 2)).map(({ value }) => value),
      ['a', 'b'],
    );
  });
});

test('pushes go on while the broker is killed and comes back: none lost, none twice', async () => {
  await withPusher(2, { pushMsMax: 60_000 }, async (pusher, topic) => {
    const [node] = cluster().nodes;
    assert(node !== undefined);
    const told: string[] = [];
    let isBack = false;
    const callers = Array.from({ length: 20 }, async (_, caller) => {
      for (let at = 0; !isBack || at < 20; at++) {
        const value = `${caller}.${at}`;
        const { partition, offset } = await pushed(pusher, request(topic, value));
        told.push(`${partition} ${offset} ${value}`);
      }
    });
    await untilTrue('some pushes', async () => told.length > 200);
    await node.kill9();
    await node.start();
    isBack = true;
    await Promise.all(callers);
    const found = await readAll(topic, told.length);
    assert.deepEqual(
      found.map(({ partition, offset, value }) => `${partition} ${offset} ${value}`).toSorted(),
      told.toSorted(),
    );
  });
});
