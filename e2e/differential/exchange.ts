/** Steps carried out on both sides, and what came of it. */
import { encode, type RawClient } from '../topology/raw-client.ts';
import { bytesOf, leavesOf, readFrame } from './frame.ts';
import type { Command } from './grammar.ts';
import type { Judge, Mismatch } from './judge.ts';
import { playScene } from './scene.ts';
import { type Step, showCommand } from './step.ts';
import type { Target } from './target.ts';

/** The main connection to each side. */
export interface Pair {
  readonly plain: RawClient;
  readonly proxied: RawClient;
}

export async function connectPair({ plain, proxied }: Target): Promise<Pair> {
  const [one, other] = await Promise.all([plain.connect(), proxied.connect()]);
  return { plain: one, proxied: other };
}

export function closePair(pair: Pair): void {
  pair.plain.close();
  pair.proxied.close();
}

export interface Luck {
  /** 0 ≤ n < 1: how deep pipelines are, and where they are cut into writes. */
  readonly random: () => number;
}

/** Sends `commands` in one pipeline to both sides; null when every reply is right. */
export async function comparePipeline(
  pair: Pair,
  commands: readonly Command[],
  judge: Judge,
  { random }: Luck,
): Promise<Mismatch | null> {
  const bytes = Buffer.concat(commands.map((command) => encode(...command)));
  const wanted = pair.plain.replies(commands.length);
  const gotten = pair.proxied.replies(commands.length).catch((error: Error) => error);
  pair.plain.send(bytes);
  await sendInPieces(pair.proxied, bytes, random);
  const [want, result] = [await wanted, await gotten];
  const note = result instanceof Error ? result.message : '';
  const got = result instanceof Error ? await pair.proxied.replies(pair.proxied.waiting) : result;
  for (const [index, command] of commands.entries()) {
    const [one, other] = [want[index] as Buffer, got[index]];
    if (other === undefined) return { command, want: one, got: null, note };
    const mismatch = judge.judge(command, one, other);
    if (mismatch !== null) return mismatch;
  }
  const extra = pair.proxied.waiting;
  if (extra === 0) return null;
  const [first = null] = await pair.proxied.replies(1);
  const command = commands.at(-1) ?? [];
  return { command, want: null, got: first, note: `${extra} replies too many` };
}

/** Half of the time in one write; else in pieces, each a read of its own for the other side. */
async function sendInPieces(client: RawClient, bytes: Buffer, random: () => number): Promise<void> {
  if (random() < 0.5) return client.send(bytes);
  const most = random() < 0.1 ? 8 : 40_000;
  let turns = 0;
  for (let cursor = 0; cursor < bytes.length && turns < 400; turns += 1) {
    const size = 1 + Math.floor(random() ** 3 * most);
    client.send(bytes.subarray(cursor, cursor + size));
    cursor += size;
    await new Promise((resolve) => setImmediate(resolve));
    if (turns === 399) client.send(bytes.subarray(cursor));
  }
}

/** A step that is no pipeline. */
export async function compareAlone(
  target: Target,
  pair: Pair,
  step: Step,
  judge: Judge,
): Promise<Mismatch | null> {
  switch (step.kind) {
    case 'commands':
      return comparePipeline(pair, step.commands, judge, { random: () => 0 });
    case 'scan':
      return compareScans(pair, step.head, step.tail, judge);
    case 'random-key':
      return compareRandomKeys(pair, judge);
    case 'scene':
      return playScene(target, step.lines, judge);
    default:
      return step satisfies never;
  }
}

interface Scan {
  /** Null when the scan came to its end. */
  readonly failure: Buffer | null;
  readonly elements: string;
}

const scanCallsMax = 20_000;

/** A whole scan may repeat an element, and gives each that was there all along at least once. */
async function compareScans(
  pair: Pair,
  head: Command,
  tail: Command,
  judge: Judge,
): Promise<Mismatch | null> {
  const command = [...head, '0', ...tail];
  const [want, got] = await Promise.all([
    scanAll(pair.plain, head, tail),
    scanAll(pair.proxied, head, tail),
  ]);
  if (want.failure !== null && got.failure !== null) {
    return judge.judge(command, want.failure, got.failure);
  }
  const [one, other] = [reply(want), reply(got)];
  judge.saw(command, one);
  if (want.failure === null && got.failure === null && want.elements === got.elements) return null;
  return { command, want: one, got: other, note: `the whole scan of ${showCommand(command)}` };
}

function reply({ failure, elements }: Scan): Buffer {
  return failure ?? Buffer.from(elements, 'latin1');
}

async function scanAll(client: RawClient, head: Command, tail: Command): Promise<Scan> {
  const found = new Set<string>();
  // A reply's second part lists elements, of hashes and sorted sets in pairs.
  const size = /^[hz]scan$/i.test(String(head[0])) ? 2 : 1;
  let cursor = '0';
  for (let calls = 0; calls < scanCallsMax; calls += 1) {
    const raw = await client.raw(...head, cursor, ...tail);
    const [next, page] = readFrame(raw).items ?? [];
    if (next === undefined || page === undefined) return { failure: raw, elements: '' };
    const items = page.items ?? [];
    for (let at = 0; at < items.length; at += size) {
      found.add(
        items
          .slice(at, at + size)
          .map(bytesOf)
          .join(''),
      );
    }
    cursor = next.text ?? '0';
    if (cursor === '0') return { failure: null, elements: [...found].sort().join('') };
  }
  return { failure: Buffer.from('(it does not end)'), elements: '' };
}

async function compareRandomKeys(pair: Pair, judge: Judge): Promise<Mismatch | null> {
  const command = ['RANDOMKEY'];
  const keys = leavesOf(readFrame(await pair.plain.raw('KEYS', '*')));
  for (let round = 0; round < 4; round += 1) {
    const [want, got] = [await pair.plain.raw(...command), await pair.proxied.raw(...command)];
    judge.saw(command, want);
    const text = readFrame(got).text;
    const isRight = want.equals(got) || (text !== null && keys.includes(text));
    if (!isRight) return { command, want, got, note: `not one of ${keys.length} keys` };
  }
  return null;
}
