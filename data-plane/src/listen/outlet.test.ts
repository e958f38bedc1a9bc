/** What leaves at once, what waits for the turn, and what a backlog does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { giveMemory, keptMemory, takeMemory } from '../memory-pool.ts';
import { FakeSocket } from '../test/fakes.ts';
import { Turn } from '../turn.ts';
import { Outlet } from './outlet.ts';

const turnOver = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function made(): { socket: FakeSocket; outlet: Outlet; drains: () => number } {
  const socket = new FakeSocket();
  let drains = 0;
  const totals = { pendingBytes: 0, bytesOut: 0 };
  const outlet = new Outlet(socket.asSocket(), new Turn(), totals, () => drains++);
  return { socket, outlet, drains: () => drains };
}

test('the last reply leaves at once, together with those gathered before it', () => {
  const { socket, outlet } = made();
  outlet.send(Buffer.from('xoney'), 1, 4, false);
  assert.equal(socket.taken, '');
  outlet.send(Buffer.from('two'), 0, 3, true);
  assert.deepEqual([socket.taken, socket.writes], ['onetwo', 1]);
});

test('what is gathered leaves within a few turns', async () => {
  const { socket, outlet, drains } = made();
  outlet.send(Buffer.from('part'), 0, 4, false);
  for (let turn = 0; turn < 5; turn++) await turnOver();
  assert.equal(socket.taken, 'part');
  assert.ok(drains() > 0);
});

test('bytes arrive whole and in order whatever the client takes when, and whatever is overwritten', () => {
  const size = fc.oneof(fc.nat(50), fc.nat(40_000));
  const step = fc.record({ size, last: fc.boolean(), open: fc.boolean(), drain: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { socket, outlet } = made();
      let shared = Buffer.alloc(50_000);
      let expected = '';
      for (const [index, { size: length, last, open, drain }] of steps.entries()) {
        if (drain) socket.drain();
        socket.open = open;
        shared.fill(97 + (index % 26), 5, 5 + length);
        expected += String.fromCharCode(97 + (index % 26)).repeat(length);
        const escaped = outlet.send(shared, 5, 5 + length, last);
        // The read buffer is used again at once, unless the outlet said that it still points there.
        if (escaped) shared = Buffer.alloc(50_000);
        else shared.fill(35);
      }
      outlet.flush();
      outlet.end();
      socket.drain();
      socket.drain();
      assert.equal(outlet.pending, 0);
      assert.ok(socket.taken === expected, 'the same bytes');
      assert.equal(outlet.written, expected.length);
    }),
    { numRuns: 60 },
  );
});

test('what the socket still points into is held until it was taken, or the socket is gone', () => {
  for (const end of ['taken', 'closed'] as const) {
    const { socket, outlet } = made();
    socket.open = false;
    const memory = takeMemory(100_000);
    assert.equal(outlet.send(memory, 10, 90_000, false), true);
    const before = keptMemory();
    giveMemory(memory);
    assert.equal(keptMemory(), before);
    if (end === 'taken') socket.drain();
    else outlet.closed();
    assert.equal(keptMemory(), before + memory.length, end);
    assert.equal(takeMemory(100_000), memory);
  }
});

test('parts leave together behind what was gathered, and what waits of them is held', () => {
  const { socket, outlet } = made();
  outlet.send(Buffer.from('<'), 0, 1, false);
  const memory = takeMemory(100_000).fill('a');
  const part = { memory, start: 10, end: 50_010 };
  outlet.sendAll([{ memory: Buffer.from('-b-'), start: 1, end: 2 }, part], false);
  assert.equal(socket.taken, `<b${'a'.repeat(50_000)}`);
  assert.equal(outlet.pending, 0);
  socket.open = false;
  outlet.sendAll([part, part], true);
  assert.deepEqual([outlet.pending, outlet.wastes(30, 10)], [100_000, true]);
  assert.equal(outlet.wastes(20, 10), false);
  const before = keptMemory();
  giveMemory(memory);
  assert.equal(keptMemory(), before);
  socket.drain();
  assert.deepEqual([outlet.pending, outlet.wastes(30, 10)], [0, false]);
  assert.equal(socket.taken.length, 150_002);
  assert.equal(keptMemory(), before + memory.length);
});

test('a client that takes its backlog is noticed, however small the backlog', () => {
  const { socket, outlet, drains } = made();
  socket.open = false;
  assert.equal(outlet.send(Buffer.from('a'), 0, 1, true), true);
  assert.deepEqual([outlet.pending, drains()], [1, 0]);
  socket.drain();
  assert.deepEqual([outlet.pending, drains()], [0, 1]);
});

test('the end comes behind everything gathered, and once', () => {
  const { socket, outlet } = made();
  outlet.send(Buffer.from('bye'), 0, 3, false);
  outlet.end();
  outlet.end();
  assert.deepEqual([socket.taken, socket.ended], ['bye', true]);
});

test('a backlog is watched to its end though the socket was told to end behind it', () => {
  const { socket, outlet, drains } = made();
  socket.open = false;
  const memory = takeMemory(100_000);
  outlet.send(memory, 0, 50_000, false);
  outlet.send(Buffer.from('more'), 0, 4, true);
  outlet.flush();
  outlet.end();
  socket.drain(2);
  assert.deepEqual([outlet.pending, drains()], [4, 1]);
  socket.drain();
  assert.deepEqual([outlet.pending, drains(), socket.taken.length], [0, 2, 50_004]);
});

test('behind a backlog a part of much memory is copied, most of its memory is held', () => {
  const { socket, outlet } = made();
  socket.open = false;
  outlet.send(Buffer.from('backlog'), 0, 7, true);
  const memory = takeMemory(280_000).fill('m');
  assert.equal(outlet.send(memory, 0, 50_000, true), false, 'copied');
  assert.equal(outlet.send(memory, 0, 200_000, true), true, 'held');
  memory.fill('n', 0, 10);
  socket.drain();
  assert.equal(socket.taken, `backlog${'m'.repeat(50_000)}nnnnnnnnnn${'m'.repeat(199_990)}`);
});
