/** Questions of one forwarder that are under way or were given up, and the room kept for their answers. */
import type { TenantBudget } from './answer-budget.ts';
import type { Turn } from './exchange.ts';
import type { Place } from './place.ts';
import type { SentAsk } from './sent-ask.ts';
import { takesTurns } from './session-id.ts';
import { lostMax } from './wire.ts';

export class UnderWay {
  readonly #budget: TenantBudget;
  readonly #numbers: { last: number };
  /** In the order they were sent. */
  readonly #sent = new Set<SentAsk>();
  /**
   * Numbers of those that were given up, until their owner is known to have heard that: whether it
   * may have. Until then what they bring is still taken, from then on it is nobody's.
   */
  readonly #lost = new Map<number, 'untold' | 'told'>();
  #last = 0;
  /** Records asked for and not answered yet. */
  records = 0;
  /** An owner is to be told what was given up. */
  isDue = false;

  /** `numbers`: the last number of the process, which no other forwarder uses again. */
  constructor(budget: TenantBudget, numbers: { last: number }) {
    this.#budget = budget;
    this.#numbers = numbers;
  }

  get size(): number {
    return this.#sent.size;
  }

  /** Those that were given up, as long as their owner may not know. */
  get lost(): number {
    return this.#lost.size;
  }

  /** Whether one more could be given up: the owner is told of so many at most. */
  get mayLose(): boolean {
    return this.#lost.size + this.#sent.size < lostMax;
  }

  /** Number of the first that is under way; Infinity of none. */
  get oldest(): number {
    for (const { number } of this.#sent) return number;
    return Number.POSITIVE_INFINITY;
  }

  /** Number of the last that was sent. */
  get newest(): number {
    return this.#last;
  }

  get all(): readonly SentAsk[] {
    return [...this.#sent];
  }

  nextNumber(): number {
    return ++this.#numbers.last;
  }

  /** Of the question `number`, which is about to be sent; null for an owner that needs or takes none. */
  turn(number: number, { owner, session }: Place): Turn | null {
    this.isDue = false;
    if (owner !== null || !takesTurns(session)) return null;
    if (this.#lost.size === 0) return { number, oldest: Math.min(this.oldest, number), lost: none };
    const lost = [...this.#lost.keys()];
    for (const one of lost) this.#lost.set(one, 'told');
    return { number, oldest: Math.min(this.oldest, number), lost };
  }

  /** Its room is reserved. */
  add(sent: SentAsk): void {
    this.#last = sent.number;
    this.#sent.add(sent);
    this.records += sent.content.take;
  }

  /** Answered or given up; true when it was over before. */
  end(sent: SentAsk): boolean {
    if (sent.isOver) return true;
    sent.isOver = true;
    this.#sent.delete(sent);
    this.records -= sent.content.take;
    this.#budget.release(sent.content.bytes);
    return false;
  }

  /** No answer to it is waited for any more, though its owner may have lent something for it. */
  giveUp({ number, content }: SentAsk): void {
    if (content.turn === null || content.take === 0) return;
    this.#lost.set(number, 'untold');
    this.isDue = true;
  }

  /** Whether what an answer brings that came after all may be taken. */
  takesLate({ number, content }: SentAsk): boolean {
    return (
      content.turn === null || (this.#lost.get(number) === 'untold' && this.#lost.delete(number))
    );
  }

  /** An answer to it shows that its owner heard what was given up. */
  heard({ content: { turn } }: SentAsk): void {
    if (turn !== null) for (const one of turn.lost) this.#lost.delete(one);
  }

  /** Nobody knows whether its owner heard that: it is told again. */
  unheard({ content: { turn } }: SentAsk): void {
    if (turn?.lost.some((one) => this.#lost.has(one)) === true) this.isDue = true;
  }

  /** What that owner lent is nobody's business any more. */
  forget(): void {
    this.#lost.clear();
    this.isDue = false;
  }
}

const none: readonly number[] = [];
