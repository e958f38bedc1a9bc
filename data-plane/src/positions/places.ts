/** Where a consumer stands in each partition when a unit is loaded. */
import { isPositionIn, readCommitNote } from '@respool/contracts/commit-note';
import type { Topic } from '@respool/contracts/queues';
import type { Committed } from '@respool/kafka/gateway';
import type { LeaderEpoch } from './leader-epochs.ts';

/** A partition as Kafka has it. */
export interface Found {
  readonly partition: number;
  readonly committed: Committed | null;
  /** First offset stored, and one past the last that can be read. */
  readonly start: number;
  readonly end: number;
  /** Of the leader that said so. */
  readonly leaderEpoch: LeaderEpoch;
  /** Below the commit: where the log stops being the one in which that was made; null: nowhere. */
  readonly brokenAt: number | null;
}

export interface Place {
  readonly partition: number;
  readonly position: number;
  readonly end: number;
  /** Of the leader that had what lies before the position. */
  readonly leaderEpoch: LeaderEpoch;
  /**
   * `committed`: where it was; `overtaken`: there, but retention deleted records from `lostFrom`
   * on; `truncated`: the log of this topic lost its end, with records before `lostTo` that the consumer
   * had; `new`: it had no position, and others had; `begins`: none had; `recreated`: what was
   * committed belongs to a log that is gone.
   */
  readonly kind: 'committed' | 'overtaken' | 'truncated' | 'new' | 'begins' | 'recreated';
  readonly lostFrom: number | null;
  readonly lostTo: number | null;
  /** Whoever loads it next finds the same, though nothing was committed. */
  readonly isLasting: boolean;
}

/**
 * A commit counts when it was made in this topic, by its id. What somebody else committed bears no
 * id and counts by its offset, if it lies within the log. Of a consumer that had a position, a
 * topic made anew and a partition that appears later begin at their first record, or what was
 * pushed there before anybody looked would be passed over.
 *
 * A log that lost its end (a replica without it was elected, a disk that was not written yet) goes
 * on with other records under the same offsets. The consumer goes on where they begin: it had
 * nothing of them, and all before. Where nobody knows that place it is the first record, since
 * records may come again, and none may be passed over.
 */
export function placesOf(
  found: readonly Found[],
  topicId: string,
  startAt: Topic['startAt'],
): Place[] {
  const isKnown = found.some((one) => counts(one, topicId));
  const isFirst = found.every(({ committed }) => committed === null);
  return found.map((one): Place => {
    const { partition, committed, start, end, leaderEpoch } = one;
    const at = { partition, end, leaderEpoch, lostFrom: null, lostTo: null, isLasting: true };
    if (committed === null) {
      const isLasting = !isFirst || startAt === 'earliest';
      const kind = isKnown ? 'new' : 'begins';
      return { ...at, position: isLasting ? start : end, kind, isLasting };
    }
    if (!counts(one, topicId)) return { ...at, position: start, kind: 'recreated' };
    const { offset } = committed;
    if (offset < start) return { ...at, position: start, kind: 'overtaken', lostFrom: offset };
    if (offset > end || one.brokenAt !== null) {
      const position = Math.min(end, Math.max(start, one.brokenAt ?? start));
      return { ...at, position, kind: 'truncated', lostTo: offset };
    }
    return { ...at, position: offset, kind: 'committed', leaderEpoch: committed.leaderEpoch };
  });
}

/**
 * The seek that all commits which count know of: one that was cut off in the middle is done again.
 * Null when none of them says.
 */
export function seekOf(found: readonly Found[], topicId: string): number | null {
  let lowest: number | null = null;
  for (const one of found) {
    if (one.committed === null || !counts(one, topicId)) continue;
    const note = readCommitNote(one.committed.note);
    if (note !== null) lowest = Math.min(lowest ?? note.seek, note.seek);
  }
  return lowest;
}

function counts({ committed, end }: Found, topicId: string): boolean {
  return committed !== null && isPositionIn(topicId, committed, end);
}
