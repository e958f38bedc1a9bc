/** What became of the records of one partition that were given out and are not committed yet. */
import assert from 'node:assert/strict';

// The life of a record, as Kafka's share groups have it (KIP-932: acquired, available, archived):
//
//   next ──lend──► out ──done──────────────────────► done ──confirm──► forgotten
//                  ▲ └──giveBack──► ready ──skip──────▲
//                  └────lendAgain─────┘ └──move──► moving ──skip────┘
//                                       ◄─unmove─────┘
//
// Everything below `watermark` was acknowledged, or skipped on purpose: only that may be committed.

/** `moving`: delivered too often, on its way to the dead letters. */
export type EntryState = 'out' | 'ready' | 'moving' | 'done';

/** A session with records out; whoever keeps sessions says more about it. */
export interface Holder {
  /** Records it has. */
  out: number;
}

/** One record, from the first time it is given out until a commit behind it is confirmed. */
export interface Entry<H extends Holder = Holder> {
  readonly ledger: Ledger<H>;
  readonly offset: number;
  /** Counts the entries of its ledger. */
  readonly place: number;
  state: EntryState;
  /** Times it was given out, but for those it was not shown to anybody. */
  deliveries: number;
  /** Of these, times that nobody may have seen it: what became of it then was not heard. */
  doubts: number;
  /** While it is out: what it is called, who has it, and since when. */
  loan: number;
  holder: H | null;
  lentAtMs: number;
}

/** Forgotten entries are cut off once there are so many: shifting costs less often then. */
const cutMin = 512;

export class Ledger<H extends Holder = Holder> {
  readonly partition: number;
  /** In the order of their offsets, from `#head` on. */
  readonly #entries: Entry<H>[] = [];
  #head = 0;
  /** Place of the entry at `#head`. */
  #firstPlace = 0;
  /** Index of the first entry that is not done. */
  #open = 0;
  /** No entry below this index is ready. */
  #readyFrom = 0;
  #ready = 0;
  #moving = 0;
  #next: number;
  #confirmed: number;

  /** `position`: offset of the first record to be given out, committed or as good as that. */
  constructor(partition: number, position: number) {
    this.partition = partition;
    this.#next = position;
    this.#confirmed = position;
  }

  /** Records below were given out, or there are none. */
  get next(): number {
    return this.#next;
  }

  /** The commit Kafka is known to have. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** What may be committed: the first record that is not done, else the next to give out. */
  get watermark(): number {
    return this.#entries[this.#open]?.offset ?? this.#next;
  }

  /** Records behind the confirmed commit: what a new owner would give out again at most. */
  get held(): number {
    return this.#entries.length - this.#head;
  }

  get ready(): number {
    return this.#ready;
  }

  get moving(): number {
    return this.#moving;
  }

  /** A record for the first time; offsets must grow. */
  lend(offset: number, loan: number, holder: H, nowMs: number): Entry<H> {
    assert(offset >= this.#next, 'records are given out in the order of their offsets');
    const place = this.#firstPlace + this.held;
    const entry: Entry<H> = {
      ledger: this,
      offset,
      place,
      state: 'out',
      deliveries: 1,
      doubts: 0,
      loan,
      holder,
      lentAtMs: nowMs,
    };
    this.#entries.push(entry);
    this.#next = offset + 1;
    holder.out++;
    return entry;
  }

  lendAgain(entry: Entry<H>, loan: number, holder: H, nowMs: number): void {
    assert(entry.state === 'ready', 'only what came back is given out again');
    entry.state = 'out';
    this.#ready--;
    entry.deliveries++;
    entry.loan = loan;
    entry.holder = holder;
    entry.lentAtMs = nowMs;
    holder.out++;
  }

  /** Of a record that is out. */
  done(entry: Entry<H>): void {
    this.#takeFromHolder(entry);
    this.#finish(entry);
  }

  /** Of a record that is out. */
  giveBack(entry: Entry<H>): void {
    this.#takeFromHolder(entry);
    entry.state = 'ready';
    this.#ready++;
    this.#readyFrom = Math.min(this.#readyFrom, this.#indexOf(entry));
  }

  /** Of a record that is out and was shown to nobody: it was never given out. */
  unlend(entry: Entry<H>): void {
    this.giveBack(entry);
    entry.deliveries--;
  }

  /** Of a record that came back: it is not given out any more. */
  move(entry: Entry<H>): void {
    assert(entry.state === 'ready', 'only what came back is moved');
    entry.state = 'moving';
    this.#ready--;
    this.#moving++;
  }

  /** Of a record that was to be moved: it may be given out after all. */
  unmove(entry: Entry<H>): void {
    assert(entry.state === 'moving', 'only what is moved comes back from there');
    entry.state = 'ready';
    this.#moving--;
    this.#ready++;
    this.#readyFrom = Math.min(this.#readyFrom, this.#indexOf(entry));
  }

  /** Of a record that came back, or was moved: it counts as done. */
  skip(entry: Entry<H>): void {
    assert(entry.state === 'ready' || entry.state === 'moving', 'what is out is not skipped');
    if (entry.state === 'ready') this.#ready--;
    else this.#moving--;
    this.#finish(entry);
  }

  /** The one of lowest offset that came back. */
  firstReady(): Entry<H> | null {
    if (this.#ready === 0) return null;
    for (let index = this.#readyFrom; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry?.state !== 'ready') continue;
      this.#readyFrom = index;
      return entry;
    }
    return null;
  }

  /** Those in this state from `offset` on, at most `most`, in order. */
  *from(state: EntryState, offset: number, most: number): Generator<Entry<H>> {
    for (let index = this.#indexAt(offset), left = most; left > 0; index++) {
      const entry = this.#entries[index];
      if (entry === undefined) return;
      if (entry.state !== state) continue;
      left--;
      yield entry;
    }
  }

  /** The record there, unless it was forgotten or never given out. */
  find(offset: number): Entry<H> | null {
    const entry = this.#entries[this.#indexAt(offset)];
    return entry?.offset === offset ? entry : null;
  }

  /** There is no record from `next` up to `offset`, or none that will be given out. */
  advance(offset: number): void {
    this.#next = Math.max(this.#next, offset);
  }

  /** Kafka has this commit: what lies below is done and forgotten. */
  confirm(offset: number): void {
    assert(offset <= this.watermark, 'nothing is committed that is not done');
    this.#confirmed = Math.max(this.#confirmed, offset);
    const before = this.#head;
    while (this.#head < this.#open) {
      const entry = this.#entries[this.#head];
      if (entry === undefined || entry.offset >= this.#confirmed) break;
      this.#head++;
    }
    this.#firstPlace += this.#head - before;
    this.#readyFrom = Math.max(this.#readyFrom, this.#head);
    if (this.#head >= cutMin && this.#head * 2 >= this.#entries.length) this.#cut();
  }

  #finish(entry: Entry<H>): void {
    entry.state = 'done';
    while (this.#entries[this.#open]?.state === 'done') this.#open++;
  }

  #takeFromHolder(entry: Entry<H>): void {
    assert(entry.state === 'out' && entry.holder !== null, 'only what is out comes back');
    entry.holder.out--;
    entry.holder = null;
  }

  #cut(): void {
    const count = this.#head;
    this.#entries.splice(0, count);
    this.#head = 0;
    this.#open -= count;
    this.#readyFrom -= count;
  }

  #indexOf(entry: Entry<H>): number {
    return this.#head + entry.place - this.#firstPlace;
  }

  /** Index of the first entry at `offset` or behind it. */
  #indexAt(offset: number): number {
    let [low, high] = [this.#head, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
