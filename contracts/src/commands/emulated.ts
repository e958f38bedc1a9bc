/** Commands done step by step, each with the guarantee that is given then: the reference page's words. */

/** How a command that is always about several keys or all keys is done. */
export interface Steps {
  /** Whether a standalone backend without a key prefix takes the command as it is. */
  readonly whole: boolean;
  readonly guarantee: string;
}

/** By full name. */
export const allKeys: Readonly<Record<string, Steps>> = {
  scan: {
    whole: true,
    guarantee:
      'a key that exists from the first call to the last is returned at least once, also while slots move, nodes come and primaries fail over (but for one such change in 16,384, and a slot that leaves and returns between two calls); keys may repeat, more often after such a change',
  },
  keys: {
    whole: true,
    guarantee:
      'made of SCAN steps of about 1,000 keys, each key once: a key that exists throughout is listed, one written or removed meanwhile may be; ended with an error past the bounds of time and memory',
  },
  dbsize: {
    whole: true,
    guarantee:
      'a sum over the shards, each counted at its own moment; under a prefix the keys a scan finds are counted, where one may count twice while a table is resized',
  },
  randomkey: {
    whole: true,
    guarantee:
      'a shard is chosen by its number of keys; under a prefix, when 16 draws give none of the tenant’s keys, one of the first keys a scan finds is taken, so that keys are not equally likely',
  },
  flushdb: {
    whole: true,
    guarantee:
      'every key the tenant has at the start is removed, on each shard at its own moment; under a prefix by SCAN and UNLINK, so that a key written meanwhile may stay; an error says how far it came',
  },
  flushall: {
    whole: false,
    guarantee:
      'the tenant’s own keys only: all databases of a backend of its own, its one database, or, under a prefix, by SCAN and UNLINK as FLUSHDB; an error says how far it came',
  },
  time: {
    whole: true,
    guarantee: 'the clock of one of the shards',
  },
  wait: {
    whole: false,
    guarantee:
      'everything written before it, by any client, counts; of a cluster the primary with the fewest replicas that have it',
  },
};

const readApart =
  'each key is read at its own moment, so that a write in between may show in one and not in another';
const copies =
  'each key is read at its own moment; keys of other slots are copied beside the others for the time of the command and the server computes on the copies';
const copiesStored =
  'each key is read at its own moment; the destination is written in one step by the server, on copies of the keys of other slots laid beside it for the time of the command';
const carried =
  'computed in one step where the source is, then carried over; the destination is replaced in one step, a little later';

const moved =
  'value and time to live are copied to the destination first, then the source is removed if it is still what was copied, else copied again; both can be seen for a moment, the value is never nowhere and no write to the source is lost; two renames of one key at once may both succeed';
export const poppedThenPushed =
  'popped, then pushed: no two clients pop one element; it is put back when it cannot be pushed, and is lost only if the proxy itself ends in between or the answer to the pop is lost on the way; where the answer to the push is, it may be in both lists; an error says so';
export const sortedBy =
  'the elements are read at one moment and the keys of each BY and GET pattern at their own';
const inTurn = 'one key after the other is asked, each pop is atomic';

/** Commands on keys of several slots, where the tenant lets them be emulated; by full name. */
export const acrossSlots: Readonly<Record<string, string>> = {
  sunion: readApart,
  sinter: readApart,
  sdiff: readApart,
  sintercard: copies,
  sunionstore: copiesStored,
  sinterstore: copiesStored,
  sdiffstore: copiesStored,
  zunion: copies,
  zinter: copies,
  zdiff: copies,
  zintercard: copies,
  zunionstore: copiesStored,
  zinterstore: copiesStored,
  zdiffstore: copiesStored,
  zrangestore: carried,
  geosearchstore: carried,
  georadius: carried,
  georadiusbymember: carried,
  pfcount: copies,
  pfmerge: copiesStored,
  bitop: copiesStored,
  lcs: copies,
  rename: moved,
  renamenx: moved,
  copy: 'value and time to live are read one right after the other and written to the destination in one step',
  smove:
    'added to the destination, then removed from the source: a member can be seen in both for a moment, never in none; one that another client takes meanwhile is taken back from the destination',
  lmove: poppedThenPushed,
  rpoplpush: poppedThenPushed,
  lmpop: inTurn,
  zmpop: inTurn,
  sort: `${sortedBy}; without patterns the server sorts in one step; a destination is replaced in one step`,
  sort_ro: sortedBy,
};
