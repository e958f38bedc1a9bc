/** Replies leave in the order the requests came: one client's runs, and how many it may have open. */
import {
  freeRun,
  newRun,
  park,
  type ReplyTaker,
  type Run,
  type RunOrigin,
} from '../command/run.ts';
import type { Upstream } from '../command/upstream.ts';
import type { Meter } from '../observe/meter.ts';
import type { Turn } from '../turn.ts';
import type { Outlet, ReplyTotals } from './outlet.ts';

export interface QueueLimits {
  /** Replies one client may have asked for and not taken, bytes (estimated from its last replies). */
  readonly replyCreditBytes: number;
  /** Requests of one client that wait for their reply, bytes. */
  readonly requestCreditBytes: number;
  /** Commands of one client that wait for their reply. */
  readonly commandsInFlightMax: number;
  /** Bytes all clients together may have untaken before every one is held to a trickle. */
  readonly processReplyBytesMax: number;
}

/** What is told when a run was answered whole. */
export interface RunWatcher {
  answered(run: Run, latencyUs: number): void;
}

/** The first replies of a client may be large: start careful (2 KiB let the first burst through). */
const firstEstimateBytes = 16 * 1024;
/** What a client may still ask for at once while the process holds too much for others. */
const crowdedCreditBytes = 16 * 1024;

export class ReplyQueue implements ReplyTaker {
  readonly origin: RunOrigin;
  /** Commands issued whose replies were not taken from their backend yet. */
  inFlight = 0;
  /** Commands waiting to be sent again. */
  delayed = 0;
  /** Of a cluster: the topology its open commands were sent by. */
  epoch = 0;
  way: Upstream | null = null;
  readonly #outlet: Outlet;
  readonly #turn: Turn;
  readonly #limits: QueueLimits;
  readonly #totals: ReplyTotals;
  readonly #watcher: RunWatcher;
  /** Called when room or idleness may have come back. */
  readonly #eased: () => void;
  /** Called when a reply broke off: the client cannot be told where the next one begins. */
  readonly #torn: () => void;
  #head: Run | null = null;
  #tail: Run | null = null;
  #parked = 0;
  #requestBytes = 0;
  #replyEstimate = firstEstimateBytes;
  /** Bytes taken since a reply was last whole: a large one comes in several reads. */
  #sinceReply = 0;
  #counted = 0;
  #closed = false;
  /** Pushes that wait for the end of a reply that is half out. */
  #heldPushes: Buffer[] | null = null;

  constructor(
    outlet: Outlet,
    turn: Turn,
    limits: QueueLimits,
    totals: ReplyTotals,
    watcher: RunWatcher,
    origin: RunOrigin,
    eased: () => void,
    torn: () => void,
  ) {
    this.#outlet = outlet;
    this.#turn = turn;
    this.#limits = limits;
    this.#totals = totals;
    this.#watcher = watcher;
    this.origin = origin;
    this.#eased = eased;
    this.#torn = torn;
  }

  get idle(): boolean {
    return this.#head === null;
  }

  get last(): Run | null {
    return this.#tail;
  }

  /** How many more commands may be issued now. Gates issuing, not writing: what was asked for comes. */
  room(): number {
    // What is sent again later must not be overtaken by what the client asked after it.
    if (this.delayed > 0) return 0;
    const pending = this.#outlet.pending + this.#parked;
    if (this.#requestBytes > this.#limits.requestCreditBytes) return 0;
    const crowded = this.#totals.pendingBytes > this.#limits.processReplyBytesMax;
    if (crowded && pending > 0) return 0;
    const { replyCreditBytes } = this.#limits;
    const credit = crowded
      ? Math.min(replyCreditBytes, Math.max(crowdedCreditBytes, this.#replyEstimate * 4))
      : replyCreditBytes;
    const bytes = Math.max(
      pending > 0 ? 0 : 1,
      Math.floor((credit - pending) / this.#replyEstimate),
    );
    return Math.min(this.#limits.commandsInFlightMax, bytes) - this.inFlight;
  }

  /** `count` commands of `bytes` bytes were issued. */
  owe(count: number, bytes: number): void {
    this.inFlight += count;
    this.#requestBytes += bytes;
  }

  add(run: Run): void {
    if (this.#tail === null) this.#head = run;
    else this.#tail.next = run;
    this.#tail = run;
  }

  /** A place in the order for a reply that is made here or gathered from several backends. */
  addAnswer(family: number, meter: Meter): Run {
    const run = newRun(this, family, meter, this.#turn.nowUs());
    run.count = 1;
    this.add(run);
    return run;
  }

  /** The reply of a run from {@link addAnswer}; `reply` is not kept. */
  answer(run: Run, reply: Buffer, length: number): void {
    run.answered = 1;
    run.count = 0;
    this.take(run, reply, 0, length, 1, true);
  }

  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    replies: number,
    done: boolean,
  ): boolean {
    this.inFlight -= replies;
    this.#sinceReply += end - start;
    if (replies > 0) {
      this.#replyEstimate += (this.#sinceReply / replies - this.#replyEstimate) * 0.25;
      this.#sinceReply = 0;
    }
    if (done) this.#complete(run);
    if (this.#closed) return false;
    (run.meter as Meter).replyBytes[run.family]! += end - start;
    let escaped = false;
    if (this.#head !== run) {
      park(run, bytes, start, end, done);
      this.#parked += end - start;
    } else if (!done) {
      escaped = this.#outlet.send(bytes, start, end, false);
      if (this.#heldPushes !== null && !run.midReply) this.#sendPushes();
    } else {
      const next = run.next;
      this.#head = next;
      if (next === null) this.#tail = null;
      escaped = this.#outlet.send(bytes, start, end, next === null);
      this.#end(run);
      if (next !== null) this.#advance();
    }
    this.#recount();
    this.#eased();
    return escaped;
  }

  /**
   * Says something that answers no command: whole RESP values. It leaves at once, or at the end of
   * the reply that is half out; replies still to come do not hold it up. `bytes` is kept.
   * Source: RESP3 specification, "Push type": between replies, never inside one.
   */
  push(bytes: Buffer): void {
    if (this.#closed) return;
    if (this.#head?.midReply) {
      this.#heldPushes ??= [];
      this.#heldPushes.push(bytes);
    } else {
      this.#outlet.send(bytes, 0, bytes.length, this.#head === null);
    }
    this.#recount();
  }

  /** As {@link push}, and once more behind every reply owed now where there is one. */
  pushTwice(bytes: Buffer): void {
    this.push(bytes);
    const tail = this.#tail;
    if (this.#closed || tail === null) return;
    tail.trailer = tail.trailer === null ? bytes : Buffer.concat([tail.trailer, bytes]);
  }

  /** Bytes the client has not taken yet: pushes know no credit, so who makes them must look here. */
  get pendingBytes(): number {
    return this.#outlet.pending + this.#parked;
  }

  split(run: Run, rest: Run): void {
    rest.trailer = run.trailer;
    run.trailer = null;
    rest.next = run.next;
    run.next = rest;
    if (this.#tail === run) this.#tail = rest;
  }

  /** Replies of other runs may be gathered with it, and the client may have read its beginning. */
  tear(run: Run): void {
    if (!this.#closed) this.#torn();
    run.parked = null;
    run.parkedLength = 0;
  }

  place(run: Run): Run {
    return run;
  }

  delay(change: number): void {
    this.delayed += change;
    if (this.delayed === 0) this.#eased();
  }

  /** The client took some of its backlog. */
  drained(): void {
    this.#recount();
    this.#eased();
  }

  /** The client is gone: its open runs still end in their backends, their replies go nowhere. */
  close(): void {
    this.#closed = true;
    this.#parked = 0;
    for (let run = this.#head; run !== null; ) {
      const { next } = run;
      run.parked = null;
      run.next = null;
      run = next;
    }
    this.#head = null;
    this.#tail = null;
    this.#heldPushes = null;
    this.#totals.pendingBytes -= this.#counted;
    this.#counted = 0;
  }

  #complete(run: Run): void {
    run.open = false;
    this.#requestBytes -= run.requestBytes;
    this.#watcher.answered(run, this.#turn.nowUs() - run.startedUs);
    if (this.#closed) freeRun(run);
  }

  /** The head run ended: what the runs behind it hold back may leave. */
  #advance(): void {
    for (let run = this.#head; run !== null; run = this.#head) {
      const length = run.parkedLength;
      if (length > 0) {
        const parked = run.parked as Buffer;
        run.parked = null;
        run.parkedLength = 0;
        this.#parked -= length;
        this.#outlet.send(parked, 0, length, !run.open && run.next === null);
      }
      if (run.open) return;
      this.#head = run.next;
      this.#end(run);
    }
    this.#tail = null;
  }

  /** Its last reply is out: what waited for that leaves now. */
  #end(run: Run): void {
    if (this.#heldPushes !== null) this.#sendPushes();
    const { trailer } = run;
    if (trailer !== null) this.#outlet.send(trailer, 0, trailer.length, run.next === null);
    freeRun(run);
  }

  #sendPushes(): void {
    const pushes = this.#heldPushes ?? [];
    this.#heldPushes = null;
    for (const bytes of pushes) this.#outlet.send(bytes, 0, bytes.length, this.#head === null);
  }

  #recount(): void {
    const pending = this.#outlet.pending + this.#parked;
    this.#totals.pendingBytes += pending - this.#counted;
    this.#counted = pending;
  }
}
