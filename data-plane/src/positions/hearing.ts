/** What proxies say with their questions of records that are out: by loans, by places, by lost answers. */
import type { Committer } from './committer.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Ask, Turn, Verdict } from './exchange.ts';
import type { Holding } from './holding.ts';
import type { Borrower, Lent } from './loans.ts';
import type { LentFor } from './turns.ts';

export class Hearing {
  readonly #holding: Holding;
  readonly #committer: Committer;
  readonly #deadLetters: DeadLetters;
  #acked = 0;
  #returned = 0;

  constructor(holding: Holding, committer: Committer, deadLetters: DeadLetters) {
    this.#holding = holding;
    this.#committer = committer;
    this.#deadLetters = deadLetters;
  }

  /**
   * What its verdicts did, one by one. Null for a question that was given up before it came: of
   * that only what it says of loans counts, which is never said of anything else. Verdicts go by
   * place, and whoever gave them was told that they may not have arrived.
   */
  hear(ask: Ask, borrower: Borrower): readonly boolean[] | null {
    const { loans, isDraining } = this.#holding;
    const isInTurn = ask.turn === null || borrower.turns.hears(ask.turn);
    [this.#acked, this.#returned] = [0, 0];
    for (const id of ask.acks) this.#settle(id, true);
    for (const id of ask.nacks) this.#settle(id, false);
    for (const id of ask.doubts) this.#giveBack(id, 1);
    for (const id of ask.returns) if (loans.unlend(id) !== null) this.#returned++;
    if (ask.turn !== null && isInTurn) this.#settleTurns(ask.turn, borrower);
    const judged = isInTurn ? ask.verdicts.map((verdict) => this.#judge(verdict)) : null;
    if (this.#acked > 0) this.#committer.noteAcks(this.#acked);
    if (this.#returned > 0 || (this.#acked > 0 && isDraining)) this.#holding.changed();
    return judged;
  }

  #settle(id: number, done: boolean): void {
    const { loans } = this.#holding;
    if (!done) this.#giveBack(id, 0);
    else if (loans.ack(id) !== null) this.#acked++;
  }

  #giveBack(id: number, doubts: 0 | 1): void {
    const entry = this.#holding.loans.nack(id);
    if (entry === null) return;
    entry.doubts += doubts;
    this.#returned++;
    this.#deadLetters.judge(entry);
  }

  /** Of the record there, if it is out. */
  #judge({ partition, offset, done }: Verdict): boolean {
    const entry = this.#holding.partition(partition)?.ledger.find(offset) ?? null;
    if (entry?.state !== 'out') return false;
    this.#settle(entry.loan, done);
    return true;
  }

  #settleTurns(turn: Turn, borrower: Borrower): void {
    borrower.turns.settle(turn, (lent, isLost) => {
      if (isLost) this.#unlend(lent);
      else for (const entry of lent.expired) this.#wasThere(entry);
    });
  }

  /** Its answer reached nobody. */
  #unlend({ first, last, expired }: LentFor<Lent>): void {
    for (let id = first; id <= last; id++) {
      if (this.#holding.loans.unlend(id) !== null) this.#returned++;
    }
    for (const entry of expired) {
      entry.doubts--;
      entry.deliveries--;
    }
  }

  /** It was out for too long, and its session had it: that was a delivery. */
  #wasThere(entry: Lent): void {
    entry.doubts--;
    if (entry.state === 'ready') this.#deadLetters.judge(entry);
  }
}
