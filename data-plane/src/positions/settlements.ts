/** What became of loans, on its way to their owner: kept until an answer shows that it was heard. */
import type { Verdict } from './exchange.ts';
import { settledMax, verdictsMax } from './wire.ts';

export interface Settled {
  readonly acks: readonly number[];
  readonly nacks: readonly number[];
}

const nothing: readonly number[] = [];

/** Of one owner; its successor knows none of these loans. */
export class Settlements {
  #acks: number[] = [];
  #nacks: number[] = [];

  get count(): number {
    return this.#acks.length + this.#nacks.length;
  }

  add(id: number, done: boolean): void {
    if (done) this.#acks.push(id);
    else this.#nacks.push(id);
  }

  /** As many as one question carries. */
  take(): Settled {
    const acks = this.#acks.length === 0 ? nothing : this.#acks.splice(0, settledMax);
    const nacks = this.#nacks.length === 0 ? nothing : this.#nacks.splice(0, settledMax);
    return { acks, nacks };
  }

  /** They may not have been heard: they are said again, and do nothing then if they were. */
  restore({ acks, nacks }: Settled): void {
    if (acks.length > 0) this.#acks = [...acks, ...this.#acks];
    if (nacks.length > 0) this.#nacks = [...nacks, ...this.#nacks];
  }

  clear(): void {
    this.#acks = [];
    this.#nacks = [];
  }
}

/** A worker's word on records by their places, and who waits for what it did. */
export interface Judgement {
  /** At most as many as one question carries. */
  readonly verdicts: readonly Verdict[];
  readonly deadlineAtMs: number;
  readonly resolve: (judged: readonly boolean[]) => void;
  readonly reject: (error: Error) => void;
}

export class Judgements {
  #waiting: Judgement[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  add(verdicts: readonly Verdict[], deadlineAtMs: number): Promise<readonly boolean[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly boolean[]>();
    this.#waiting.push({ verdicts, deadlineAtMs, resolve, reject });
    return promise;
  }

  /** As many as one question carries, in their order. */
  take(): readonly Judgement[] {
    let room = verdictsMax;
    let count = 0;
    for (const { verdicts } of this.#waiting) {
      room -= verdicts.length;
      if (room < 0) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** They were not heard. */
  restore(judgements: readonly Judgement[]): void {
    if (judgements.length > 0) this.#waiting = [...judgements, ...this.#waiting];
  }

  /** Ends those whose time is over by then. */
  expire(nowMs: number, errorOf: () => Error): void {
    const late = this.#waiting.filter(({ deadlineAtMs }) => deadlineAtMs <= nowMs);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ deadlineAtMs }) => deadlineAtMs > nowMs);
    for (const { reject } of late) reject(errorOf());
  }
}

/** Deals `judged` out to those who asked, in their order. */
export function dealOut(judgements: readonly Judgement[], judged: readonly boolean[]): void {
  let at = 0;
  for (const { verdicts, resolve } of judgements) {
    resolve(judged.slice(at, at + verdicts.length));
    at += verdicts.length;
  }
}
