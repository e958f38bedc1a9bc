/** Commands that one Redis does in one step and shards cannot: read the parts, compute, write. */
import type { Resp } from '../resp/resp.ts';
import { dbsize } from './keyspace.ts';
import type { Task, Work } from './task.ts';

const works: Readonly<Record<string, Work>> = {
  dbsize,
};

/** The commands that have steps here, by full name. */
export const emulated: ReadonlySet<string> = new Set(Object.keys(works));

/** The reply to `task`, an error included; rejects with a `CommandError` whose message is one too. */
export function emulate(task: Task): Promise<Resp> {
  const work = works[task.name];
  if (work === undefined) throw new Error(`invariant: ${task.name} has steps`);
  return work(task);
}
