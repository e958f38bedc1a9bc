/** What a proxy of a simulation asked of one owner and has no answer to, as a forwarder keeps it. */
import type { Clock } from '@respool/contracts/clock';
import type { Answer, Ask, Loan, Turn } from '../positions/exchange.ts';
import type { Random } from './random.ts';
import type { Oracle } from './unit-oracle.ts';

interface Lost {
  isTold: boolean;
  epoch: number;
  loans: readonly Loan[];
}

/** Turns are null of a proxy that does not number its asks. */
export class AsksOut {
  readonly #oracle: Oracle;
  readonly #underWay = new Set<number>();
  readonly #lost = new Map<number, Lost>();

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  /** The next one's; from here on nobody takes what was given up before. */
  turn(number: number): Turn {
    for (const lost of this.#lost.values()) {
      if (!lost.isTold) this.#unseen(lost);
      lost.isTold = true;
    }
    const oldest = Math.min(number, ...this.#underWay);
    return { number, oldest, lost: [...this.#lost.keys()] };
  }

  sent(turn: Turn | null, isLost: boolean): void {
    if (turn === null) return;
    if (isLost) this.#lost.set(turn.number, { isTold: false, epoch: 0, loans: [] });
    else this.#underWay.add(turn.number);
  }

  /** What came of one that was given up, or is on its way. */
  lent(turn: Turn | null, epoch: number, loans: readonly Loan[]): void {
    if (turn === null) return;
    const lost = this.#lost.get(turn.number);
    if (lost?.isTold !== false) this.#unseen({ epoch, loans });
    else Object.assign(lost, { epoch, loans });
  }

  /** Whether an answer that arrives is taken. */
  takes(turn: Turn | null): boolean {
    if (turn === null || this.#underWay.delete(turn.number)) return true;
    return this.#lost.get(turn.number)?.isTold === false && this.#lost.delete(turn.number);
  }

  heard(turn: Turn | null): void {
    for (const one of turn?.lost ?? []) this.#lost.delete(one);
  }

  #unseen({ epoch, loans }: Pick<Lost, 'epoch' | 'loans'>): void {
    for (const loan of loans) this.#oracle.unseen(epoch, loan);
  }
}

/**
 * What comes back of an ask, which may be heard twice. Null: it never came there, or its answer
 * never came back. One that was given up may be late, there and back.
 */
export async function arrive(
  ask: Ask,
  exchange: () => Promise<Answer>,
  givenUp: AsksOut | null,
  { random, clock }: { readonly random: Random; readonly clock: Clock },
): Promise<Answer | null> {
  const later = () => new Promise<void>((resolve) => clock.after(random.below(2_000), resolve));
  if (givenUp === null) {
    const answer = exchange();
    if (random.chance(0.05)) void exchange();
    return await answer;
  }
  const luck = random.next();
  if (luck < 0.2) return null;
  if (luck < 0.5) await later();
  const answer = await exchange();
  if (answer.kind === 'loans') givenUp.lent(ask.turn, ask.epoch, answer.loans);
  if (luck < 0.7) await later();
  return luck < 0.8 ? answer : null;
}
