/** What became of loans, on its way to their owner: kept until an answer shows that it was heard. */
import type { Clock } from '@respool/contracts/clock';
import type { Outcome, Verdict } from './exchange.ts';
import { settledMax, verdictsMax } from './wire.ts';

export interface Settled {
  readonly acks: readonly number[];
  readonly nacks: readonly number[];
  readonly returns: readonly number[];
  readonly doubts: readonly number[];
}

const nothing: readonly number[] = [];

/** What became of loans goes alone when no question took it along within that time. */
const aloneMs = 5;

/** Of one owner; its successor knows none of these loans. */
export class Settlements {
  readonly #clock: Clock;
  readonly #due: () => void;
  #lists = emptyLists();
  #isTimed = false;
  /** It waited long enough for a question to take it along. */
  isDue = false;

  /** `due` is called when something is to be said. */
  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  get count(): number {
    const { acks, nacks, returns, doubts } = this.#lists;
    return acks.length + nacks.length + returns.length + doubts.length;
  }

  add(id: number, outcome: Outcome): void {
    this.#lists[listOf[outcome]].push(id);
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#clock.after(aloneMs, () => {
      this.#isTimed = false;
      this.hurry();
    });
  }

  /** What there is to be said is due now. */
  hurry(): void {
    if (this.count === 0) return;
    this.isDue = true;
    this.#due();
  }

  /** As many as one question carries. */
  take(): Settled {
    const lists = this.#lists;
    const [acks, nacks, returns] = [cut(lists.acks), cut(lists.nacks), cut(lists.returns)];
    // An earlier build takes both as nacks.
    const doubts = cut(lists.doubts, settledMax - nacks.length);
    if (this.count === 0) this.isDue = false;
    return { acks, nacks, returns, doubts };
  }

  /** They may not have been heard: they are said again, and do nothing then if they were. */
  restore(settled: Settled): void {
    for (const name of Object.values(listOf)) {
      if (settled[name].length > 0) this.#lists[name] = [...settled[name], ...this.#lists[name]];
    }
    this.isDue = this.count > 0;
  }

  clear(): void {
    this.#lists = emptyLists();
    this.isDue = false;
  }
}

/** Where each outcome is gathered. */
const listOf = {
  ack: 'acks',
  nack: 'nacks',
  return: 'returns',
  doubt: 'doubts',
} as const satisfies Readonly<Record<Outcome, keyof Settled>>;

function emptyLists(): Record<keyof Settled, number[]> {
  return { acks: [], nacks: [], returns: [], doubts: [] };
}

function cut(ids: number[], most = settledMax): readonly number[] {
  return ids.length === 0 ? nothing : ids.splice(0, most);
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

  /** More than one question carries is asked in parts. */
  async add(verdicts: readonly Verdict[], deadlineAtMs: number): Promise<readonly boolean[]> {
    const parts: Promise<readonly boolean[]>[] = [];
    for (let at = 0; at < verdicts.length; at += verdictsMax) {
      const { promise, resolve, reject } = Promise.withResolvers<readonly boolean[]>();
      const part = verdicts.slice(at, at + verdictsMax);
      this.#waiting.push({ verdicts: part, deadlineAtMs, resolve, reject });
      parts.push(promise);
    }
    return (await Promise.all(parts)).flat();
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
