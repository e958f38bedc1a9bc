/** What a tenant calls a channel and what its server calls it: nobody hears another's messages. */
import { patternMatches, patternMayBegin } from './pattern.ts';

/** A channel of PUBLISH, a pattern over them, or a channel of SPUBLISH. */
export type ChannelKind = 'channel' | 'pattern' | 'shard';

/**
 * Redis's channels know no databases, so a tenant that shares its server gets a marker in front of
 * each channel: its key prefix, or `@<tenant>:` in `db` mode. Keyspace events keep the server's
 * names for them, with the tenant's database and key prefix put in and taken out.
 */
export interface ChannelSpace {
  /** Equal texts mean equal spaces. */
  readonly id: string;
  /** In front of every channel; empty where the server is the tenant's own. */
  readonly marker: Buffer;
  /** In front of the keys that events name. */
  readonly keyPrefix: Buffer;
  /** The server's number of the database the tenant knows as 0; null where the numbers are its own. */
  readonly database: number | null;
}

export type Verb = 'subscribe' | 'psubscribe' | 'ssubscribe';

/**
 * Where a subscription must stand. `one`: any node hears what is published anywhere, and exactly one
 * is listened to. `every`: each primary tells of its own keys only. `owner`: the slot's owner.
 * Source: Redis, "Keyspace notifications" (in a cluster) and "Sharded Pub/Sub".
 */
export type Place = 'one' | 'every' | 'owner';

/** One subscription at the server, and how its messages look to the tenant. */
export interface Source {
  readonly verb: Verb;
  readonly place: Place;
  readonly name: Buffer;
  readonly as: 'plain' | 'not-events' | 'keyspace' | 'keyevent';
  /** What the tenant's name of the channel must match; null where the server matched already. */
  readonly filter: Buffer | null;
}

export interface Seen {
  readonly channel: Buffer;
  readonly payload: Buffer;
}

const nothing = Buffer.alloc(0);
const keyspace = '__keyspace@';
const keyevent = '__keyevent@';
const eventHeads = [keyspace, keyevent].map((text) => Buffer.from(text));

/** `prefix` and `database` are those of the tenant and its route. */
export function spaceOf(
  tenant: string,
  prefix: Buffer | null,
  database: number | null,
): ChannelSpace {
  if (prefix !== null) {
    const id = `prefix ${prefix.toString('latin1')}`;
    return { id, marker: prefix, keyPrefix: prefix, database: 0 };
  }
  // A blank or `@` is in no prefix and no tenant's name, so no marker begins with another's.
  if (database !== null) {
    const marker = Buffer.from(`@${tenant}:`, 'latin1');
    return { id: `db ${database} ${tenant}`, marker, keyPrefix: nothing, database };
  }
  return { id: 'dedicated', marker: nothing, keyPrefix: nothing, database: null };
}

/** The server's name of the tenant's `channel`, for publishing. */
export function publishedAs(space: ChannelSpace, channel: Buffer): Buffer {
  return space.marker.length === 0 ? channel : Buffer.concat([space.marker, channel]);
}

/** The subscriptions that together bring what the tenant means by `name`. */
export function sourcesOf(
  space: ChannelSpace,
  kind: ChannelKind,
  name: Buffer,
  isCluster: boolean,
): Source[] {
  if (kind === 'shard') {
    const own = publishedAs(space, name);
    return [{ verb: 'ssubscribe', place: 'owner', name: own, as: 'plain', filter: null }];
  }
  const verb = kind === 'channel' ? 'subscribe' : 'psubscribe';
  if (space.database === null) return dedicatedSources(verb, name, isCluster);
  const own = publishedAs(space, name);
  return [
    { verb, place: 'one', name: own, as: 'plain', filter: null },
    ...events(space, verb, name),
  ];
}

/** The server is the tenant's own: names stay, but events of a cluster come from each primary. */
function dedicatedSources(verb: Verb, name: Buffer, isCluster: boolean): Source[] {
  const one: Source = { verb, place: 'one', name, as: 'plain', filter: null };
  if (!isCluster) return [one];
  if (isEventChannel(name)) return [{ ...one, place: 'every' }];
  const possible =
    verb === 'psubscribe' ? eventHeads.filter((head) => patternMayBegin(name, head)) : [];
  if (possible.length === 0) return [one];
  const broad = possible.map(
    (head): Source => ({
      verb,
      place: 'every',
      name: Buffer.concat([head, Buffer.from('*')]),
      as: 'plain',
      filter: name,
    }),
  );
  return [{ ...one, as: 'not-events' }, ...broad];
}

/**
 * The events of the tenant's own keys that `name` may mean. A pattern that spells an event's head
 * out is handed to the server; a wider one hears all the tenant's events and is matched here.
 */
function events(space: ChannelSpace, verb: Verb, name: Buffer): Source[] {
  const found: Source[] = [];
  const kinds = [
    [keyspace, 'keyspace', space.keyPrefix],
    [keyevent, 'keyevent', nothing],
  ] as const;
  for (const [word, as, prefix] of kinds) {
    const head = Buffer.from(`${word}0__:`);
    const at = Buffer.from(`${word}${space.database}__:`);
    if (startsWith(name, head)) {
      const own = Buffer.concat([at, prefix, name.subarray(head.length)]);
      found.push({ verb, place: 'every', name: own, as, filter: null });
    } else if (verb === 'psubscribe' && patternMayBegin(name, head)) {
      const own = Buffer.concat([at, prefix, Buffer.from('*')]);
      found.push({ verb, place: 'every', name: own, as, filter: name });
    }
  }
  return found;
}

/** What the tenant sees of a message that came by `source`; null when it is not for its eyes. */
export function seenBy(
  space: ChannelSpace,
  source: Source,
  channel: Buffer,
  payload: Buffer,
): Seen | null {
  const seen = unmarked(space, source.as, channel, payload);
  if (seen === null || source.filter === null) return seen;
  return patternMatches(source.filter, seen.channel) ? seen : null;
}

function unmarked(
  space: ChannelSpace,
  as: Source['as'],
  channel: Buffer,
  payload: Buffer,
): Seen | null {
  if (as === 'plain' || as === 'not-events') {
    if (as === 'not-events' && isEventChannel(channel)) return null;
    if (!startsWith(channel, space.marker)) return null;
    return { channel: channel.subarray(space.marker.length), payload };
  }
  const word = as === 'keyspace' ? keyspace : keyevent;
  const head = Buffer.from(`${word}${space.database}__:`);
  if (!startsWith(channel, head)) return null;
  const rest = channel.subarray(head.length);
  const named = as === 'keyspace' ? rest : payload;
  if (!startsWith(named, space.keyPrefix)) return null;
  const key = named.subarray(space.keyPrefix.length);
  const own = Buffer.from(`${word}0__:`);
  return as === 'keyspace'
    ? { channel: Buffer.concat([own, key]), payload }
    : { channel: Buffer.concat([own, rest]), payload: key };
}

function isEventChannel(name: Buffer): boolean {
  return eventHeads.some((head) => startsWith(name, head));
}

function startsWith(bytes: Buffer, start: Buffer): boolean {
  if (bytes.length < start.length) return false;
  return start.compare(bytes, 0, start.length) === 0;
}
