/** Given what a session began, when commands are queued or it is rebound, then what EXEC may still do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError, type HeldBytes, Purse } from '../command/backing.ts';
import type { Lease } from '../command/lease.ts';
import type { BackendView } from '../state.ts';
import {
  ownCommandsMax,
  queuedCommandsMax,
  Transaction,
  type TransactionPlace,
} from './transaction.ts';

const backend = {} as BackendView;
const place: TransactionPlace = { backend, prefix: null, database: 0 };
const queued = (slot: number | null, bytes = 10) => ({
  ...{ bytes: Buffer.alloc(bytes), name: 'get', slot, writes: false, reads: true },
});

function begun(held: HeldBytes = { bytes: 0, bytesMax: 1000 }, at = place): Transaction {
  const transaction = new Transaction(at, new Purse(held, 100));
  transaction.begin(at);
  return transaction;
}

test('the first key pins the slot, commands without one go along', () => {
  const transaction = begun();
  for (const slot of [null, 7, null, 7]) transaction.queue(queued(slot));
  assert.throws(() => transaction.queue(queued(8)), /^CommandError: CROSSSLOT /);
  assert.deepEqual([transaction.slot, transaction.commands.length], [7, 4]);
});

test('a watched key pins it before any command does', () => {
  const transaction = begun();
  transaction.watch = { lease: {} as Lease, slot: 3, asks: false };
  assert.throws(() => transaction.queue(queued(4)), CommandError);
  transaction.queue(queued(3));
});

test('the queue is bounded in bytes, its own and all sessions’ together, and gives them back', () => {
  const held: HeldBytes = { bytes: 0, bytesMax: 150 };
  const [first, second] = [begun(held), begun(held)];
  first.queue(queued(1, 90));
  assert.throws(() => first.queue(queued(1, 20)), /larger than this proxy may hold/);
  assert.throws(() => second.queue(queued(1, 70)), /larger than this proxy may hold/);
  first.end();
  assert.equal(held.bytes, 0);
  second.queue(queued(1, 70));
  first.end();
  assert.equal(held.bytes, 70);
});

test('the queue is bounded in commands', () => {
  const transaction = begun({ bytes: 0, bytesMax: 1000 });
  for (let n = 0; n < queuedCommandsMax; n++) transaction.queue(queued(null, 0));
  assert.throws(() => transaction.queue(queued(null, 0)), CommandError);
});

test('the proxy’s own commands in the queue are bounded and paid for, too', () => {
  const held: HeldBytes = { bytes: 0, bytesMax: 10_000 };
  const own = { heldBytes: 1, make: () => ({ reply: Buffer.alloc(0), closes: false }) };
  const transaction = new Transaction(place, new Purse(held, 10_000));
  transaction.begin(place);
  for (let n = 0; n < ownCommandsMax; n++) transaction.queue({ ...queued(null, 2), own });
  assert.equal(held.bytes, 3 * ownCommandsMax);
  assert.throws(() => transaction.queue({ ...queued(null), own }), /holds at most 1000 commands/);
  transaction.queue(queued(null));
});

test('while it is executed it still has its place, and no more is queued', () => {
  const transaction = begun();
  transaction.execute();
  assert.deepEqual([transaction.open, transaction.executing], [false, true]);
  assert.ok(!transaction.fits({ ...place, database: 1 }));
  transaction.end();
  assert.equal(transaction.executing, false);
});

test('it fits where it was begun; only between WATCH and MULTI the database may change', () => {
  const prefix = Buffer.from('p:');
  const transaction = new Transaction(
    { ...place, prefix },
    new Purse({ bytes: 0, bytesMax: 9 }, 9),
  );
  const same = { ...place, prefix: Buffer.from('p:') };
  assert.ok(transaction.fits(same));
  assert.ok(transaction.fits({ ...same, database: 2 }));
  assert.ok(!transaction.fits({ ...same, prefix: null }));
  assert.ok(!transaction.fits({ ...same, prefix: Buffer.from('q:') }));
  assert.ok(!transaction.fits({ ...same, backend: {} as BackendView }));
  transaction.begin({ ...same, database: 2 });
  assert.ok(transaction.fits({ ...same, database: 2 }));
  assert.ok(!transaction.fits(same));
});

test('whoever waits for its end is told once', () => {
  const transaction = begun();
  let told = 0;
  transaction.ended = () => void told++;
  transaction.end();
  transaction.end();
  assert.deepEqual([told, transaction.open, transaction.over], [1, false, true]);
});
