/** The reply side of one connection: which run each reply belongs to, and where it goes. */
import type { Chunk, ReplyTaker, Run } from '../../command/run.ts';
import { ReplyScanner } from '../../resp/reply-scanner.ts';
import { ProtocolViolation } from '../../resp/resp.ts';
import type { Output } from './output.ts';
import { commandBytes, cutFirst, isRedirect } from './redirect.ts';
import { RunRing } from './run-ring.ts';

/** Takes a run of one command, out of the connection already, whose reply was a redirect. */
export type Redirected = (run: Run, request: Buffer, reply: string) => void;

/**
 *     ring:   [ run (first) │ run │ run ]      bytes:  …reply│reply│rep
 *                 ▲ the next reply is its first unanswered command's
 */
export class Replies {
  readonly ring = new RunRing();
  /** A taker's pending write points into the bytes last followed; whoever reads this clears it. */
  escaped = false;
  readonly #output: Output;
  readonly #redirected: Redirected;
  #scanner = new ReplyScanner();

  constructor(output: Output, redirected: Redirected) {
    this.#output = output;
    this.#redirected = redirected;
  }

  /** A command was sent, and its reply has not come. */
  get isAwaited(): boolean {
    const run = this.ring.first();
    return run !== null && run.cursor < (run.chunk as Chunk).flushed;
  }

  /** A reply of which a part was passed on already will not be completed: the stream begins anew. */
  tearFirst(): void {
    const broken = this.#scanner;
    this.#scanner = new ReplyScanner();
    if (broken.atBoundary() || broken.push) return;
    const run = this.ring.first();
    if (run !== null) (run.taker as ReplyTaker).tear(run);
  }

  /**
   * Finds where each reply ends, never builds one, and forwards them in ranges: one call of `take`
   * per run and read. Returns where the unfinished header line at the end starts. Throws
   * {@link ProtocolViolation} when the server does not speak RESP, or answers what nobody asked.
   */
  follow(bytes: Buffer, start: number, end: number): number {
    const ring = this.ring;
    const scanner = this.#scanner;
    let cursor = start;
    let from = start;
    while (cursor < end) {
      const run = ring.first();
      if (run === null) return this.#unasked(bytes, cursor, end);
      const owed = run.count;
      let left = owed;
      let at = cursor;
      let odd = false;
      while (left > 0 && cursor < end) {
        at = cursor;
        cursor = scanner.next(bytes, cursor, end);
        if (scanner.push) break;
        if (!scanner.done) break;
        if (scanner.error) {
          odd = isRedirect(bytes, at) && run.taker!.lost === undefined;
          if (odd) break;
          run.errors++;
        }
        left--;
      }
      odd ||= scanner.push;
      run.count = left;
      run.midReply = !odd && left > 0 && !scanner.atBoundary();
      if (odd) {
        if (at > from) this.#forward(run, bytes, from, at, owed - left, false);
        if (!scanner.push) this.#redirect(run, bytes.toString('latin1', at, cursor - 2));
      } else if (left > 0) {
        if (cursor > from) this.#forward(run, bytes, from, cursor, owed - left, false);
      } else {
        const chunk = run.chunk as Chunk;
        ring.shift();
        this.#forward(run, bytes, from, cursor, owed, true);
        this.#output.release(chunk);
      }
      from = cursor;
      if (!scanner.done) break;
    }
    return cursor;
  }

  #forward(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    replies: number,
    done: boolean,
  ): void {
    run.answered += replies;
    const taker = run.taker as ReplyTaker;
    if (taker.take(run, bytes, start, end, replies, done)) this.escaped = true;
  }

  /** The first command of `run` was answered by a redirect: take it out, keep the others waiting. */
  #redirect(run: Run, reply: string): void {
    const request = commandBytes(run);
    const chunk = run.chunk as Chunk;
    const rest = cutFirst(run);
    run.chunk = null;
    if (rest === null) {
      this.ring.shift();
      this.#output.release(chunk);
    } else {
      this.ring.replaceFirst(rest);
    }
    this.#redirected(run, request, reply);
  }

  /** Bytes nobody asked for: a RESP3 push is dropped, anything else cannot be placed. */
  #unasked(bytes: Buffer, cursor: number, end: number): number {
    const next = this.#scanner.next(bytes, cursor, end);
    if (this.#scanner.push || next === cursor) return next;
    throw new ProtocolViolation('the server sent a reply without a command');
  }
}
