/** Questions of one forwarder that are under way, and the room that is kept for their answers. */
import type { TenantBudget } from './answer-budget.ts';
import type { SentAsk } from './sent-ask.ts';

export class UnderWay {
  readonly #budget: TenantBudget;
  /** In the order they were sent. */
  readonly #sent = new Set<SentAsk>();
  #last = 0;
  /** Records asked for and not answered yet. */
  records = 0;

  constructor(budget: TenantBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#sent.size;
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

  /** Its room is reserved. */
  add(sent: SentAsk): void {
    sent.number = ++this.#last;
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
}
