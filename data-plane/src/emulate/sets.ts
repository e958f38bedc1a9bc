/** SUNION, SINTER and SDIFF over sets of several slots: read whole, computed here. */
import type { Resp } from '../resp/resp.ts';
import { eachOf, expectList, keep, type Task, type Work } from './task.ts';

export const sunion: Work = (task) => compute(task, (sets) => union(task, sets));

export const sinter: Work = (task) =>
  compute(task, (sets) => {
    // What is in all is in the smallest.
    const [smallest = [], ...others] = sets.toSorted((a, b) => a.length - b.length);
    const rest = others.map((set) => namesOf(task, set));
    return smallest.filter((member) => rest.every((set) => set.has(member.toString('latin1'))));
  });

export const sdiff: Work = (task) =>
  compute(task, ([first = [], ...others]) => {
    const rest = others.map((set) => namesOf(task, set));
    return first.filter((member) => !rest.some((set) => set.has(member.toString('latin1'))));
  });

type Members = readonly Buffer[];

/** A key that holds no set ends it, wherever it stands. Source: Redis 7.0 `sinterGenericCommand`. */
async function compute(task: Task, made: (sets: readonly Members[]) => Members): Promise<Resp> {
  const { backing, args, keys } = task;
  const sets = await eachOf(keys, async (at) => {
    const key = backing.own(args[at] as Buffer);
    return expectList(await backing.ask(key, ['SMEMBERS', key]));
  });
  const items = made(sets).map((bytes): Resp => ({ type: 'bulk', bytes }));
  return { type: 'set', items };
}

function union(task: Task, sets: readonly Members[]): Members {
  const members = new Map<string, Buffer>();
  for (const member of sets.flat()) {
    const name = member.toString('latin1');
    if (members.has(name)) continue;
    keep(task, member.length);
    members.set(name, member);
  }
  return [...members.values()];
}

function namesOf(task: Task, members: Members): Set<string> {
  return new Set(
    members.map((member) => {
      keep(task, member.length);
      return member.toString('latin1');
    }),
  );
}
