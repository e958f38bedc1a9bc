/** SCAN: a page of a tenant's keys, over all shards. */
import { CommandError } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import { scanNode } from './cluster-scan.ts';
import { readCursor } from './scan-cursor.ts';
import type { Task } from './task.ts';
import { type ScanWish, scanPage } from './walk.ts';

export async function scan(task: Task): Promise<Resp> {
  const { args, backing } = task;
  const cursor = readCursor((args[1] as Buffer).toString('latin1'));
  if (cursor === null) throw new CommandError('ERR invalid cursor');
  const wish = readWish(args.slice(2));
  // A wish this proxy cannot read is not understood by the server either: it says what is wrong.
  if (wish === null) {
    await scanNode(backing, backing.ownerOf(0), 0n, args.slice(2));
    throw new CommandError('ERR syntax error');
  }
  const page = await scanPage(task, cursor, wish);
  const keys = page.keys.map((bytes): Resp => ({ type: 'bulk', bytes }));
  const next: Resp = { type: 'bulk', bytes: Buffer.from(page.cursor.toString()) };
  return { type: 'array', items: [next, { type: 'array', items: keys }] };
}

/** `[MATCH pattern] [COUNT n] [TYPE type]`, the last of each counts. Source: Redis, SCAN. */
function readWish(options: readonly Buffer[]): ScanWish | null {
  let match: Buffer | null = null;
  let type: string | null = null;
  const others: Buffer[] = [];
  for (let at = 0; at < options.length; at += 2) {
    const [word, value] = [options[at] as Buffer, options[at + 1]];
    const name = word.toString('latin1').toUpperCase();
    if (value === undefined || !['MATCH', 'COUNT', 'TYPE'].includes(name)) return null;
    if (name === 'MATCH') match = value;
    else others.push(word, value);
    if (name === 'TYPE') type = value.toString('latin1');
  }
  return { match, others, type };
}
