/** A run: consecutive commands of one client for one backend connection, the hot path's unit of work. */
import { giveMemory, sharedFromBytes, takeMemory } from '../memory-pool.ts';
import type { Meter } from '../observe/meter.ts';
import type { Upstream } from './upstream.ts';

/** Who takes the replies of a run: a client's reply queue, or the gathering of a fan-out. */
export interface ReplyTaker {
  /**
   * `bytes[start, end)` continue the replies of `run`; `replies` of them end inside; the run is
   * complete when `done`. The range never ends inside a line. The bytes are the caller's read buffer:
   * valid during the call only. Returns true when somebody holds `bytes` beyond it, so the caller
   * must give them up.
   */
  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    replies: number,
    done: boolean,
  ): boolean;
  /** Puts `rest` right behind `run` in the order of replies: a redirect cut the run in two. */
  split(run: Run, rest: Run): void;
  /** A command waits before it is sent again: nothing of this client may overtake it. +1 or −1. */
  delay(change: number): void;
  /**
   * The reply that `run` was taking broke off in its middle: what was passed on of it is void. Where
   * it may have left already, the client's connection is beyond mending and ends.
   */
  tear(run: Run): void;
  /** The run that stands for `run` in its client's order: itself, or the answer of its fan-out. */
  place(run: Run): Run;
  /** `count` commands of `bytes` bytes were sent for this taker. */
  owe(count: number, bytes: number): void;
  /** A new run behind all others of this taker. */
  add(run: Run): void;
  /** The youngest run, while more commands may still join it; null where none ever may. */
  readonly last: Run | null;
  /** For the slow log: who asked. */
  readonly origin: RunOrigin;
  /** The way a client's commands take: by its `reads` they may be read elsewhere. Of a client only. */
  readonly way?: Upstream | null;
  /**
   * Set where the commands of a run belong together, so that none may be sent again by itself:
   * redirects come as plain replies, and a connection that broke is told here, once for the run,
   * which ends with it. `sent`: the server may have executed what was not answered.
   */
  readonly lost?: (run: Run, sent: boolean, reason: string) => void;
}

/** What stands in `memory[start, end)` of a reply that was gathered. */
export interface Part {
  readonly memory: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Where the merged reply goes: the client's queue, which kept a place for it. */
export interface AnswerTaker {
  readonly origin: RunOrigin;
  /** Whoever still reads `reply` after the call holds it. */
  answer(run: Run, reply: Buffer, length: number): void;
  /** False where the parts, `length` bytes in memory of `heldBytes`, have to be joined first. */
  answerInParts(run: Run, parts: readonly Part[], length: number, heldBytes: number): boolean;
  delay(change: number): void;
}

export interface RunOrigin {
  /** `ip:port` of the client. */
  readonly address: string;
  /** CLIENT SETNAME, or empty. */
  readonly name: string;
}

/**
 * A piece of a connection's output, kept until every command in it was answered: a redirected or
 * unsent command is sent again from here, so nothing is copied for the case that nothing happens.
 */
export class Chunk {
  readonly buffer: Buffer;
  /** Bytes filled. */
  length = 0;
  /** Bytes handed to the socket; a command that starts behind this was certainly not executed. */
  flushed = 0;
  /** Where its last byte stands among all that the socket was handed. */
  handedEnd = 0;
  /** Runs whose commands stand in it and are not answered yet. */
  owed = 0;
  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }
}

/**
 *     client's order   head ─► run ─► run ─► run(tail)      replies leave from the head only
 *     connection FIFO  [ run │ run │ run ]                  replies arrive for the first only
 *
 * One run stands in both. `parked` holds replies that arrived while an older run was still open.
 */
export class Run {
  taker: ReplyTaker | null = null;
  /** Replies still owed by the backend. */
  count = 0;
  /** Whether more replies may come: false once the last was taken. */
  open = true;
  next: Run | null = null;
  parked: Buffer | null = null;
  parkedLength = 0;
  /** Index in `families`; a run never mixes two. */
  family = 0;
  meter: Meter | null = null;
  startedUs = 0;
  /** Request bytes, for the client's request credit. */
  requestBytes = 0;
  /** Where its commands stand: command number `cursorIndex` of the run starts at `cursor`. */
  chunk: Chunk | null = null;
  cursor = 0;
  cursorIndex = 0;
  /** Replies taken so far: the number of the command the next reply belongs to. */
  answered = 0;
  /** Replies that were errors. */
  errors = 0;
  /** Number of the fragment inside its fan-out. */
  fragment = 0;
  /** How often its command was sent again; only a run of one command is ever sent again. */
  attempts = 0;
  /** What was taken last ended inside a reply: nothing else may be said to the client before its end. */
  midReply = false;
  /** Its replies are not said to the client: CLIENT REPLY. */
  muted = false;
  /** Done once the last reply of the run went out: pushes that must not come earlier. */
  trailer: (() => void)[] | null = null;
  /**
   * Sent to a replica, even if a primary has it now: it reads, and no order with the client's other
   * commands is kept for it, for replicas execute writes in their own time.
   */
  loose = false;
  /** An answer that is gathered: what its fan-out does with its keys. */
  touches: 'nothing' | 'reads' | 'writes' = 'nothing';
}

const poolMax = 65_536;
const pool: Run[] = [];

export function newRun(taker: ReplyTaker, family: number, meter: Meter, startedUs: number): Run {
  const run = pool.pop() ?? new Run();
  run.taker = taker;
  run.family = family;
  run.meter = meter;
  run.startedUs = startedUs;
  return run;
}

/** Returns a run to the pool; the caller holds the last reference. */
export function freeRun(run: Run): void {
  run.taker = null;
  run.meter = null;
  run.next = null;
  run.parked = null;
  run.parkedLength = 0;
  run.chunk = null;
  run.count = 0;
  run.open = true;
  run.requestBytes = 0;
  run.cursor = 0;
  run.cursorIndex = 0;
  run.answered = 0;
  run.errors = 0;
  run.fragment = 0;
  run.attempts = 0;
  run.midReply = false;
  run.muted = false;
  run.trailer = null;
  run.loose = false;
  run.touches = 'nothing';
  if (pool.length < poolMax) pool.push(run);
}

/** Calls `work` once the last reply of the run went out, before what waits for that already. */
export function whenSent(run: Run, work: () => void): void {
  if (run.trailer === null) run.trailer = [work];
  else run.trailer.unshift(work);
}

/** Appends `bytes[start, end)` to what the run holds back. `final` says nothing more will come. */
export function park(run: Run, bytes: Buffer, start: number, end: number, final: boolean): void {
  const length = end - start;
  const held = run.parkedLength;
  if (run.parked === null) {
    run.parked = takeRoom(final ? length : Math.max(512, length * 2));
  } else if (held + length > run.parked.length) {
    const larger = takeRoom(final ? held + length : (held + length) * 2);
    run.parked.copy(larger, 0, 0, held);
    giveMemory(run.parked);
    run.parked = larger;
  }
  bytes.copy(run.parked, held, start, end);
  run.parkedLength = held + length;
}

/** Takes from `run` what it holds back. */
export function unpark(run: Run): Buffer | null {
  const { parked } = run;
  run.parked = null;
  run.parkedLength = 0;
  return parked;
}

/** From 4 KiB on alone, so that a long-lived one does not hold a slab of small neighbours. */
function takeRoom(length: number): Buffer {
  if (length >= sharedFromBytes) return takeMemory(length);
  return length < 4096 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
}
