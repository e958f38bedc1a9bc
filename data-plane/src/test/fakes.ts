/** A socket that takes only what the test lets it, and takers that remember what they were given. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Chunk, newRun, park, type ReplyTaker, type Run } from '../command/run.ts';
import { Meter } from '../observe/meter.ts';
import { encodeRequest } from '../resp/encoder.ts';

export const meter = new Meter('test', ['any']);

/** `net.Socket` as far as an outlet or an output sees it. */
export class FakeSocket {
  destroyed = false;
  errored = null;
  ended = false;
  /** What the other side has, in Latin-1. */
  taken = '';
  writes = 0;
  /** Takes every write at once; else {@link drain} does. */
  open = true;
  #waiting: { bytes: Buffer; done: (() => void) | undefined }[] = [];
  readonly #finished: (() => void)[] = [];

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Buffer, done?: () => void): boolean {
    assert.ok(!this.ended, 'nothing is written behind the end');
    this.writes++;
    if (this.open && this.#waiting.length === 0) {
      this.taken += bytes.toString('latin1');
      done?.();
    } else {
      // Not copied: what is overwritten meanwhile arrives wrong, as with a real socket.
      this.#waiting.push({ bytes, done });
    }
    return true;
  }

  cork(): void {}

  uncork(): void {}

  end(): void {
    this.ended = true;
  }

  once(event: string, listener: () => void): void {
    assert.equal(event, 'finish');
    this.#finished.push(listener);
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** Takes all that waits, or the first `writes` of it. */
  drain(writes = this.#waiting.length): void {
    const waiting = this.#waiting.splice(0, writes);
    for (const { bytes } of waiting) this.taken += bytes.toString('latin1');
    for (const { done } of waiting) done?.();
    if (this.ended && this.#waiting.length === 0) for (const done of this.#finished) done();
  }

  asSocket(): Socket {
    return this as unknown as Socket;
  }
}

/** A client's queue reduced to its order. */
export class FakeTaker implements ReplyTaker {
  readonly origin = { address: 'test', name: '' };
  last: Run | null = null;
  delayed = 0;
  owed = 0;
  torn: Run[] = [];
  splits: [Run, Run][] = [];

  take(run: Run, bytes: Buffer, start: number, end: number): boolean {
    park(run, bytes, start, end, false);
    return false;
  }
  split(run: Run, rest: Run): void {
    this.splits.push([run, rest]);
    rest.next = run.next;
    run.next = rest;
  }
  delay(change: number): void {
    this.delayed += change;
  }
  tear(run: Run): void {
    this.torn.push(run);
  }
  place(run: Run): Run {
    return run;
  }
  owe(count: number): void {
    this.owed += count;
  }
  add(run: Run): void {
    if (this.last !== null) this.last.next = run;
    this.last = run;
  }
}

/** A run whose commands stand in a chunk of their own, bait before and behind. */
export function runOf(taker: ReplyTaker, ...commands: readonly (readonly string[])[]): Run {
  const requests = commands.map((words) => encodeRequest(words));
  const bytes = Buffer.concat([Buffer.from('+bait\r\n'), ...requests, Buffer.from('*1')]);
  const chunk = new Chunk(bytes);
  chunk.length = bytes.length - 2;
  chunk.owed = 1;
  const run = newRun(taker, 0, meter, 0);
  run.count = commands.length;
  run.chunk = chunk;
  run.cursor = 7;
  return run;
}
