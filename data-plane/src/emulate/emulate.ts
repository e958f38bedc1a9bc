/** Commands that one Redis does in one step and shards cannot: read the parts, compute, write. */
import { storeFirst, storeLast } from './afar.ts';
import { besideFirst, besideMost } from './beside.ts';
import { lmove, rpoplpush, smove } from './elements.ts';
import { firstOf } from './first-of.ts';
import { flush } from './flush.ts';
import { dbsize, keys, randomkey } from './keyspace.ts';
import { misfit } from './misfit.ts';
import { copy, rename, renamenx } from './moves.ts';
import { scan } from './scan.ts';
import { time, wait } from './server.ts';
import { sdiff, sinter, sunion } from './sets.ts';
import { sort } from './sort.ts';
import type { Answer, Task, Work } from './task.ts';

const works: Readonly<Record<string, Work>> = {
  scan,
  keys,
  dbsize,
  randomkey,
  flushdb: flush,
  flushall: flush,
  time,
  wait,
  rename,
  renamenx,
  copy,
  smove,
  lmove,
  rpoplpush,
  lmpop: firstOf,
  zmpop: firstOf,
  sort,
  sort_ro: sort,
  sunion,
  sinter,
  sdiff,
  sintercard: besideMost,
  sunionstore: besideFirst,
  sinterstore: besideFirst,
  sdiffstore: besideFirst,
  zunion: besideMost,
  zinter: besideMost,
  zdiff: besideMost,
  zintercard: besideMost,
  zunionstore: besideFirst,
  zinterstore: besideFirst,
  zdiffstore: besideFirst,
  zrangestore: storeFirst,
  geosearchstore: storeFirst,
  georadius: storeLast,
  georadiusbymember: storeLast,
  pfcount: besideMost,
  pfmerge: besideFirst,
  bitop: besideFirst,
  lcs: besideMost,
};

/** The commands that have steps here, by full name. */
export const emulated: ReadonlySet<string> = new Set(Object.keys(works));

/** The reply to `task`, an error included; rejects with a `CommandError` whose message is one too. */
export function emulate(task: Task): Promise<Answer> {
  if (!task.isPlaced) return misfit(task);
  const work = works[task.name];
  if (work === undefined) throw new Error(`invariant: ${task.name} has steps`);
  return work(task);
}
