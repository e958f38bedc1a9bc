/** Commands about all keys of a tenant: counted, listed, chosen from. */
import { randomInt } from 'node:crypto';
import type { Resp } from '../resp/resp.ts';
import { eachOf, expectBytes, expectInteger, keep, type Task } from './task.ts';
import { isTemporary } from './temporary.ts';
import { walk } from './walk.ts';

/** DBSIZE: the sum over the shards; under a prefix what a scan finds. */
export async function dbsize(task: Task): Promise<Resp> {
  if (!isPrefixed(task)) {
    return { type: 'integer', value: sumOf(await sizesOf(task)) };
  }
  let count = 0;
  await walk(task, null, (keys) => {
    count += keys.length;
    return true;
  });
  return { type: 'integer', value: count };
}

/** KEYS: each key once, though a scan may meet it twice. */
export async function keys(task: Task): Promise<Resp> {
  const found = new Set<string>();
  await walk(task, task.args[1] as Buffer, (page) => {
    for (const key of page) {
      const name = key.toString('latin1');
      if (found.has(name)) continue;
      keep(task, 2 * key.length);
      found.add(name);
    }
    return true;
  });
  const items = Array.from(found, (name): Resp => {
    return { type: 'bulk', bytes: Buffer.from(name, 'latin1') };
  });
  return { type: 'array', items };
}

const none: Resp = { type: 'null', aggregate: false };

/** RANDOMKEY on nodes chosen by the number of their keys, until one of the tenant's comes up. */
const tries = 16;

export async function randomkey(task: Task): Promise<Resp> {
  const { backing } = task;
  const sizes = await sizesOf(task);
  const all = sumOf(sizes);
  if (all === 0) return none;
  const nodes = Array.from({ length: tries }, () => choose(sizes, randomInt(all)));
  const drawn = await eachOf(nodes, async (node) => {
    return expectBytes(await backing.askNode(node, ['RANDOMKEY']));
  });
  for (const key of drawn) {
    const name = key === null ? null : backing.named(key);
    if (name !== null && !isTemporary(name)) return { type: 'bulk', bytes: name };
  }
  let chosen: Buffer | null = null;
  await walk(task, null, (page) => {
    if (page.length > 0) chosen = page[randomInt(page.length)] as Buffer;
    return chosen === null;
  });
  return chosen === null ? none : { type: 'bulk', bytes: chosen };
}

interface NodeSize {
  readonly node: string;
  readonly keys: number;
}

/** The node that has key number `place`, were all keys counted through. */
function choose(sizes: readonly NodeSize[], place: number): string {
  let rest = place;
  const found = sizes.find(({ keys }) => {
    rest -= keys;
    return rest < 0;
  });
  return (found as NodeSize).node;
}

export function isPrefixed({ backing }: Task): boolean {
  return backing.own(Buffer.alloc(0)).length > 0;
}

/** Keys on each node, counted at its own moment. Source: Redis command tips, `agg_sum`. */
function sizesOf({ backing }: Task): Promise<NodeSize[]> {
  return eachOf(backing.nodes(), async (node) => {
    return { node, keys: expectInteger(await backing.askNode(node, ['DBSIZE'])) };
  });
}

function sumOf(sizes: readonly NodeSize[]): number {
  return sizes.reduce((sum, { keys }) => sum + keys, 0);
}
