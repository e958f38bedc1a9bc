/** The past: events between two sequences, and the state as it stood at a sequence or a time. */
import { readStored } from '@respool/contracts/chain';
import type { StoredEvent } from '@respool/contracts/events';
import { BrokenChain, emptySnapshot, Fold } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import type { EventLog } from './log.ts';

/** The newest stored snapshot at or before a sequence, if one is kept; a cache, never the truth. */
export type NearestSnapshot = (atMost: number) => Promise<Snapshot | null>;

/** The caller asked for a sequence the log has not reached. */
export class SequenceInFuture extends Error {
  override name = 'SequenceInFuture';
}

const waypointsMax = 64;
const tailChunkEvents = 1_000;

/**
 * States of the past kept in memory. They share all that did not change between them, so one costs
 * little; when there are too many every second one goes, and the rest stand twice as far apart.
 */
export class Waypoints {
  #states: Snapshot[] = [];
  #step = 64;

  /** Keeps the state of `fold` when it is far enough from the one before; else costs nothing. */
  add(fold: Fold): void {
    const last = this.#states.at(-1)?.sequence ?? -this.#step;
    if (fold.sequence < last + this.#step) return;
    this.#states.push(fold.snapshot());
    if (this.#states.length <= waypointsMax) return;
    this.#step *= 2;
    this.#states = this.#states.filter((_, place) => place % 2 === 0);
  }

  nearest(atMost: number): Snapshot {
    return this.#states.findLast((state) => state.sequence <= atMost) ?? emptySnapshot;
  }
}

/** Events after `after`, at most `limit`, each continuing the chain of the one before it. */
export async function readEvents(
  log: EventLog,
  after: number,
  limit: number,
  signal: AbortSignal,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  // One more in front, so that the first one's place in the chain is checked as well.
  const overlap = Math.min(after, 1);
  let previous: StoredEvent | null = null;
  for await (const { sequence, bytes } of log.read(after - overlap, signal, limit + overlap)) {
    const stored = readStored(sequence, bytes);
    if (previous !== null && stored.event.prev !== previous.hash) {
      throw new BrokenChain(`event ${sequence} does not continue the chain`);
    }
    previous = stored;
    if (sequence > after) events.push(stored);
  }
  return events;
}

/**
 * Events up to `end`, back to those written before `since` (ms since 1970), about `countMax` at
 * most. Throws BrokenChain unless the last of them has the hash that `end` names.
 */
export async function readTail(
  log: EventLog,
  end: Pick<Snapshot, 'sequence' | 'hash'>,
  since: number,
  countMax: number,
  signal: AbortSignal,
): Promise<StoredEvent[]> {
  const chunks: StoredEvent[][] = [];
  let { sequence, hash } = end;
  while (sequence > 0 && chunks.length * tailChunkEvents < countMax) {
    const count = Math.min(sequence, tailChunkEvents);
    const chunk = await readEvents(log, sequence - count, count, signal);
    const first = chunk[0];
    if (first === undefined || chunk.length !== count || chunk.at(-1)?.hash !== hash) {
      throw new BrokenChain(`event ${sequence} is not the one that was expected`);
    }
    chunks.unshift(chunk);
    sequence -= count;
    hash = first.event.prev;
    if (Date.parse(first.event.at) < since) break;
  }
  return chunks.flat();
}

/** The state after event `sequence`, folded from the nearer of `base` and a stored snapshot. */
export async function stateAt(
  log: EventLog,
  base: Snapshot,
  nearestSnapshot: NearestSnapshot,
  sequence: number,
  signal: AbortSignal,
): Promise<Snapshot> {
  let state = base;
  if (state.sequence < sequence) {
    const kept = await nearestSnapshot(sequence);
    const isOurs = kept !== null && (base.logId === '' || kept.logId === base.logId);
    if (isOurs && kept.sequence > state.sequence) state = kept;
  }
  const fold = new Fold(state);
  for await (const { sequence: place, bytes } of log.read(
    state.sequence,
    signal,
    sequence - state.sequence,
  )) {
    fold.take(readStored(place, bytes));
  }
  return fold.snapshot();
}

/**
 * Sequence of the last event written at or before `time` (ms since 1970), 0 when there is none. By
 * bisection: writers never give an event an earlier time than the event before it has.
 */
export async function sequenceAtTime(
  log: EventLog,
  head: number,
  time: number,
  signal: AbortSignal,
): Promise<number> {
  let low = 0;
  let high = head;
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2);
    const [stored] = await readEvents(log, middle - 1, 1, signal);
    if (stored !== undefined && Date.parse(stored.event.at) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}
