/** Notices of single records, put together by partition: one client must not fill what all are told in. */
import type { Notice } from '@respool/contracts/notices';

interface Tally {
  from: number;
  to: number;
  count: number;
  toldAtMs: number;
}

/** The first is told at once; what comes then is told together, so much later. */
const everyMs = 10_000;

export class NoticeTally {
  readonly #tell: (notice: Partial<Notice>) => void;
  readonly #tallies = new Map<number, Tally>();

  constructor(tell: (notice: Partial<Notice>) => void) {
    this.#tell = tell;
  }

  add(partition: number, offset: number): void {
    let tally = this.#tallies.get(partition);
    if (tally === undefined) {
      tally = { from: offset, to: offset, count: 0, toldAtMs: Number.NEGATIVE_INFINITY };
      this.#tallies.set(partition, tally);
    }
    tally.from = tally.count === 0 ? offset : Math.min(tally.from, offset);
    tally.to = tally.count === 0 ? offset : Math.max(tally.to, offset);
    tally.count++;
  }

  /** Now and then, some ten times a second. */
  run(nowMs: number): void {
    for (const [partition, tally] of this.#tallies) {
      if (tally.count > 0 && nowMs - tally.toldAtMs >= everyMs) this.#say(partition, tally, nowMs);
    }
  }

  /** Before the end: all that was not told. */
  flush(nowMs: number): void {
    for (const [partition, tally] of this.#tallies) {
      if (tally.count > 0) this.#say(partition, tally, nowMs);
    }
  }

  #say(partition: number, tally: Tally, nowMs: number): void {
    const { from, to, count } = tally;
    this.#tell({ partition, from, to, count });
    tally.count = 0;
    tally.toldAtMs = nowMs;
  }
}
