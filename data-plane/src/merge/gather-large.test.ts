/** Large values of several connections, in reads of any size into memory that is used again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newRun, type Run } from '../command/run.ts';
import { giveMemory, keptMemory, takeMemory } from '../memory-pool.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';
import { FakeTaker, meter } from '../test/fakes.ts';
import { type Gather, newGather } from './gather.ts';

const readBytes = 288 * 1024;
const bounds = { held: { bytes: 0, bytesMax: 1e9 }, limits: { workBytesMax: 1e9 } };

/** One connection: a stream of replies, read a piece at a time behind what the last read left over. */
class Stream {
  readonly #gather: Gather;
  readonly #run: Run;
  readonly #bytes: Buffer;
  readonly #scanner = new ReplyScanner();
  #memory = takeMemory(readBytes);
  #at = 0;
  #left: number;

  constructor(gather: Gather, first: number, replies: readonly string[]) {
    this.#gather = gather;
    this.#bytes = Buffer.from(replies.join(''));
    this.#left = replies.length;
    this.#run = newRun(gather, 0, meter, 0);
    this.#run.fragment = first;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  read(size: number): void {
    const end = Math.min(this.#bytes.length, this.#at + Math.min(size, readBytes));
    const length = this.#bytes.copy(this.#memory, 0, this.#at, end);
    let [cursor, replies] = [0, 0];
    do {
      cursor = this.#scanner.next(this.#memory, cursor, length);
      if (this.#scanner.done) replies++;
    } while (this.#scanner.done && cursor < length);
    this.#at += cursor;
    this.#left -= replies;
    this.#run.answered += replies;
    if (cursor === 0) return;
    if (this.#gather.take(this.#run, this.#memory, 0, cursor, replies, this.done)) {
      giveMemory(this.#memory);
      this.#memory = takeMemory(readBytes);
    } else {
      this.#memory.fill('#');
    }
  }

  close(): void {
    giveMemory(this.#memory);
  }
}

test('each value arrives as it was sent, whatever else the memory serves for', () => {
  const size = fc.oneof(fc.nat(20), fc.nat(30_000), fc.nat(200_000));
  const connections = fc.array(fc.array(size, { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 3,
  });
  const sizes = fc.infiniteStream(fc.oneof(fc.nat(100), fc.nat(70_000), fc.nat(readBytes)));
  fc.assert(
    fc.property(connections, sizes, (lengths, luck) => {
      let sent = 0;
      const values = lengths.map((each) =>
        each.map((length) => `$${length}\r\n${String(sent++ % 10).repeat(length)}\r\n`),
      );
      const all = values.flat();
      const to = { reply: '', origin: { address: 'test', name: '' }, delay() {}, answer };
      function answer(_run: Run, reply: Buffer, length: number): boolean {
        to.reply = reply.toString('latin1', 0, length);
        return false;
      }
      const gather = newGather();
      gather.prepare(all.length, bounds);
      // The keys are asked for in the order opposite to the client's.
      for (const f of all.keys()) gather.addFragment(f, Int32Array.of(all.length - 1 - f), 0, 1);
      gather.begin('in_order', 'MGET', all.length, to, newRun(new FakeTaker(), 0, meter, 0));
      let first = 0;
      const streams = values.map((each) => {
        const replies = each.map((value) => `*1\r\n${value}`);
        first += replies.length;
        return new Stream(gather, first - replies.length, replies);
      });
      while (streams.some((stream) => !stream.done)) {
        for (const stream of streams) if (!stream.done) stream.read(1 + luck.next().value);
      }
      for (const stream of streams) stream.close();
      assert.ok(to.reply === `*${all.length}\r\n${all.toReversed().join('')}`, 'the same bytes');
      assert.equal(bounds.held.bytes, 0);
    }),
    { numRuns: 60 },
  );
});

test('a large part of a read is left where it is, and its memory goes back when it was used', () => {
  const value = `$60000\r\n${'x'.repeat(60_000)}\r\n`;
  const gather = newGather();
  gather.prepare(3, bounds);
  for (const f of [0, 1, 2]) gather.addFragment(f, Int32Array.of(f), 0, 1);
  const to = { origin: { address: 'test', name: '' }, delay() {}, answer: () => false };
  gather.begin('in_order', 'MGET', 3, to, newRun(new FakeTaker(), 0, meter, 0));
  const read = takeMemory(readBytes);
  const length = read.write(`*1\r\n${value}`.repeat(2));
  const [run, last] = [newRun(gather, 0, meter, 0), newRun(gather, 0, meter, 0)];
  run.answered = 2;
  assert.equal(gather.take(run, read, 0, length, 2, true), true);
  const before = keptMemory();
  giveMemory(read);
  assert.equal(keptMemory(), before, 'somebody still reads it');
  Object.assign(last, { fragment: 2, answered: 1 });
  gather.take(last, Buffer.from('*1\r\n$-1\r\n'), 0, 9, 1, true);
  assert.ok(keptMemory() >= before + readBytes, 'nobody does');
});
