/** Replies leave in the order the requests came: one client's runs, and how many it may have open. */
import {
  freeRun,
  newRun,
  type Part,
  park,
  type ReplyTaker,
  type Run,
  type RunOrigin,
  unpark,
} from '../command/run.ts';
import type { Upstream } from '../command/upstream.ts';
import { giveMemory } from '../memory-pool.ts';
import type { Meter } from '../observe/meter.ts';
import type { Turn } from '../turn.ts';
import type { Outlet, ReplyTotals } from './outlet.ts';
import { commandsMax, type QueueLimits, type RunWatcher } from './queue-limits.ts';

/** The first replies of a client may be large: start careful (2 KiB let the first burst through). */
const firstEstimateBytes = 16 * 1024;
const nothing = Buffer.alloc(0);

export class ReplyQueue implements ReplyTaker {
  readonly origin: RunOrigin;
  /** Commands issued whose replies were not taken from their backend yet. */
  inFlight = 0;
  /** Commands waiting to be sent again. */
  delayed = 0;
  /** Commands from now on get no reply: CLIENT REPLY. */
  muting = false;
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
    const tail = this.#tail;
    return tail !== null && tail.muted === this.muting ? tail : null;
  }

  /** How many more commands may be issued now. Gates issuing, not writing: what was asked for comes. */
  room(): number {
    // What is sent again later must not be overtaken by what the client asked after it.
    if (this.delayed > 0) return 0;
    const pending = this.#outlet.pending + this.#parked;
    if (this.#requestBytes > this.#limits.requestCreditBytes) return 0;
    const held = this.#totals.pendingBytes;
    return commandsMax(this.#limits, held, pending, this.#replyEstimate) - this.inFlight;
  }

  /** `count` commands of `bytes` bytes were issued. */
  owe(count: number, bytes: number): void {
    this.inFlight += count;
    this.#requestBytes += bytes;
  }

  add(run: Run): void {
    run.muted = this.muting;
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

  /** The reply of a run from {@link addAnswer}; what of it has to wait is held. */
  answer(run: Run, reply: Buffer, length: number): void {
    run.answered = 1;
    run.count = 0;
    this.take(run, reply, 0, length, 1, true);
  }

  /**
   * The same reply without its parts being joined, `length` bytes in memory of `held`; false where
   * they have to be. Whoever is told true need not keep their memory: it is held while it is read.
   */
  answerInParts(run: Run, parts: readonly Part[], length: number, held: number): boolean {
    if (!this.#closed) {
      const isNext = this.#head === run && !run.muted;
      if (!isNext || this.#outlet.wastes(held, length)) return false;
      this.#outlet.sendAll(parts, run.next === null);
      this.#sinceReply += length;
      (run.meter as Meter).replyBytes[run.family]! += length;
    }
    this.answer(run, nothing, 0);
    return true;
  }

  /** Its command waited for somebody else, which is no latency: counted from now. */
  restamp(run: Run): void {
    run.startedUs = this.#turn.nowUs();
  }

  take(
    run: Run,
    bytes: Buffer,
    from: number,
    end: number,
    replies: number,
    done: boolean,
  ): boolean {
    const start = run.muted ? end : from;
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
      if (end > start) park(run, bytes, start, end, done);
      this.#parked += end - start;
    } else if (!done) {
      if (end > start) escaped = this.#outlet.send(bytes, start, end, false);
      if (this.#heldPushes !== null && !run.midReply) this.#sendPushes();
    } else {
      const next = run.next;
      this.#head = next;
      if (next === null) this.#tail = null;
      if (end > start) escaped = this.#outlet.send(bytes, start, end, next === null);
      this.#end(run);
      if (next !== null) this.#advance();
    }
    this.#recount();
    if (!this.#closed) this.#eased();
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

  /** The youngest run; null when nothing is owed. */
  get tail(): Run | null {
    return this.#tail;
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
    unpark(run);
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
        const parked = unpark(run) as Buffer;
        this.#parked -= length;
        this.#outlet.send(parked, 0, length, !run.open && run.next === null);
        giveMemory(parked);
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
    freeRun(run);
    if (trailer !== null) for (const work of trailer) work();
  }

  #sendPushes(): void {
    const pushes = this.#heldPushes ?? [];
    this.#heldPushes = null;
    for (const bytes of pushes) this.#outlet.send(bytes, 0, bytes.length, this.#head === null);
  }

  /** One reply can be of any size, so credit does not bound it: who takes none of it is cut. */
  #recount(): void {
    const pending = this.#outlet.pending + this.#parked;
    this.#totals.pendingBytes += pending - this.#counted;
    this.#counted = pending;
    if (pending > this.#limits.untakenBytesMax && !this.#closed) this.#torn();
  }
}
