/** What an owner remembers of one session's questions: which are over, and what was lent for which. */
import type { Turn } from './exchange.ts';
import { lostMax } from './wire.ts';

/** The loans of one answer, by their ids, which its session is not known to have. */
export interface LentFor<E> {
  readonly number: number;
  readonly first: number;
  readonly last: number;
  /** Of those, what was out for too long. */
  readonly expired: E[];
}

/** More than a session can have under way or given up: of the oldest it is not told then. */
const lentMax = 2 * lostMax;

/** `E`: a record that was lent. */
export class Turns<E> {
  #newest = 0;
  #oldest = 0;
  #lent: LentFor<E>[] = [];

  /** Whether it comes in its turn: one that came before, or was given up, is not answered again. */
  hears({ number, oldest }: Turn): boolean {
    if (number <= this.#newest) return false;
    this.#newest = number;
    this.#oldest = Math.max(this.#oldest, oldest);
    return true;
  }

  /** Whether it was given up since it came. */
  isOver({ number }: Turn): boolean {
    return number < this.#oldest;
  }

  lent(number: number, first: number, last: number): void {
    if (this.#lent.push({ number, first, last, expired: [] }) > lentMax) this.#lent.shift();
  }

  /** Tells what a question says of the answers before it: each is known to be lost, or to be there. */
  settle({ oldest, lost }: Turn, each: (lent: LentFor<E>, isLost: boolean) => void): void {
    const lents = this.#lent;
    let kept = 0;
    for (const lent of lents) {
      if (lent.number >= oldest) lents[kept++] = lent;
      else each(lent, lost.includes(lent.number));
    }
    lents.length = kept;
  }

  /** A loan was out for too long. Whether nobody may have had it: its answer may still be lost. */
  expires(id: number, record: E): boolean {
    const lent = this.#lent.find(({ first, last }) => first <= id && id <= last);
    lent?.expired.push(record);
    return lent !== undefined;
  }
}
