/** Large values of several connections, in reads of any size into memory that is used again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newRun, type Part, type Run } from '../command/run.ts';
import { giveMemory, holdMemory, keptMemory, takeMemory } from '../memory-pool.ts';
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

/** Takes what may be taken in parts only later, as a slow client does. */
class SlowClient {
  readonly origin = { address: 'test', name: '' };
  #parts: readonly Part[] = [];
  #joined = '';

  answer(_run: Run, reply: Buffer, length: number): void {
    this.#joined = reply.toString('latin1', 0, length);
  }

  answerInParts(_run: Run, parts: readonly Part[], length: number): boolean {
    assert.equal(
      parts.reduce((sum, { start, end }) => sum + end - start, 0),
      length,
    );
    for (const { memory } of parts) holdMemory(memory);
    this.#parts = parts;
    return true;
  }

  delay(): void {}

  taken(): string {
    const texts = this.#parts.map(({ memory, start, end }) =>
      memory.toString('latin1', start, end),
    );
    for (const { memory } of this.#parts) giveMemory(memory);
    return this.#joined + texts.join('');
  }
}

/** One MGET: keys of several connections, asked for in the order opposite to the client's. */
function gathered(values: readonly (readonly string[])[], luck: () => number): SlowClient {
  const count = values.flat().length;
  const to = new SlowClient();
  const gather = newGather();
  gather.prepare(count, bounds);
  for (let f = 0; f < count; f++) gather.addFragment(f, Int32Array.of(count - 1 - f), 0, 1);
  gather.begin('in_order', 'MGET', count, to, newRun(new FakeTaker(), 0, meter, 0));
  let first = 0;
  const streams = values.map((each) => {
    const replies = each.map((value) => `*1\r\n${value}`);
    first += replies.length;
    return new Stream(gather, first - replies.length, replies);
  });
  while (streams.some((stream) => !stream.done)) {
    for (const stream of streams) if (!stream.done) stream.read(1 + luck());
  }
  for (const stream of streams) stream.close();
  return to;
}

test('each value arrives as it was sent, whatever else the memory serves for until it is taken', () => {
  const size = fc.oneof(fc.nat(20), fc.nat(30_000), fc.nat(200_000));
  const connections = fc.array(fc.array(size, { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 3,
  });
  const commands = fc.array(connections, { minLength: 1, maxLength: 4 });
  const sizes = fc.infiniteStream(fc.oneof(fc.nat(100), fc.nat(70_000), fc.nat(readBytes)));
  fc.assert(
    fc.property(commands, sizes, (all, luck) => {
      let sent = 0;
      const said = all.map((lengths) => {
        const values = lengths.map((each) =>
          each.map((length) => `$${length}\r\n${String(sent++ % 10).repeat(length)}\r\n`),
        );
        return { values: values.flat(), to: gathered(values, () => luck.next().value) };
      });
      for (const { values, to } of said) {
        const expected = `*${values.length}\r\n${values.toReversed().join('')}`;
        assert.ok(to.taken() === expected, 'the same bytes');
      }
      assert.equal(bounds.held.bytes, 0);
    }),
    { numRuns: 40 },
  );
});

test('a large part of a read is left where it is, and its memory goes back when it was used', () => {
  const value = `$80000\r\n${'x'.repeat(80_000)}\r\n`;
  const gather = newGather();
  gather.prepare(3, bounds);
  for (const f of [0, 1, 2]) gather.addFragment(f, Int32Array.of(f), 0, 1);
  const to = new SlowClient();
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
  assert.equal(keptMemory(), before, 'its client has not taken it');
  assert.equal(to.taken(), `*3\r\n${value}${value}$-1\r\n`);
  assert.ok(keptMemory() >= before + readBytes, 'nobody does');
});
