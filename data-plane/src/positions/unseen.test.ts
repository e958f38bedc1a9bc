/** Records that nobody saw: whatever kept them from a client, they are neither dropped nor counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaError } from '@respool/kafka/kafka-error';
import { LendingWorld } from '../test/lending-world.ts';

test('a value that its forwarder cannot read was shown to nobody: it is not dropped', async () => {
  const world = new LendingWorld({ maxDeliveries: 1 });
  const large = 'x'.repeat(100_000);
  world.rig.push(0, large, 'b');
  const { topic } = world;
  const read = () => Promise.reject(new KafkaError('leader-moved', 'the leader moved'));
  world.topic = { ...topic, backend: { read } as never };
  for (let n = 0; n < 3; n++) {
    await assert.rejects(world.pop({ count: 2 }), { code: 'leader-moved' });
    await world.pass(200);
  }
  world.topic = topic;
  const got = await world.pop({ count: 2 });
  assert.deepEqual(
    got.map(({ value, deliveries }) => [value?.length, deliveries]),
    [
      [100_000, 1],
      [1, 1],
    ],
  );
  assert.deepEqual([world.rig.noticed, world.owner.sample().deadLetters], [[], 0]);
});

test('a value that its forwarder does not find is not dropped either, nor asked for in circles', async () => {
  const world = new LendingWorld({ maxDeliveries: 1 });
  world.rig.push(0, 'x'.repeat(100_000));
  const { topic } = world;
  world.topic = { ...topic, backend: { read: async () => [] } as never };
  await assert.rejects(world.pop(), { code: 'no-owner' });
  const taking = world.asks.filter(({ take }) => take > 0);
  assert(taking.length <= 15, `${taking.length} questions`);
  world.topic = topic;
  const [got] = await world.pop();
  assert.deepEqual([got?.value?.length, got?.deliveries], [100_000, 1]);
  assert.deepEqual(world.rig.noticed, []);
});
