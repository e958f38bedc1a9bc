/** The commands of one unit that wait for records: who gets which, who is told what, and when. */
import type { Clock } from '@respool/contracts/clock';
import { asKafkaError } from '@respool/kafka/kafka-error';
import { bytesOf, Caller, type Era, Line, Loaned, type Settler, windowFull } from './caller.ts';
import { Demand } from './demand.ts';
import { readElsewhere } from './elsewhere.ts';
import type { Loan, Rest } from './exchange.ts';
import { type PopWish, PositionError } from './positions.ts';
import type { UnderWay } from './under-way.ts';

export interface CallersOptions {
  readonly clock: Clock;
  readonly nowMs: () => number;
  /** How long a command waits for an owner or an open window that does not wait for records. */
  readonly popMsMax: number;
  /** Commands that wait, of all units of the tenant. */
  readonly waiting: { count: number };
  readonly underWay: Pick<UnderWay, 'oldest' | 'newest' | 'records'>;
  /** Why there was no answer yet. */
  readonly trouble: () => string;
  /** Somebody wants records now. */
  readonly wanted: () => void;
}

/** What an answer says to those in the line who came before it was asked for. */
export interface Told {
  readonly rest: Exclude<Rest, 'ready'>;
  /** Number of the last of them. */
  readonly upTo: number;
  /** Whether they leave the line until there may be something for them. */
  readonly mayRest: boolean;
}

/** Who rests asks again after so long, should a hint be lost. */
const againMs = 1_000;

export class Callers {
  readonly #options: CallersOptions;
  readonly #settler: Settler;
  readonly #line = new Line();
  readonly #resting = new Line();
  /** Number of the caller that came last. */
  lastNumber = 0;
  #armedAtMs = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #isAgainDue = false;
  readonly demand: Demand;

  constructor(settler: Settler, options: CallersOptions) {
    this.#settler = settler;
    this.#options = options;
    this.demand = new Demand(options.waiting);
  }

  get count(): number {
    return this.demand.inLine + this.demand.inRest;
  }

  join(wish: PopWish): Caller {
    const nowMs = this.#options.nowMs();
    const softAtMs = nowMs + wish.waitMs;
    const hardAtMs = Math.max(softAtMs, nowMs + this.#options.popMsMax);
    const caller = new Caller(this.#settler, wish, ++this.lastNumber, [softAtMs, hardAtMs]);
    this.#line.push(caller);
    this.#comes(caller);
    return caller;
  }

  /** Ids of the loans that nobody wants. */
  give(loans: readonly Loan[], era: Era): number[] {
    const left: number[] = [];
    let caller = this.#first();
    for (const loan of loans) {
      const bytes = bytesOf(loan);
      if (caller !== null && !caller.hasRoom(bytes)) {
        this.#finish(caller);
        caller = this.#first();
      }
      if (caller === null) {
        left.push(loan.id);
        continue;
      }
      this.#lend(caller, loan, bytes, era);
      if (caller.lacks > 0) continue;
      this.#finish(caller);
      caller = this.#first();
    }
    if (caller !== null && caller.got.length > 0) this.#keepPartial(caller);
    this.endPartial();
    return left;
  }

  /** A question is under way no more. */
  endPartial(): void {
    const partial = this.demand.partial;
    if (partial !== null && this.#options.underWay.oldest > partial.partOf) this.#finish(partial);
  }

  tell(told: Told): void {
    const { rest, upTo, mayRest } = told;
    const nowMs = this.#options.nowMs();
    this.#each(upTo, this.#options.underWay.records, (caller) => {
      if (caller === this.demand.partial) return false;
      if (rest === 'empty' && nowMs >= caller.softAtMs) {
        this.#leave(caller);
        caller.resolve([]);
        return true;
      }
      caller.state = rest;
      this.#arm(caller.deadlineAtMs);
      if (!mayRest) return false;
      this.demand.rests(caller);
      this.#resting.push(caller);
      return true;
    });
    if (this.demand.inRest > 0) this.#askAgainSoon();
  }

  fail(error: Error, upTo = Number.POSITIVE_INFINITY): void {
    if (upTo === Number.POSITIVE_INFINITY) this.wake();
    this.#each(upTo, 0, (caller) => {
      this.#end(caller, error);
      return true;
    });
  }

  /** There may be something for those who rest. */
  wake(): void {
    if (this.demand.inRest === 0) return;
    const woken = this.#resting.takeAll();
    for (const caller of woken) this.demand.wakes(caller);
    this.#line.prepend(woken);
    this.#options.wanted();
  }

  cancel(caller: Caller): void {
    caller.isCancelled = true;
    if (caller.state === 'over') return;
    this.#end(caller, null);
    this.#line.shrink(this.demand.inLine);
    this.#resting.shrink(this.demand.inRest);
  }

  close(): void {
    this.#cancelTimer();
    this.fail(new PositionError('closed', 'the proxy ends'));
  }

  #first(): Caller | null {
    return this.demand.partial ?? this.#line.first() ?? this.#resting.first();
  }

  #lend(caller: Caller, loan: Loan, bytes: number, era: Era): void {
    const loaned = new Loaned(this.#settler, era, loan);
    if (loan.value !== 'elsewhere') loaned.value = loan.value;
    else if (caller.elsewhere === null) caller.elsewhere = [loaned];
    else caller.elsewhere.push(loaned);
    caller.got.push(loaned);
    this.demand.got(caller);
    caller.bytes += bytes;
  }

  /** The answers that were asked for by now may hold more for it; one that rests asked for none. */
  #keepPartial(caller: Caller): void {
    if (caller === this.demand.partial) return;
    if (caller.rests) {
      this.#finish(caller);
      return;
    }
    caller.partOf = this.#options.underWay.newest;
    this.demand.partial = caller;
  }

  /** Its wait ends: with what it has, else with `error`, or with nothing. */
  #end(caller: Caller, error: Error | null): void {
    if (caller.got.length > 0) {
      this.#finish(caller);
      return;
    }
    this.#leave(caller);
    if (error === null) caller.resolve([]);
    else caller.reject(error);
  }

  #finish(caller: Caller): void {
    // An answer may have overtaken the one before it.
    if (caller === this.demand.partial) caller.got.sort(byPlace);
    this.#leave(caller);
    if (caller.elsewhere === null) caller.resolve(caller.got);
    else void this.#fetch(caller);
  }

  /** Until it has read what was too large to be sent along. */
  async #fetch(caller: Caller): Promise<void> {
    try {
      const found = await readElsewhere(caller);
      if (found.length > 0) caller.resolve(found);
      else this.#options.clock.after(caller.missed(), () => this.#return(caller));
    } catch (thrown) {
      caller.reject(asKafkaError(thrown));
    }
  }

  /** Its records are gone, as their owner will find: it gets the next ones. */
  #return(caller: Caller): void {
    if (caller.isCancelled) {
      caller.resolve([]);
      return;
    }
    caller.state = 'new';
    caller.got = [];
    caller.elsewhere = null;
    caller.bytes = 0;
    this.#comes(caller);
    this.#line.prepend([caller]);
    this.#options.wanted();
  }

  /** Calls `told` for those in the line it concerns; they leave it where that is true. */
  #each(upTo: number, due: number, told: (caller: Caller) => boolean): void {
    const kept: Caller[] = [];
    let owed = due;
    for (const caller of this.#line.takeAll()) {
      const isOwed = owed > 0;
      owed -= caller.lacks;
      if (isOwed || caller.number > upTo || !told(caller)) kept.push(caller);
    }
    this.#line.prepend(kept);
  }

  #comes(caller: Caller): void {
    this.demand.comes(caller);
    this.#arm(caller.deadlineAtMs);
  }

  #leave(caller: Caller): void {
    this.demand.leaves(caller);
    caller.state = 'over';
  }

  #askAgainSoon(): void {
    if (this.#isAgainDue) return;
    this.#isAgainDue = true;
    this.#options.clock.after(againMs, () => {
      this.#isAgainDue = false;
      this.wake();
    });
  }

  /** One timer for all: most are served long before it. */
  #arm(atMs: number): void {
    if (atMs >= this.#armedAtMs) return;
    this.#cancelTimer();
    this.#armedAtMs = atMs;
    const ms = Math.max(1, Math.ceil(atMs - this.#options.nowMs()));
    this.#cancelTimer = this.#options.clock.after(ms, () => this.#expire());
  }

  #expire(): void {
    this.#armedAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#options.nowMs();
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const line of [this.#line, this.#resting]) {
      const callers = line.takeAll();
      line.prepend(
        callers.filter((caller) => {
          const isDue = caller.deadlineAtMs <= nowMs && !this.#isAsking(caller, nowMs);
          if (isDue) this.#giveUp(caller);
          else nextAtMs = Math.min(nextAtMs, caller.deadlineAtMs);
          return !isDue;
        }),
      );
    }
    this.#arm(nextAtMs);
  }

  /** What is on its way to it would go back, and come out of order, if it left before. */
  #isAsking(caller: Caller, nowMs: number): boolean {
    if (caller !== this.demand.partial && (caller.state !== 'empty' || caller.rests)) return false;
    if (this.#options.underWay.records === 0) return false;
    caller.lateAtMs ??= nowMs + this.#options.popMsMax;
    return caller.lateAtMs > nowMs;
  }

  #giveUp(caller: Caller): void {
    const { state } = caller;
    if (state === 'empty') this.#end(caller, null);
    else if (state === 'full') this.#end(caller, windowFull());
    else this.#end(caller, new PositionError('no-owner', this.#options.trouble()));
  }
}

function byPlace(one: Loaned, other: Loaned): number {
  return one.partition - other.partition || one.offset - other.offset;
}
