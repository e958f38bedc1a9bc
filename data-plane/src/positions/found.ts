/** What Kafka has of partitions when a unit is loaded: what was committed, and where the logs end. */
import { readCommitNote } from '@respool/contracts/commit-note';
import type { Committed, OffsetQuery } from '@respool/kafka/gateway';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { KafkaLog } from '../state.ts';
import type { Found } from './places.ts';

export interface Search {
  readonly log: KafkaLog;
  readonly group: string;
  /** Kafka's name, and its id now. */
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
  readonly askMsMax: number;
}

/**
 * In the order of `partitions`. The ends are told by no leader before the one whose records were
 * committed: an ex-leader that does not know what it is has fewer, and would seem to have lost them
 * (KIP-320). Throws `leader-moved` while the log goes on behind its end, which is asked for again.
 */
export async function search(of: Search): Promise<Found[]> {
  const { log, group, topic, topicId, partitions, askMsMax } = of;
  const places = partitions.map((partition) => ({ topic, partition }));
  const committed = await log.committed(group, places, askMsMax);
  const ends = (['earliest', 'latest'] as const).map((time) =>
    log.listOffsets(
      places.map((place, at) => queryOf({ ...place, time }, committed[at] ?? null, topicId)),
      askMsMax,
    ),
  );
  const [starts = [], lasts = []] = await Promise.all(ends);
  const found = places.map(({ partition }, at): Found => {
    const start = starts[at]?.offset ?? 0;
    const end = Math.max(start, lasts[at]?.offset ?? 0);
    const leaderEpoch = lasts[at]?.leaderEpoch ?? null;
    return { partition, committed: committed[at] ?? null, start, end, leaderEpoch, brokenAt: null };
  });
  return await Promise.all(found.map((one) => withBreak(of, one)));
}

function queryOf(where: OffsetQuery, committed: Committed | null, topicId: string): OffsetQuery {
  const leaderEpochMin = epochIn(committed, topicId);
  return leaderEpochMin === null ? where : { ...where, leaderEpochMin };
}

/** Null for what was committed in another topic: its leaders are counted from 0 again. */
function epochIn(committed: Committed | null, topicId: string): number | null {
  if (committed === null) return null;
  return readCommitNote(committed.note)?.topicId === topicId ? committed.leaderEpoch : null;
}

/**
 * A later leader without what was committed was elected without having it: where that began. Its
 * log may have grown beyond the position since, with other records.
 */
async function withBreak(of: Search, found: Found): Promise<Found> {
  const { committed, start, end, partition } = found;
  const leaderEpoch = epochIn(committed, of.topicId);
  if (committed === null || leaderEpoch === null || committed.offset < start) return found;
  const isShort = committed.offset > end;
  if (!isShort && (found.leaderEpoch ?? leaderEpoch) <= leaderEpoch) return found;
  const where = { topic: of.topic, partition, leaderEpoch };
  const brokenAt = await of.log.endOfEpoch(where, of.askMsMax);
  if (brokenAt === null || Math.max(start, brokenAt) < committed.offset) {
    return { ...found, brokenAt };
  }
  if (!isShort) return found;
  const message = `${of.topic} partition ${partition} ends at ${end} now, before ${committed.offset}`;
  throw new KafkaError('leader-moved', message);
}

/** Ends before what somebody committed who did not say under which leader: to be asked again. */
export function isUnsure({ committed, end }: Found, topicId: string): boolean {
  if (committed === null || committed.offset <= end) return false;
  const note = readCommitNote(committed.note);
  return note === null || (note.topicId === topicId && committed.leaderEpoch === null);
}
