/** Wishes without NATS: what becomes of one when its connection does not last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { answerWishes, type WishOptions } from './wishes.ts';

test('a wish whose connection was closed meanwhile ends with it, and nothing else does', async () => {
  let take: (error: Error | null, message: Msg) => void = () => {};
  const connection = {
    subscribe: (_subject: string, options: { callback: typeof take }) => {
      take = options.callback;
      return { unsubscribe() {} };
    },
    isClosed: () => true,
  } as unknown as NatsConnection;
  const stop = answerWishes(connection, {} as WishOptions);
  const respond = () => {
    throw new Error('closed connection');
  };
  const data = Buffer.from('{}');
  take(null, { subject: 'respool.wish.p1', data, respond } as unknown as Msg);
  await assert.doesNotReject(stop());
});
