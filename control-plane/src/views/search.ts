/** Searching the log for events that fit a filter, a bounded stretch at a time. */
import type { EventsQuery } from '@respool/contracts/api';
import type { StoredEvent } from '@respool/contracts/events';
import type { LogFollower } from '../log/follower.ts';

const stretch = 500;
/** Events looked at for one answer; a search that finds little goes on in the next request. */
const lookedAtMax = 20_000;

export interface Found {
  readonly items: StoredEvent[];
  /** The `after` to go on with; null where the log (or the filter's range) ended. */
  readonly next: number | null;
}

export async function searchEvents(
  follower: LogFollower,
  query: EventsQuery,
  signal: AbortSignal,
): Promise<Found> {
  const end = Math.min(follower.state().snapshot.sequence, (query.before ?? Infinity) - 1);
  const items: StoredEvent[] = [];
  let after = query.after ?? 0;
  const lastLook = after + lookedAtMax;
  while (after < end && after < lastLook) {
    const events = await follower.eventsBetween(after, Math.min(stretch, end - after), signal);
    if (events.length === 0) break;
    for (const stored of events) {
      after = stored.sequence;
      if (isLater(stored, query.until)) return { items, next: null };
      if (fits(stored, query)) items.push(stored);
      if (items.length === query.limit) return { items, next: after < end ? after : null };
    }
  }
  return { items, next: after < end ? after : null };
}

/** Times never step back in the log, so nothing after such an event can fit either. */
function isLater({ event }: StoredEvent, until: string | undefined): boolean {
  return until !== undefined && Date.parse(event.at) > Date.parse(until);
}

function fits({ event }: StoredEvent, query: EventsQuery): boolean {
  if (query.since !== undefined && Date.parse(event.at) < Date.parse(query.since)) return false;
  if (query.actor !== undefined && event.actor !== query.actor) return false;
  if (query.tenant === undefined && query.kind === undefined && query.id === undefined) return true;
  if (event.type !== 'ConfigurationChanged') return false;
  return event.changes.some((change) => {
    if (query.kind !== undefined && change.kind !== query.kind) return false;
    if (query.id !== undefined && change.id !== query.id) return false;
    if (query.tenant === undefined) return true;
    return change.kind !== 'backend' && change.id.split('/')[0] === query.tenant;
  });
}
