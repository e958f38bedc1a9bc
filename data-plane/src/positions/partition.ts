/** One partition of an owned unit: its ledger, what was read ahead of it, and what came back. */
import type { Fetched } from '@respool/kafka/gateway';
import { type AheadBytes, type Content, contentOf, copied, heldBy, ReadAhead } from './ahead.ts';
import type { Loan } from './exchange.ts';
import { Gate } from './gate.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { Ledger } from './ledger.ts';
import type { Borrower, Lent, Loans, UnitLedger } from './loans.ts';
import type { Place } from './places.ts';

/**
 * Why it gives nothing out now. `back`: what came back has to be read again. `behind`: the log is
 * known to go on. `full`: the window does not allow the next record. `ended`: there is no more, as
 * far as its end is known.
 */
export type Lack = 'back' | 'behind' | 'full' | 'ended';

export class UnitPartition {
  readonly number: number;
  readonly ledger: UnitLedger;
  readonly epochs: LeaderEpochs;
  readonly #ahead: ReadAhead;
  readonly #bytes: AheadBytes;
  /** Contents of records that came back, by their offsets, once they were read again. */
  readonly #again = new Map<number, Content>();
  /** Where reading ahead goes on. */
  readTo: number;
  #end: number;
  /** Counts what was told of the end. */
  endNews = 0;
  /** Reading ahead, and reading again: at most one each is under way. */
  isReading = false;
  isReadingAgain = false;
  /** What Kafka said when it could not be read. */
  readonly gate = new Gate();
  /** Of the last commit that was confirmed. */
  committedAtMs: number;
  /** Nobody goes on with it: what arrives for it is late. */
  isDropped = false;

  constructor(
    place: Pick<Place, 'partition' | 'position' | 'end' | 'leaderEpoch'>,
    bytes: AheadBytes,
  ) {
    this.epochs = new LeaderEpochs(place.leaderEpoch);
    this.number = place.partition;
    this.ledger = new Ledger(place.partition, place.position);
    this.readTo = place.position;
    this.#end = place.end;
    this.#bytes = bytes;
    this.#ahead = new ReadAhead(bytes);
    this.committedAtMs = 0;
  }

  /** Nothing of it is committed: the next commit is to say where it is, though it did not move. */
  expire(): void {
    this.committedAtMs = Number.NEGATIVE_INFINITY;
  }

  get end(): number {
    return this.#end;
  }

  /** More should be read: little is left of what was, and the log goes on. */
  get isLow(): boolean {
    return this.#ahead.isLow && this.readTo < this.#end;
  }

  /** Content of the record to give out now, what came back first; undefined when it {@link lack}s. */
  offer(window: number): Content | undefined {
    const back = this.ledger.firstReady();
    if (back !== null) return this.#again.get(back.offset);
    return this.ledger.held < window ? this.#ahead.content : undefined;
  }

  lack(window: number): Lack {
    if (this.ledger.ready > 0) return 'back';
    const isMore = !this.#ahead.isEmpty || this.readTo < this.#end;
    if (isMore && this.ledger.held >= window) return 'full';
    return isMore ? 'behind' : 'ended';
  }

  /** Gives out what it offered. */
  lend(content: Content, loans: Loans, borrower: Borrower, nowMs: number): Loan {
    const back = this.ledger.firstReady();
    let entry: Lent;
    if (back !== null) {
      entry = back;
      this.forgetAgain(back.offset);
      loans.lendAgain(back, borrower, nowMs);
    } else {
      entry = loans.lend(this.ledger, this.#ahead.take(), borrower, nowMs);
      if (this.#ahead.isEmpty) this.ledger.advance(this.readTo);
    }
    const { loan: id, offset, deliveries } = entry;
    const value = typeof content === 'number' ? 'elsewhere' : content;
    return { id, partition: this.number, offset, deliveries, value };
  }

  /** Of a fetch from {@link readTo}; `newsBefore` is {@link endNews} at the time it was asked. */
  keepAhead(fetched: Fetched, newsBefore: number): void {
    this.epochs.read(this.readTo, fetched.leaderEpoch);
    this.readTo = fetched.nextOffset;
    this.#ahead.keep(fetched);
    if (this.#ahead.isEmpty) this.ledger.advance(this.readTo);
    // What was learned of the end meanwhile may be younger than this answer.
    const isNewest = newsBefore === this.endNews;
    this.tellEnd(isNewest ? fetched.endOffset : Math.max(this.#end, fetched.endOffset));
  }

  tellEnd(end: number): void {
    this.#end = end;
    this.endNews++;
  }

  /**
   * Of a fetch from `from`: contents of records that came back. Those that are in the log no more
   * count as done; returns how many.
   */
  keepAgain(fetched: Fetched, from: number): number {
    const records = new Map(fetched.records.map((record) => [record.offset, record]));
    const back = [...this.ledger.from('ready', from, Number.POSITIVE_INFINITY)];
    let gone = 0;
    for (const entry of back) {
      if (entry.offset >= fetched.nextOffset) break;
      const record = records.get(entry.offset);
      if (record === undefined) {
        this.ledger.skip(entry);
        gone++;
      } else if (!this.#again.has(entry.offset)) {
        const content = copied(contentOf(record));
        this.#again.set(entry.offset, content);
        this.#bytes.add(heldBy(content));
      }
    }
    return gone;
  }

  /** The log begins at `start` now: what came back from below it counts as done; how many. */
  skipBelow(start: number): number {
    let skipped = 0;
    for (const state of ['ready', 'moving'] as const) {
      for (const entry of [...this.ledger.from(state, 0, Number.POSITIVE_INFINITY)]) {
        if (entry.offset >= start) break;
        this.forgetAgain(entry.offset);
        this.ledger.skip(entry);
        skipped++;
      }
    }
    if (this.readTo < start) {
      this.readTo = start;
      if (this.#ahead.isEmpty) this.ledger.advance(start);
    }
    return skipped;
  }

  forgetAgain(offset: number): void {
    const content = this.#again.get(offset);
    if (content === undefined) return;
    this.#again.delete(offset);
    this.#bytes.add(-heldBy(content));
  }

  /** Forgets what was read and not given out; it can be read again. */
  dropAhead(): void {
    this.#ahead.drop();
    this.readTo = this.ledger.next;
    for (const offset of [...this.#again.keys()]) this.forgetAgain(offset);
  }

  /** Ends it, with all that was lent of it. */
  drop(loans: Loans): void {
    this.isDropped = true;
    this.dropAhead();
    loans.forget(this.ledger);
  }
}
