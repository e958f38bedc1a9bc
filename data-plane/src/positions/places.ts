/** Where a consumer stands in each partition when a unit is loaded. */
import { readCommitNote } from '@respool/contracts/commit-note';
import type { Topic } from '@respool/contracts/queues';
import type { Committed } from '@respool/kafka/gateway';

/** A partition as Kafka has it. */
export interface Found {
  readonly partition: number;
  readonly committed: Committed | null;
  /** First offset stored, and one past the last that can be read. */
  readonly start: number;
  readonly end: number;
}

export interface Place {
  readonly partition: number;
  readonly position: number;
  readonly end: number;
  /**
   * `committed`: where it was; `overtaken`: there, but retention deleted records from `lostFrom`
   * on; `new`: it had no position, and others had; `begins`: none had; `recreated`: what was
   * committed belongs to a log that is gone.
   */
  readonly kind: 'committed' | 'overtaken' | 'new' | 'begins' | 'recreated';
  readonly lostFrom: number | null;
}

/**
 * A commit counts when it was made in this topic, by its id, and lies within the log. What somebody
 * else committed bears no id and counts by its offset. Of a consumer that had a position, a topic
 * made anew and a partition that appears later begin at their first record, or what was pushed
 * there before anybody looked would be passed over.
 */
export function placesOf(
  found: readonly Found[],
  topicId: string,
  startAt: Topic['startAt'],
): Place[] {
  const isKnown = found.some((one) => counts(one, topicId));
  const isFirst = found.every(({ committed }) => committed === null);
  return found.map((one) => {
    const { partition, committed, start, end } = one;
    const lostFrom = null;
    if (committed === null) {
      const fromStart = !isFirst || startAt === 'earliest';
      const kind = isKnown ? 'new' : 'begins';
      return { partition, position: fromStart ? start : end, end, kind, lostFrom };
    }
    if (!counts(one, topicId)) {
      return { partition, position: start, end, kind: 'recreated', lostFrom };
    }
    const { offset } = committed;
    if (offset >= start) return { partition, position: offset, end, kind: 'committed', lostFrom };
    return { partition, position: start, end, kind: 'overtaken', lostFrom: offset };
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
  if (committed === null || committed.offset > end) return false;
  const note = readCommitNote(committed.note);
  return note === null || note.topicId === topicId;
}
