/** A command split over several slots: its fragments' replies become one reply, in the client's key order. */
import { type HeldBytes, Purse } from '../command/backing.ts';
import {
  type AnswerTaker,
  freeRun,
  park,
  type ReplyTaker,
  type Run,
  type RunOrigin,
  unpark,
} from '../command/run.ts';
import { giveMemory } from '../memory-pool.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';
import { packedBytesKept } from './packed.ts';
import { packedHome, Values } from './values.ts';

/** Redis's response policies for commands that split by key; `in_order` is MGET's: no tip, an array. */
export type GatherPolicy = 'in_order' | 'agg_sum' | 'all_succeeded';

/** What gathering may hold: of one command, and of all commands together. */
export interface GatherBounds {
  readonly held: HeldBytes;
  readonly limits: { readonly workBytesMax: number };
}

const tooLarge = Buffer.from(
  '-ERR the reply to this command is larger than this proxy may gather from several slots\r\n',
);
const minus = 45;
const lf = 10;
const ok = Buffer.from('+OK\r\n');
/** A million keys would be 16 MB of tables in the pool. */
const keysKept = 4096;
const poolMax = 4096;
const pool: Gather[] = [];
const scanner = new ReplyScanner();

/**
 *     client:    MGET a b c d          keys 0…3
 *     fragments: slot 1: a c   slot 7: b   slot 9: d
 *     keyOrder:  [0 2 │ 1 │ 3]   groupStart: [0 2 3 4]
 *     values:    what came, and where the value of each key number stands in it
 */
export class Gather implements ReplyTaker {
  /** Fragments for one connection, sent one after the other, are one run. */
  last: Run | null = null;
  /** Key numbers, those of one fragment side by side. */
  keyOrder = new Int32Array(64);
  /** Fragment f has `keyOrder[groupStart[f] … groupStart[f + 1])`. */
  groupStart = new Int32Array(65);
  #policy: GatherPolicy = 'in_order';
  #keys = 0;
  #open = 0;
  #sum = 0;
  #name = '';
  #failedKeys = 0;
  #failure: Buffer | null = null;
  #answer: Run | null = null;
  #to: AnswerTaker | null = null;
  #bounds: GatherBounds | null = null;
  /** Pays for what goes beyond {@link packedBytesKept}. */
  #purse: Purse | null = null;
  #bytes = 0;
  #gaveUp = false;
  readonly #values = new Values();

  get origin(): RunOrigin {
    return (this.#to as AnswerTaker).origin;
  }

  /** Room for `keys` keys in at most as many fragments. */
  prepare(keys: number, bounds: GatherBounds): void {
    this.#keys = keys;
    this.#bounds = bounds;
    if (keys <= this.keyOrder.length) return;
    this.keyOrder = new Int32Array(keys);
    this.groupStart = new Int32Array(keys + 1);
    this.#values.prepare(keys);
  }

  /** Begins waiting for `fragments` replies; `name` is the command's, for a half failure's words. */
  begin(policy: GatherPolicy, name: string, fragments: number, to: AnswerTaker, answer: Run): void {
    this.#policy = policy;
    this.#name = name;
    this.#open = fragments;
    this.#to = to;
    this.#answer = answer;
  }

  /** Fragment `index` asks for the keys `order[from, to)`; called in ascending order of `index`. */
  addFragment(index: number, order: Int32Array, from: number, to: number): void {
    let at = index === 0 ? 0 : this.groupStart[index]!;
    this.groupStart[index] = at;
    for (let k = from; k < to; k++) this.keyOrder[at++] = order[k]!;
    this.groupStart[index + 1] = at;
  }

  owe(_count: number, _bytes: number): void {}

  add(run: Run): void {
    this.last = run;
  }

  /** `run` keeps the first fragment not answered; those behind it are `rest`'s. */
  split(run: Run, rest: Run): void {
    rest.fragment = run.fragment + run.answered + 1;
  }

  /** A fragment's reply is kept until it is whole, so nothing is lost but its beginning. */
  tear(run: Run): void {
    unpark(run);
  }

  place(_run: Run): Run {
    return this.#answer as Run;
  }

  delay(change: number): void {
    (this.#to as AnswerTaker).delay(change);
  }

  take(
    run: Run,
    read: Buffer,
    readStart: number,
    readEnd: number,
    replies: number,
    done: boolean,
  ): boolean {
    if (this.#gaveUp || !this.#affords(readEnd - readStart)) return this.#pass(run, replies, done);
    // Nothing is whole yet: taking it up again with each read would copy a large value over and
    // over.
    if (replies === 0) {
      park(run, read, readStart, readEnd, false);
      return false;
    }
    let fragment = run.fragment + run.answered - replies;
    let start = readStart;
    if (run.parked !== null) {
      const isLast = replies === 1 && done;
      start = this.#complete(run, fragment++, read, readStart, readEnd, isLast);
    }
    const whole = run.fragment + run.answered - fragment;
    const isKept = whole > 0 && this.#policy === 'in_order';
    const home = isKept ? this.#values.house(read, start, readEnd) : packedHome;
    const isHeld = this.#values.holds(home, read);
    for (let left = whole; left > 0; left--) {
      const next = left === 1 && done ? readEnd : scanner.next(read, start, readEnd);
      this.#fragment(fragment++, home, read, start, next);
      start = next;
    }
    if (start < readEnd) park(run, read, start, readEnd, false);
    if (done) freeRun(run);
    this.#open -= replies;
    if (this.#open === 0) this.#finish();
    return isHeld;
  }

  /** The reply of which a part is parked ends in this read; returns where. */
  #complete(
    run: Run,
    fragment: number,
    read: Buffer,
    start: number,
    readEnd: number,
    isLast: boolean,
  ): number {
    let end = readEnd;
    if (!isLast) {
      scanner.next(run.parked as Buffer, 0, run.parkedLength);
      end = scanner.next(read, start, readEnd);
    }
    park(run, read, start, end, true);
    const memory = run.parked as Buffer;
    this.#fragment(fragment, this.#values.adopt(memory), memory, 0, run.parkedLength);
    unpark(run);
    return end;
  }

  /** A small request may ask for any number of bytes: many keys, or one key many times. */
  #affords(bytes: number): boolean {
    this.#bytes += bytes;
    if (this.#bytes <= packedBytesKept) return true;
    const { held, limits } = this.#bounds as GatherBounds;
    this.#purse ??= new Purse(held, limits.workBytesMax);
    return this.#purse.take(bytes);
  }

  /** Too much: what was gathered is let go, and what still comes is only counted. */
  #pass(run: Run, replies: number, done: boolean): boolean {
    if (!this.#gaveUp) {
      this.#gaveUp = true;
      this.#values.drop();
      this.#purse?.empty();
    }
    unpark(run);
    if (done) freeRun(run);
    this.#open -= replies;
    if (this.#open === 0) this.#finish();
    return false;
  }

  #fragment(index: number, home: number, bytes: Buffer, start: number, end: number): void {
    const from = this.groupStart[index]!;
    const to = this.groupStart[index + 1]!;
    if (bytes[start] === minus) {
      this.#failedKeys += to - from;
      this.#failure ??= Buffer.from(bytes.subarray(start + 1, end - 2));
      return;
    }
    if (this.#policy === 'agg_sum')
      this.#sum += Number(bytes.toString('latin1', start + 1, end - 2));
    else if (this.#policy === 'in_order') this.#keep(from, to, home, bytes, start, end);
  }

  /** The reply `bytes[start, end)` has the values of the keys `keyOrder[from, to)`. */
  #keep(from: number, to: number, home: number, bytes: Buffer, start: number, end: number): void {
    const values = this.#values;
    let cursor = start + 3;
    while (bytes[cursor - 1] !== lf) cursor++;
    let at = values.settle(home, bytes, cursor, end);
    if (to - from === 1) {
      values.place(this.keyOrder[from]!, home, at, end - cursor);
      return;
    }
    for (let k = from; k < to; k++) {
      const next = scanner.next(bytes, cursor, end);
      values.place(this.keyOrder[k]!, home, at, next - cursor);
      at += next - cursor;
      cursor = next;
    }
  }

  #finish(): void {
    const to = this.#to as AnswerTaker;
    const answer = this.#answer as Run;
    if (this.#failure === null && this.#values.areLarge(this.#keys)) {
      const { length, heldBytes } = this.#values;
      const parts = this.#values.parts(this.#keys);
      if (to.answerInParts(answer, parts, length + parts[0]!.end, heldBytes)) {
        this.#values.drop();
        this.#free();
        return;
      }
    }
    let reply: Buffer = ok;
    let made: Buffer | null = null;
    let length: number | null = null;
    if (this.#gaveUp) {
      reply = tooLarge;
      answer.errors++;
    } else if (this.#failure !== null) {
      reply = this.#failed(this.#failure);
      answer.errors++;
    } else if (this.#policy === 'agg_sum') {
      reply = Buffer.from(`:${this.#sum}\r\n`, 'latin1');
    } else if (this.#policy === 'in_order') {
      reply = made = this.#values.room();
      length = this.#values.write(this.#keys, made);
    }
    this.#free();
    to.answer(answer, reply, length ?? reply.length);
    if (made !== null) giveMemory(made);
  }

  /** All fragments failed alike: their error. Some did not: say which part was done. */
  #failed(first: Buffer): Buffer {
    const words = first.toString('latin1');
    if (this.#failedKeys === this.#keys) return Buffer.from(`-${words}\r\n`, 'latin1');
    const done = this.#keys - this.#failedKeys;
    const text = `-ERR ${this.#name} failed for ${this.#failedKeys} of ${this.#keys} keys, was done for ${done}: ${words}\r\n`;
    return Buffer.from(text, 'latin1');
  }

  #free(): void {
    this.#failure = null;
    this.#failedKeys = 0;
    this.#sum = 0;
    this.#bytes = 0;
    this.#gaveUp = false;
    this.#bounds = null;
    this.#purse?.empty();
    this.#purse = null;
    this.#values.clear();
    this.#answer = null;
    this.#to = null;
    this.last = null;
    if (this.keyOrder.length <= keysKept && pool.length < poolMax) pool.push(this);
  }
}

export function newGather(): Gather {
  return pool.pop() ?? new Gather();
}
