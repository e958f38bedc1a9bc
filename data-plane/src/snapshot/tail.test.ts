/** Folding the end of the log: hints may be wrong, the log may not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf } from '@respool/contracts/chain';
import { genesisHash, UnreadableEvent } from '@respool/contracts/events';
import { BrokenChain } from '@respool/contracts/project';
import fc from 'fast-check';
import { Tail } from './tail.ts';

/** Stored bytes of a log of `count` events. */
function logOf(count: number): Uint8Array[] {
  const stored: Uint8Array[] = [];
  let prev = genesisHash;
  for (let sequence = 1; sequence <= count; sequence++) {
    const requestId = '018f7f7a-0000-4000-8000-000000000000';
    const envelope = { requestId, at: '2026-01-01T00:00:00.000Z', actor: 'a', reason: '', prev };
    const value = { id: 'a', enabled: true, isolation: { mode: 'db' }, description: `${sequence}` };
    const change = { op: 'put', kind: 'tenant', id: 'a', after: value };
    const body =
      sequence === 1
        ? { type: 'LogCreated', logId: requestId }
        : { type: 'ConfigurationChanged', changes: [change] };
    const bytes = Buffer.from(JSON.stringify({ ...envelope, ...body, version: 1 }));
    prev = hashOf(bytes);
    stored.push(bytes);
  }
  return stored;
}

const log = logOf(30);
const bytesAt = (sequence: number): Uint8Array => log[sequence - 1] ?? new Uint8Array();
const take = (tail: Tail, sequence: number) => tail.take({ sequence, bytes: bytesAt(sequence) });

test('hints in any order, doubled or lost, leave only what the log has to fill', () => {
  const order = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 120 });
  fc.assert(
    fc.property(order, (hints) => {
      const tail = new Tail();
      for (const sequence of hints) tail.hint(sequence, bytesAt(sequence));
      const heard = new Set(hints);
      let contiguous = 0;
      while (heard.has(contiguous + 1)) contiguous += 1;
      assert.equal(tail.sequence, contiguous);
      assert.equal(tail.heard, Math.max(0, ...hints));
      for (let sequence = 1; sequence <= 30; sequence++) take(tail, sequence);
      assert.equal(tail.state.hash, hashOf(bytesAt(30)));
    }),
  );
});

test('a forged hint is dropped and asks for the log; the log then wins', () => {
  const tail = new Tail();
  take(tail, 1);
  const forged = Buffer.from(
    Buffer.from(bytesAt(2))
      .toString()
      .replace(/"prev":"../, '"prev":"00'),
  );
  assert.equal(tail.hint(2, forged), false);
  assert.equal(tail.hint(2, Buffer.from('not json')), false);
  assert.equal(tail.sequence, 1);
  assert.equal(tail.heard, 2);
  take(tail, 2);
  assert.equal(tail.sequence, 2);
});

test('a forged later hint does not keep the true one out for good', () => {
  const tail = new Tail();
  tail.hint(2, Buffer.from('{}'));
  take(tail, 1);
  assert.equal(tail.drain(), false);
  assert.equal(tail.hint(2, bytesAt(2)), true);
});

test('the log itself is held to its word', () => {
  const tail = new Tail();
  take(tail, 1);
  assert.throws(() => take(tail, 3), BrokenChain);
  assert.throws(() => tail.take({ sequence: 2, bytes: bytesAt(3) }), BrokenChain);
  assert.throws(() => tail.take({ sequence: 2, bytes: bytesAt(1) }), BrokenChain);
  assert.throws(() => tail.take({ sequence: 2, bytes: Buffer.from('{}') }), UnreadableEvent);
  assert.equal(tail.sequence, 1);
  take(tail, 2);
});

test('a log must begin with its creation', () => {
  assert.throws(() => new Tail().take({ sequence: 1, bytes: bytesAt(2) }), BrokenChain);
});

test('waiting hints are bounded, and what did not fit is still asked for', () => {
  const tail = new Tail();
  for (let sequence = 5000; sequence > 2; sequence--) tail.hint(sequence, Buffer.alloc(64 * 1024));
  assert.equal(tail.heard, 5000);
  assert.equal(tail.bufferedBytes, 16 * 1024 * 1024);
  const small = new Tail();
  for (let sequence = 5000; sequence > 2; sequence--) small.hint(sequence, Buffer.alloc(1));
  assert.equal(small.bufferedBytes, 1024);
});

test('what was folded or passed by no longer waits', () => {
  const tail = new Tail();
  for (const sequence of [5, 6, 7]) tail.hint(sequence, bytesAt(sequence));
  const ahead = new Tail();
  for (let sequence = 1; sequence <= 6; sequence++) take(ahead, sequence);
  tail.rebase(ahead.state);
  assert.equal(tail.bufferedBytes, bytesAt(7).length);
  assert.equal(tail.drain(), true);
  assert.equal(tail.bufferedBytes, 0);
  assert.equal(tail.sequence, 7);
});
