/** Buckets on a real nats-server, when it or the connection to it is in no state to answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestNats } from '../test/nats.ts';
import { VirtualClock } from '../test/virtual-clock.ts';
import { StoreAway } from './key-store.ts';
import { NatsKeys } from './nats-keys.ts';

test('what cannot even be asked is a store that is away, and nothing fails behind it', async (t) => {
  const nats = await TestNats.prepare('p1');
  t.after(() => nats.stop());
  await nats.start();
  const connection = await nats.admin();
  await connection.close();
  const clock = new VirtualClock();
  const keys = new NatsKeys({ bucket: 'respool_units', clock, connection: () => connection });
  await assert.rejects(keys.read('a/b/c'), StoreAway);
  await assert.rejects(keys.write('a/b/c', null, 0), StoreAway);
  await assert.rejects(keys.readAll(['a/b/c']), StoreAway);
  const stray: unknown[] = [];
  const note = (error: unknown) => void stray.push(error);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  await clock.advance(5_000);
  assert.deepEqual([stray, clock.pending], [[], 0]);
});
