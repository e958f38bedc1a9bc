/** Under which leader a partition was read up to where: what is committed with a position. */

/** Null: whoever was there before did not say. */
export type LeaderEpoch = number | null;

interface Stretch {
  readonly from: number;
  readonly epoch: LeaderEpoch;
}

/** Leaders change seldom, and what was committed is forgotten; beyond that the oldest is. */
const stretchesMax = 64;

export class LeaderEpochs {
  /** In the order of their offsets; each ends where the next one begins. */
  readonly #stretches: Stretch[];

  /** `epoch`: of the leader that had what lies before the first offset to be read. */
  constructor(epoch: LeaderEpoch) {
    this.#stretches = [{ from: Number.NEGATIVE_INFINITY, epoch }];
  }

  get last(): LeaderEpoch {
    return this.#stretches.at(-1)?.epoch ?? null;
  }

  /** It was read from `from` on, for the first time or again. */
  read(from: number, epoch: LeaderEpoch): void {
    const stretches = this.#stretches;
    while (stretches.length > 1 && (stretches.at(-1)?.from ?? from) >= from) stretches.pop();
    if (this.last === epoch) return;
    stretches.push({ from, epoch });
    if (stretches.length > stretchesMax) stretches.shift();
  }

  /** Of the leader that had the last offset before this one, which never goes back. */
  before(offset: number): LeaderEpoch {
    const stretches = this.#stretches;
    while ((stretches[1]?.from ?? offset) < offset) stretches.shift();
    return stretches[0]?.epoch ?? null;
  }
}
