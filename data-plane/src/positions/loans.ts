/** What is out of one unit: by the ids of its loans, and by the sessions that have them. */
import type { SessionId } from './exchange.ts';
import type { Entry, Holder, Ledger } from './ledger.ts';
import { Turns } from './turns.ts';

/** A proxy that asks. */
export interface Borrower extends Holder {
  readonly session: SessionId;
  readonly turns: Turns<Entry<Borrower>>;
  askedAtMs: number;
  /** Callers of it wait, and nothing was to be had when it asked. */
  waits: boolean;
}

export type Lent = Entry<Borrower>;
export type UnitLedger = Ledger<Borrower>;

/** A borrower that has nothing and did not ask for so long is forgotten. */
const borrowerMsMax = 60_000;

export class Loans {
  /** In the order they were given out: `Map` keeps it. */
  readonly #out = new Map<number, Lent>();
  readonly #borrowers = new Map<SessionId, Borrower>();
  #lastId = 0;
  redeliveries = 0;

  get size(): number {
    return this.#out.size;
  }

  borrower(session: SessionId, nowMs: number): Borrower {
    let borrower = this.#borrowers.get(session);
    if (borrower === undefined) {
      borrower = { session, turns: new Turns(), out: 0, askedAtMs: nowMs, waits: false };
      this.#borrowers.set(session, borrower);
    }
    borrower.askedAtMs = nowMs;
    return borrower;
  }

  /** The record at `offset`, for the first time. */
  lend(ledger: UnitLedger, offset: number, borrower: Borrower, nowMs: number): Lent {
    const entry = ledger.lend(offset, ++this.#lastId, borrower, nowMs);
    this.#out.set(entry.loan, entry);
    return entry;
  }

  lendAgain(entry: Lent, borrower: Borrower, nowMs: number): void {
    entry.ledger.lendAgain(entry, ++this.#lastId, borrower, nowMs);
    this.#out.set(entry.loan, entry);
    if (entry.deliveries > 1) this.redeliveries++;
  }

  /** The record, unless the loan has ended. */
  ack(id: number): Lent | null {
    return this.#end(id, (entry) => entry.ledger.done(entry));
  }

  nack(id: number): Lent | null {
    return this.#end(id, (entry) => entry.ledger.giveBack(entry));
  }

  /** Nobody saw the record. */
  unlend(id: number): Lent | null {
    return this.#end(id, (entry) => entry.ledger.unlend(entry));
  }

  /** Gives back what is out for `msMax` or longer, the oldest first; calls `each` with it. */
  expire(nowMs: number, msMax: number, each: (entry: Lent) => void): void {
    for (const [id, entry] of this.#out) {
      // Whoever borrowed later has until later, whatever the bound is now.
      if (nowMs - entry.lentAtMs < msMax) return;
      if (entry.holder?.turns.expires(id, entry) === true) entry.doubts++;
      this.nack(id);
      each(entry);
    }
  }

  /** Gives back what sessions have that are gone, and forgets them: nobody knows what they did. */
  reclaim(isGone: (session: SessionId) => boolean, each: (entry: Lent) => void): void {
    for (const borrower of this.#borrowers.values()) {
      if (borrower.out === 0 || !isGone(borrower.session)) continue;
      for (const [id, entry] of this.#out) {
        if (entry.holder !== borrower) continue;
        entry.doubts++;
        this.nack(id);
        each(entry);
      }
      this.#borrowers.delete(borrower.session);
    }
  }

  /** Ends every loan of a ledger nobody goes on with. */
  forget(ledger: UnitLedger): void {
    for (const [id, entry] of this.#out) {
      if (entry.ledger !== ledger) continue;
      if (entry.holder !== null) entry.holder.out--;
      this.#out.delete(id);
    }
  }

  #end(id: number, how: (entry: Lent) => void): Lent | null {
    const entry = this.#out.get(id);
    if (entry === undefined) return null;
    this.#out.delete(id);
    how(entry);
    return entry;
  }

  /** Those who wait, longest silent first; who did not ask for `silentMsMax` waits no longer. */
  waiting(nowMs: number, silentMsMax: number): Borrower[] {
    const waiting: Borrower[] = [];
    for (const borrower of this.#borrowers.values()) {
      const silentMs = nowMs - borrower.askedAtMs;
      if (silentMs >= silentMsMax) borrower.waits = false;
      if (borrower.waits) waiting.push(borrower);
      else if (borrower.out === 0 && silentMs >= borrowerMsMax) {
        this.#borrowers.delete(borrower.session);
      }
    }
    return waiting.sort((one, other) => one.askedAtMs - other.askedAtMs);
  }
}
