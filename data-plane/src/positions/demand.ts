/** What those who wait for records of one unit want, all together. */
import { type Caller, wantBytesOf } from './caller.ts';
import { answerBytesMax } from './wire.ts';

export class Demand {
  /** Commands that wait, of all units of the tenant. */
  readonly #waiting: { count: number };
  /** Records wanted by those in the line. */
  records = 0;
  inLine = 0;
  inRest = 0;
  /**
   * Has some of what it asked for, while answers that were asked for before may bring the rest.
   * If it left with less, there would be nobody for that: it would go back, and come out of order.
   */
  partial: Caller | null = null;
  #bytes = 0;
  #blockers = 0;

  constructor(waiting: { count: number }) {
    this.#waiting = waiting;
  }

  /** What those in the line would take of one answer. */
  get bytes(): number {
    return Math.min(this.#bytes, answerBytesMax);
  }

  /**
   * Records to ask for beside those under way. Nothing is asked anew for who has a part: it takes
   * what comes first, and leaves with that once all is answered that was asked for before.
   */
  unasked(underWay: number): number {
    return this.records - Math.max(underWay, this.partial?.lacks ?? 0);
  }

  /** Whether somebody waits for records that are not there yet. */
  get isPatient(): boolean {
    return this.#blockers > 0 || this.inRest > 0;
  }

  /** It stands in the line from now on. */
  comes(caller: Caller): void {
    this.#waiting.count++;
    if (caller.wish.waitMs > 0) this.#blockers++;
    this.#enters(caller);
  }

  got(caller: Caller): void {
    if (!caller.rests) this.records--;
  }

  /** From the line to those who rest. */
  rests(caller: Caller): void {
    this.#leaves(caller);
    this.inRest++;
    caller.rests = true;
  }

  /** From those who rest to the line. */
  wakes(caller: Caller): void {
    caller.rests = false;
    this.inRest--;
    this.#enters(caller);
  }

  /** Its wait is over. */
  leaves(caller: Caller): void {
    if (caller.rests) this.inRest--;
    else this.#leaves(caller);
    caller.rests = false;
    if (caller === this.partial) this.partial = null;
    if (caller.wish.waitMs > 0) this.#blockers--;
    this.#waiting.count--;
  }

  #enters({ wish, lacks }: Caller): void {
    this.inLine++;
    this.records += lacks;
    this.#bytes += wantBytesOf(wish);
  }

  #leaves({ wish, lacks }: Caller): void {
    this.inLine--;
    this.records -= lacks;
    this.#bytes -= wantBytesOf(wish);
  }
}
