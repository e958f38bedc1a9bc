/** Elements that a server popped for a client that had gone: put back where they were. */
import type { BlockingThat } from '@respool/contracts/commands/blocking';
import { type Backing, Purse } from '../command/backing.ts';
import type { DataPlane } from '../proxy.ts';
import { decodeReply } from '../resp/reply-decoder.ts';
import { itemsOf, type Resp } from '../resp/resp.ts';
import type { BackendView } from '../state.ts';

/** One command that undoes a pop, and how many elements it puts back. */
export interface Restoring {
  readonly key: Buffer;
  readonly args: readonly (string | Buffer)[];
  readonly elements: number;
}

/** What was popped, by whom: `rest` is the reply without its first item, the key. */
interface Popped {
  readonly args: readonly Buffer[];
  readonly key: Buffer;
  readonly rest: readonly Resp[];
}

type Undo = (popped: Popped) => Restoring;

/** Each command whose elements go back, by the table that promises it. */
const undos: Readonly<Record<BlockingThat<'pops'>, Undo>> = {
  blpop: ({ key, rest }) => push('LPUSH', key, rest),
  brpop: ({ key, rest }) => push('RPUSH', key, rest),
  blmpop({ args, key, rest }) {
    // The last one popped goes back first.
    const elements = [...(itemsOf(rest[0] as Resp) ?? [])].reverse();
    const end = textAt(args, 3 + Number(textAt(args, 2)));
    return push(end === 'left' ? 'LPUSH' : 'RPUSH', key, elements);
  },
  bzpopmin: ({ key, rest }) => add(key, [rest]),
  bzpopmax: ({ key, rest }) => add(key, [rest]),
  bzmpop({ key, rest }) {
    const pairs = itemsOf(rest[0] as Resp) ?? [];
    return add(
      key,
      pairs.map((pair) => itemsOf(pair) ?? []),
    );
  },
};

/**
 * What undoes the blocking command `args` that was answered with `reply`; null when nothing was
 * popped, or when what was popped is kept elsewhere: BLMOVE moved it, XREADGROUP has it pending.
 */
export function restoring(args: readonly Buffer[], reply: Resp): Restoring | null {
  const [key, ...rest] = itemsOf(reply) ?? [];
  if (key?.type !== 'bulk') return null;
  const undo = (undos as Readonly<Record<string, Undo>>)[textAt(args, 0)];
  return undo?.({ args, key: key.bytes, rest }) ?? null;
}

function push(word: string, key: Buffer, elements: readonly Resp[]): Restoring {
  return { key, args: [word, key, ...elements.map(bytesOf)], elements: elements.length };
}

/** A member that stands in the sorted set again was added later, and its score counts. */
function add(key: Buffer, pairs: readonly (readonly Resp[])[]): Restoring {
  const scored = pairs.flatMap(([member, score]) => [bytesOf(score), bytesOf(member)]);
  return { key, args: ['ZADD', key, 'NX', ...scored], elements: pairs.length };
}

function textAt(args: readonly Buffer[], index: number): string {
  return (args[index]?.toString('latin1') ?? '').toLowerCase();
}

function bytesOf(value: Resp | undefined): Buffer {
  if (value?.type === 'bulk') return value.bytes;
  if (value?.type !== 'double')
    throw new Error('invariant: an element is a string, a score a number');
  const { value: score } = value;
  return Buffer.from(Number.isFinite(score) ? String(score) : score > 0 ? 'inf' : '-inf');
}

export interface GiveBackScene {
  readonly proxy: DataPlane;
  readonly client: { readonly id: number };
  readonly backend: BackendView;
  readonly database: number;
}

const underWay = new Set<Promise<void>>();

/** Resolves when nothing is being put back any more: a process must not end before. */
export async function allGivenBack(): Promise<void> {
  while (underWay.size > 0) await Promise.all(underWay);
}

/** `args` as they were sent, `reply` whole, as bytes; `then` runs when it is over either way. */
export function giveBack(
  scene: GiveBackScene,
  args: readonly Buffer[],
  reply: Buffer,
  then: () => void,
): void {
  const undo = reply.length === 0 ? null : restoring(args, decodeReply(reply, 0, reply.length));
  if (undo === null) {
    then();
    return;
  }
  const { proxy, client, backend, database } = scene;
  const { counters } = proxy.observe;
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  const work = restore(backend.backing(2, database, null, purse), undo).then(
    () => {
      counters.poppedGivenBack += undo.elements;
    },
    (error: unknown) => lose({ proxy, client }, undo.elements, error),
  );
  underWay.add(work);
  void work.finally(() => {
    underWay.delete(work);
    purse.empty();
    then();
  });
}

/** At least `elements` are lost: counted, and said in the log. */
export function lose(
  { proxy, client }: Pick<GiveBackScene, 'proxy' | 'client'>,
  elements: number,
  cause: unknown,
): void {
  proxy.observe.counters.poppedLost += elements;
  const words = `${elements} popped elements could not be put back`;
  proxy.failed(client, new Error(words, { cause }));
}

async function restore(backing: Backing, { key, args }: Restoring): Promise<void> {
  const answer = await backing.ask(key, args);
  if (answer.type === 'error') throw new Error(answer.text);
}
