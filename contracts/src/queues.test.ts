/** What may stand in a topic and in a position, and which names they may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { positionOf, topicOf } from '../test/log-builder.ts';
import { consumerName, kafkaTopicName, topicName } from './ids.ts';
import { consumerGroup, position, topic } from './queues.ts';

const is = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

test('names of topics and consumers are those clients use, except steps in a path', () => {
  for (const name of ['a', 'Orders_2', '1.2-3', '...', '__proto__x', 'constructor', '_']) {
    assert.ok(is(topicName, name) && is(consumerName, name), name);
  }
  for (const name of ['', '.', '..', '__proto__', 'a/b', 'a b', 'ä', 'a\n', '{a}', 'a:b']) {
    assert.ok(!is(topicName, name) && !is(consumerName, name), name);
  }
  assert.deepEqual(
    [128, 129].map((length) => is(topicName, 'a'.repeat(length))),
    [true, false],
  );
  assert.deepEqual(
    [64, 65].map((length) => is(consumerName, 'a'.repeat(length))),
    [true, false],
  );
});

test('the longest name of a topic fits behind that of its tenant in Kafka', () => {
  assert.ok(is(kafkaTopicName, `${'t'.repeat(63)}.${'n'.repeat(128)}`));
});

test('topics in which Kafka keeps its own state are nobody else’s', () => {
  for (const name of ['__consumer_offsets', '__transaction_state', '.', '..', 'a'.repeat(250)]) {
    assert.ok(!is(kafkaTopicName, name), name);
  }
  assert.ok(is(kafkaTopicName, '_schemas'));
});

test('a user is granted something once', () => {
  const grant = { user: 'app', produce: true, consume: false, seek: false };
  const both = topic.safeParse({ ...topicOf('a', 't'), grants: [grant, grant] });
  assert.deepEqual(
    both.error?.issues.map(({ path, message }) => [path.join('.'), message]),
    [['grants.1.user', 'user app is named twice']],
  );
  assert.ok(is(topic, { ...topicOf('a', 't'), grants: [grant] }));
});

test('a seek goes to an end, a time, or one offset of each partition', () => {
  const to = (value: unknown) => is(position, { ...positionOf('a', 't/c', 'latest'), to: value });
  const at = (...offsets: [number, number][]) => ({
    offsets: offsets.map(([partition, offset]) => ({ partition, offset })),
  });
  for (const good of [
    ...['earliest', 'latest', { time: '2026-05-01T00:00:00Z' }],
    ...[at([0, 0]), at([4095, Number.MAX_SAFE_INTEGER], [0, 1])],
  ]) {
    assert.ok(to(good), JSON.stringify(good));
  }
  for (const bad of [
    ...['', 'now', 7, null, {}, { time: 'yesterday' }, { time: '2026-05-01T00:00:00+02:00' }],
    ...[at(), at([0, -1]), at([-1, 0]), at([4096, 0]), at([0, 0.5]), at([0, 2 ** 53])],
    ...[at([1, 0], [1, 0]), { ...at([0, 0]), time: '2026-05-01T00:00:00Z' }],
  ]) {
    assert.ok(!to(bad), JSON.stringify(bad));
  }
});

test('a group belongs to one tenant and one consumer, whatever they are called', () => {
  // A tenant has no dot in its name, so the first one after the prefix is always the border.
  assert.equal(consumerGroup('acme', 'a.b'), 'kq.acme.a.b');
});
