/** Over all keys of a tenant, a page at a time: what KEYS, DBSIZE and the flushes stand on. */
import type { Argument } from '../command/backing.ts';
import { patternMatches } from '../command/pattern.ts';
import { textOf } from '../resp/resp.ts';
import { scanCluster, scanNode } from './cluster-scan.ts';
import { eachOf, expectReply, goOn, type Task } from './task.ts';
import { isTemporary } from './temporary.ts';

/** What a scan is asked for; `match` is the client's pattern, without any prefix. */
export interface ScanWish {
  readonly match: Buffer | null;
  /** COUNT, TYPE and their values, as the server takes them. */
  readonly others: readonly Argument[];
  /** TYPE's value. */
  readonly type: string | null;
}

export interface Page {
  readonly cursor: bigint;
  /** The client's names of keys; none is another tenant's, none is a copy the proxy made. */
  readonly keys: readonly Buffer[];
}

/** One step from `cursor`, 0 at the beginning and, as an answer, at the end. */
export async function scanPage(task: Task, cursor: bigint, wish: ScanWish): Promise<Page> {
  const { backing } = task;
  const match = ownPattern(task, wish.match);
  const options = match === null ? wish.others : ['MATCH', match, ...wish.others];
  if (backing.kind === 'standalone') {
    const page = await scanNode(backing, backing.ownerOf(0), cursor, options);
    return { cursor: page.next, keys: clientNames(task, page.keys) };
  }
  const page = await scanCluster(backing, cursor, options);
  const more = await filtered(task, page.unfiltered, match, wish.type);
  return { cursor: page.cursor, keys: clientNames(task, [...page.keys, ...more]) };
}

const pageKeys = 1000;

/**
 * Gives `take` every page until the end, the purse as full as before behind each; ends when `take`
 * says false, when the client is gone, and with an error when it is too late.
 */
export async function walk(
  task: Task,
  match: Buffer | null,
  take: (keys: readonly Buffer[]) => Promise<boolean> | boolean,
): Promise<void> {
  const wish = { match, others: ['COUNT', String(pageKeys)], type: null };
  let cursor = 0n;
  do {
    goOn(task);
    const level = task.purse.level;
    const page = await scanPage(task, cursor, wish);
    task.purse.lower(level);
    cursor = page.cursor;
    if (!(await take(page.keys))) return;
  } while (cursor !== 0n);
}

const special = /[*?[\]\\^]/g;

function ownPattern({ backing }: Task, match: Buffer | null): Buffer | null {
  const prefix = backing.own(Buffer.alloc(0));
  if (prefix.length === 0) return match;
  const literal = Buffer.from(prefix.toString('latin1').replace(special, '\\$&'), 'latin1');
  return Buffer.concat([literal, match ?? Buffer.from('*')]);
}

function clientNames({ backing }: Task, keys: readonly Buffer[]): Buffer[] {
  return keys.flatMap((key) => {
    const name = backing.named(key);
    return name === null || isTemporary(name) ? [] : [name];
  });
}

/** Does what the server's own scan would have done. */
async function filtered(
  { backing }: Task,
  keys: readonly Buffer[],
  match: Buffer | null,
  type: string | null,
): Promise<Buffer[]> {
  const matching = keys.filter((key) => match === null || patternMatches(match, key));
  if (type === null) return matching;
  const types = await eachOf(matching, async (key) =>
    textOf(expectReply(await backing.ask(key, ['TYPE', key]))),
  );
  return matching.filter((_, index) => types[index] === type.toLowerCase());
}
