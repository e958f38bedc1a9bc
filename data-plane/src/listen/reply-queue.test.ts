/** Replies leave in order, and the credit gates what may be asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newRun, type Run } from '../command/run.ts';
import { FakeSocket, meter } from '../test/fakes.ts';
import { Turn } from '../turn.ts';
import { Outlet, type ReplyTotals } from './outlet.ts';
import type { QueueLimits } from './queue-limits.ts';
import { ReplyQueue } from './reply-queue.ts';

const usual: QueueLimits = {
  replyCreditBytes: 64 * 1024,
  requestCreditBytes: 1000,
  commandsInFlightMax: 100,
  processReplyBytesMax: 1_000_000,
  untakenBytesMax: 1_000_000,
};

function made(
  limits: Partial<QueueLimits> = {},
  totals: ReplyTotals = { pendingBytes: 0, bytesOut: 0 },
) {
  const socket = new FakeSocket();
  const turn = new Turn();
  const answered: Run[] = [];
  const seen = { eased: 0, torn: 0, answered, totals, socket };
  const outlet = new Outlet(socket.asSocket(), turn, totals, () => queue.drained());
  const queue: ReplyQueue = new ReplyQueue(
    outlet,
    turn,
    { ...usual, ...limits },
    totals,
    { answered: (run) => answered.push(run) },
    { address: 'test', name: '' },
    () => seen.eased++,
    () => {
      seen.torn++;
      queue.close();
    },
  );
  /** A run of `count` commands, as a connection makes it. */
  const sent = (count: number, bytes = 10): Run => {
    queue.owe(count, bytes);
    const run = newRun(queue, 0, meter, 0);
    run.count = count;
    run.requestBytes = bytes;
    queue.add(run);
    return run;
  };
  const give = (run: Run, text: string, replies: number, done: boolean): boolean =>
    queue.take(run, Buffer.from(`..${text}..`), 2, 2 + text.length, replies, done);
  return { ...seen, seen, outlet, queue, sent, give };
}

test('replies leave in the order asked, whichever comes first and in whatever pieces', () => {
  const luck = fc.infiniteStream(fc.nat(1_000_000));
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }), luck, (sizes, random) => {
      const { sent, give, outlet, queue, socket } = made();
      const open = sizes.map((size, index) => {
        const pieces = Array.from({ length: size + 1 }, (_, piece) => `<${index}.${piece}>`);
        return { run: sent(size + 1), pieces: [...pieces], all: pieces.join('') };
      });
      const expected = open.map(({ all }) => all).join('');
      while (open.length > 0) {
        const one = open[random.next().value % open.length]!;
        const piece = one.pieces.shift() as string;
        const done = one.pieces.length === 0;
        one.run.count--;
        give(one.run, piece, 1, done);
        if (done) open.splice(open.indexOf(one), 1);
      }
      outlet.flush();
      outlet.end();
      assert.equal(socket.taken, expected);
      assert.deepEqual([queue.idle, queue.inFlight], [true, 0]);
    }),
  );
});

test('a run cut in two keeps its place', () => {
  const { sent, give, queue, outlet, socket } = made();
  const first = sent(2);
  const last = sent(1);
  const rest = newRun(queue, 0, meter, 0);
  rest.count = 1;
  queue.split(first, rest);
  give(last, 'c', 1, true);
  give(rest, 'b', 1, true);
  give(first, 'a', 1, true);
  outlet.end();
  assert.equal(socket.taken, 'abc');
  const only = sent(2);
  const tail = newRun(queue, 0, meter, 0);
  queue.split(only, tail);
  assert.equal(queue.last, tail, 'commands that follow join behind it');
});

test('room is pessimistic at first, learns, and ends with any of the limits', () => {
  const { queue, sent, give } = made();
  assert.equal(queue.room(), 4, '64 KiB of replies guessed at 16 KiB each');
  for (let n = 0; n < 60; n++) give(sent(1), '+OK\r\n', 1, true);
  assert.equal(queue.room(), 100);
  const run = sent(30);
  assert.equal(queue.room(), 70);
  give(run, 'x', 30, true);
  sent(1, 1001);
  assert.equal(queue.room(), 0, 'request bytes are limited too');
});

test('a client that takes nothing gets no more room, until it does', () => {
  const { queue, sent, give, socket, seen } = made({ replyCreditBytes: 100 });
  assert.equal(queue.room(), 1, 'one command always may');
  socket.open = false;
  give(sent(1), 'x'.repeat(150), 1, true);
  assert.equal(queue.room(), 0);
  const before = seen.eased;
  socket.drain();
  assert.ok(seen.eased > before);
  assert.ok(queue.room() > 0);
});

test('parked replies count as untaken, of the client and of the process', () => {
  const totals = { pendingBytes: 0, bytesOut: 0 };
  const { queue, sent, give } = made({ replyCreditBytes: 100 }, totals);
  sent(1);
  give(sent(1), 'x'.repeat(200), 1, true);
  assert.equal(totals.pendingBytes, 200);
  assert.ok(queue.room() <= 0);
  queue.close();
  assert.equal(totals.pendingBytes, 0);
});

test('while a command waits to be sent again nothing may overtake it', () => {
  const { queue, seen } = made();
  queue.delay(1);
  assert.equal(queue.room(), 0);
  queue.delay(1);
  queue.delay(-1);
  assert.deepEqual([queue.room(), seen.eased], [0, 0]);
  queue.delay(-1);
  assert.deepEqual([queue.room() > 0, seen.eased], [true, 1]);
});

test('after the client left its runs still end, and their bytes go nowhere', () => {
  const { queue, sent, give, socket, answered, outlet } = made();
  const [first, second] = [sent(2), sent(1)];
  give(second, 'parked', 1, true);
  queue.close();
  give(first, 'a', 1, false);
  give(first, 'b', 1, true);
  outlet.flush();
  assert.equal(socket.taken, '');
  assert.deepEqual([queue.idle, queue.inFlight, answered.length], [true, 0, 2]);
});

test('a reply that broke off ends the client, and what comes after it never reaches it', () => {
  const { queue, sent, give, socket, seen, outlet } = made();
  const run = sent(1);
  give(run, '$5\r\nha', 0, false);
  queue.tear(run);
  give(run, '-ERR the connection broke\r\n', 1, true);
  outlet.flush();
  assert.equal(seen.torn, 1);
  assert.ok(!socket.taken.includes('ERR'));
});

test('a push stands between replies: at once, or behind the reply that is half out', () => {
  const { sent, give, outlet, queue, socket } = made();
  const first = sent(2);
  const second = sent(1);
  queue.push(Buffer.from('>push1\r\n'));
  first.midReply = true;
  give(first, '+on', 0, false);
  queue.push(Buffer.from('>push2\r\n'));
  first.midReply = false;
  give(first, 'e\r\n', 1, false);
  second.midReply = true;
  give(second, '+thr', 0, false);
  first.midReply = false;
  give(first, '+two\r\n', 1, true);
  queue.push(Buffer.from('>push3\r\n'));
  second.midReply = false;
  give(second, 'ee\r\n', 1, true);
  outlet.end();
  assert.equal(socket.taken, '>push1\r\n+one\r\n>push2\r\n+two\r\n+three\r\n>push3\r\n');
});

test('what is to be done behind a run is done once all owed by then went out', () => {
  const { sent, give, outlet, queue, socket } = made();
  const first = sent(1);
  const second = sent(1);
  const behind = (text: string): void => {
    queue.tail!.trailer = [() => queue.push(Buffer.from(text))];
  };
  behind('>gone\r\n');
  give(second, '+b\r\n', 1, true);
  give(first, '+a\r\n', 1, true);
  assert.equal(queue.tail, null);
  sent(1);
  outlet.end();
  assert.equal(socket.taken, '+a\r\n+b\r\n>gone\r\n');
});

test('a muted run is answered in its place and says nothing; no command joins it', () => {
  const { sent, give, outlet, queue, socket, answered } = made();
  const first = sent(1);
  queue.muting = true;
  assert.equal(queue.last, null);
  const second = sent(1);
  queue.muting = false;
  assert.equal(queue.last, null);
  const third = sent(1);
  give(third, '+c\r\n', 1, true);
  give(second, '+b', 0, false);
  give(first, '+a\r\n', 1, true);
  give(second, '\r\n', 1, true);
  outlet.end();
  assert.equal(socket.taken, '+a\r\n+c\r\n');
  assert.deepEqual([queue.idle, queue.inFlight, answered.length], [true, 0, 3]);
});

test('a client that takes nothing of a reply too large to wait for is cut', () => {
  const { sent, give, socket, seen } = made({ untakenBytesMax: 50_000 });
  socket.open = false;
  const run = sent(1);
  give(run, 'x'.repeat(40_000), 0, false);
  assert.equal(seen.torn, 0);
  give(run, 'x'.repeat(40_000), 0, false);
  assert.equal(seen.torn, 1);
});

test('a reply in parts leaves as one where its turn has come, else it has to be joined', () => {
  const { queue, sent, give, outlet, socket, answered } = made();
  const parts = ['(', 'x'.repeat(20_000), ')'].map((text) => {
    return { memory: Buffer.from(`..${text}..`), start: 2, end: 2 + text.length };
  });
  const first = sent(1);
  const second = queue.addAnswer(0, meter);
  queue.owe(1, 0);
  assert.equal(queue.answerInParts(second, parts, 20_002, 20_010), false);
  give(first, 'first', 1, true);
  assert.equal(queue.answerInParts(second, parts, 20_002, 20_010), true);
  assert.equal(socket.taken, `first(${'x'.repeat(20_000)})`);
  assert.deepEqual([answered.length, queue.inFlight, queue.idle], [2, 0, true]);
  queue.muting = true;
  const muted = queue.addAnswer(0, meter);
  assert.equal(queue.answerInParts(muted, parts, 20_002, 20_010), false);
  queue.answer(muted, Buffer.from('never'), 5);
  queue.muting = false;
  socket.open = false;
  outlet.send(Buffer.from('backlog'), 0, 7, true);
  const behind = queue.addAnswer(0, meter);
  assert.equal(queue.answerInParts(behind, parts, 20_002, 50_000), false);
  assert.equal(queue.answerInParts(behind, parts, 20_002, 20_010), true);
});
