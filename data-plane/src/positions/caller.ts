/** One command that waits for records, and the line such commands stand in. */
import type { Loan, Outcome, SessionId } from './exchange.ts';
import { type Delivery, type Popping, type PopWish, PositionError } from './positions.ts';
import { answerBytesMax, valueBytesMax } from './wire.ts';

/** One owner for as long as it is one: what it lent is settled with it or not at all. */
export interface Era {
  readonly session: SessionId;
  readonly epoch: number;
}

/** Takes back what callers say of records. */
export interface Settler {
  settle(era: Era, id: number, outcome: Outcome): void;
  cancel(caller: Caller): void;
}

export class Loaned implements Delivery {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
  /** Set once a value that was `'elsewhere'` is read. */
  value: Buffer | null = null;
  readonly id: number;
  readonly era: Era;
  readonly #settler: Settler;
  #isSettled = false;

  constructor(
    settler: Settler,
    era: Era,
    {
      id,
      partition,
      offset,
      deliveries,
    }: Pick<Loaned, 'id' | 'partition' | 'offset' | 'deliveries'>,
  ) {
    this.#settler = settler;
    this.era = era;
    this.id = id;
    this.partition = partition;
    this.offset = offset;
    this.deliveries = deliveries;
  }

  ack(): void {
    this.#settle('ack');
  }

  nack(): void {
    this.#settle('nack');
  }

  doubt(): void {
    this.#settle('doubt');
  }

  giveBack(): void {
    this.#settle('return');
  }

  #settle(outcome: Outcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settler.settle(this.era, this.id, outcome);
  }
}

/**
 * `new`: nothing was answered to it yet. `empty`, `full`: what the last answer said. `over`: it
 * has its records or its error, or they are being read.
 */
export type CallerState = 'new' | 'empty' | 'full' | 'over';

const missMs = 200;

export class Caller implements Popping {
  readonly deliveries: Promise<readonly Delivery[]>;
  readonly wish: PopWish;
  /** Grows from caller to caller of a forwarder. */
  readonly number: number;
  /** When it is told `empty`, and when it is told why there was no answer; by our own clock. */
  readonly softAtMs: number;
  readonly hardAtMs: number;
  state: CallerState = 'new';
  /** Waits for others' records rather than for its turn. */
  rests = false;
  /** Nobody waits for it any more, though what it was lent is still being read. */
  isCancelled = false;
  got: Loaned[] = [];
  /** Of those it got, the ones to be read where they are. */
  elsewhere: Loaned[] | null = null;
  #misses = 0;
  bytes = 0;
  /** While it has less than it wants: the last question whose answer may hold more for it. */
  partOf = 0;
  /** Its time is over while its question is under way: it waits for that until then, no longer. */
  lateAtMs: number | null = null;
  readonly #settler: Settler;
  readonly resolve: (deliveries: readonly Delivery[]) => void;
  readonly reject: (error: Error) => void;

  constructor(settler: Settler, wish: PopWish, number: number, times: readonly [number, number]) {
    this.#settler = settler;
    this.wish = wish;
    this.number = number;
    [this.softAtMs, this.hardAtMs] = times;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[]>();
    this.deliveries = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  cancel(): void {
    this.#settler.cancel(this);
  }

  /**
   * None of what lies elsewhere was there: after how many milliseconds it asks again. Where the
   * owner finds it again, the two look at different logs for a moment.
   */
  missed(): number {
    return this.#misses++ === 0 ? 0 : missMs;
  }

  /** Records it may still get. */
  get lacks(): number {
    return this.wish.count - this.got.length;
  }

  /** When to look at it again. */
  get deadlineAtMs(): number {
    return this.lateAtMs ?? (this.state === 'empty' ? this.softAtMs : this.hardAtMs);
  }

  /** Whether a record of so many bytes still belongs to it; the first always does. */
  hasRoom(bytes: number): boolean {
    const { count, bytesMax } = this.wish;
    const taken = this.got.length;
    return taken === 0 || (taken < count && this.bytes + bytes <= bytesMax);
  }
}

export function windowFull(): PositionError {
  const message = 'as many records as the window allows are out or wait to be committed';
  return new PositionError('window-full', message);
}

/** A value that lies elsewhere has that many bytes at least. */
export function bytesOf({ value }: Loan): number {
  return value === 'elsewhere' ? valueBytesMax + 1 : (value?.length ?? 0);
}

/** The first record may have any size. */
export function wantBytesOf({ count, bytesMax }: PopWish): number {
  return count === 1 ? answerBytesMax : Math.min(bytesMax, answerBytesMax);
}

const shrinkAt = 64;

/** First come, first served; those whose wait ended in between are passed over. */
export class Line {
  #callers: Caller[] = [];
  #head = 0;

  push(caller: Caller): void {
    this.#callers.push(caller);
  }

  /** The first that still waits; null of none. */
  first(): Caller | null {
    while (this.#head < this.#callers.length) {
      const caller = this.#callers[this.#head]!;
      if (caller.state !== 'over') return caller;
      this.#head++;
    }
    this.#callers = [];
    this.#head = 0;
    return null;
  }

  /** Those that still wait, in order; the line is empty then. */
  takeAll(): Caller[] {
    const waiting = this.#callers.slice(this.#head).filter(({ state }) => state !== 'over');
    this.#callers = [];
    this.#head = 0;
    return waiting;
  }

  /** Stands these, in their order, in front of all others. */
  prepend(callers: readonly Caller[]): void {
    if (callers.length > 0) this.#callers = [...callers, ...this.takeAll()];
  }

  /** Forgets those whose wait is over, once they are many. */
  shrink(waiting: number): void {
    const kept = this.#callers.length - this.#head;
    if (this.#callers.length < shrinkAt || (kept < 2 * waiting && this.#head < kept)) return;
    this.#callers = this.takeAll();
  }
}
