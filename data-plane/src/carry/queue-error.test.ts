/** What clients are told of a topic that could not be served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { TopicView } from '../state.ts';
import { positionFailure } from './queue-error.ts';

const topic = { name: 'orders', kafkaName: 'shop.orders' } as TopicView;

test('what ends without the client is to be asked again, and names its cause', () => {
  const foreign =
    'a consumer of another kind is in the group kq.shop.app, and no position can be kept';
  for (const [code, message] of [
    ['group-in-use', foreign],
    ['leader-moved', 'partition 0 seems to end before what was committed'],
  ] as const) {
    const told = positionFailure(topic, new KafkaError(code, message));
    assert.equal(`${told}`, `-TRYAGAIN Kafka does not serve it now: ${message}\r\n`);
  }
  const refused = positionFailure(topic, new KafkaError('not-authorized', 'shop.orders: no'));
  assert.equal(`${refused}`, '-ERR Kafka refuses it: orders: no\r\n');
});
