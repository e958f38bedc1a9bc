/** One step of a scan over a cluster, which survives moved slots, failovers and new nodes. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Argument, type Backing, CommandError, slotCount } from '../command/backing.ts';
import { textOf } from '../resp/resp.ts';
import { addressOf, type ClusterView, markOf, rangeEnd, readClusterNodes } from './cluster-view.ts';
import {
  decodeCursor,
  encodeCursor,
  nodeCursorMax,
  readCursor,
  type ScanCursor,
} from './scan-cursor.ts';
import { expectInteger, expectList, expectReply } from './task.ts';

export interface ScanPage {
  readonly cursor: bigint;
  /** The backend's names of keys. */
  readonly keys: readonly Buffer[];
  /** Keys that the server did not filter: it was asked for a slot's keys, not for a scan. */
  readonly unfiltered: readonly Buffer[];
}

/**
 * While the cluster keeps its shape, one node after the other is scanned whole, in the order of
 * their lowest slots: the slot in the cursor says which are done. A node's cursor means nothing on
 * another node, and keys that move behind it are not seen. So the node says with every page, and
 * once more behind the last, who owns what, and the cursor carries 14 bits of what it said first.
 * Where the answer differs, the node's range is scanned again from its beginning: keys may repeat,
 * none is left out, but for a change whose bits are the same (one in 16,384) and a slot that went
 * away and came back between two pages.
 *
 * A slot that is being handed over lies on two nodes. Its keys move one way only: those on the
 * target are read once the owner's scan is over.
 */
export async function scanCluster(
  backing: Backing,
  cursor: bigint,
  options: readonly Argument[],
): Promise<ScanPage> {
  const from = decodeCursor(cursor);
  const { node, view, next, keys } = await ownersPage(backing, from, options);
  const at = from.node === 0n ? begun(view, from) : from;
  if (markFor(view, at) !== at.mark) return { ...nothing, cursor: again(at) };
  const page = { ...nothing, keys: at.moved ? inRange(backing, view, at.slot, keys) : keys };
  if (next !== 0n) {
    if (next > nodeCursorMax) throw new CommandError(tooManyBuckets);
    return { ...page, cursor: encodeCursor({ ...at, node: next }) };
  }
  const after = await viewOf(backing, node);
  const same = after.owners[at.slot] === after.self && markFor(after, at) === at.mark;
  if (!same) return { ...page, cursor: again(at) };
  const unfiltered = await handedOver(backing, after, node, at);
  const slot = nextSlot(after, at);
  const rest = { slot, moved: at.moved, mark: at.moved ? 0 : at.mark, node: 0n };
  return { ...page, cursor: slot < slotCount ? encodeCursor(rest) : 0n, unfiltered };
}

const nothing = { keys: [], unfiltered: [] };
const tooManyBuckets = 'ERR a node of this cluster holds too many keys to be scanned';

/** The range's beginning, where nodes are no longer scanned whole. */
function again({ slot }: ScanCursor): bigint {
  return encodeCursor({ slot, moved: true, mark: 0, node: 0n });
}

/**
 * A table of owners may be a moment old: who was asked says who has the slot now. Nodes may
 * disagree for a while, or know nobody: then they are asked again, in about three seconds all told.
 */
const ownersAskedMax = 36;
const askedAtOnce = 3;
const pauseMs = 100;

interface OwnersPage {
  readonly node: string;
  /** As it was right before the page. */
  readonly view: ClusterView;
  readonly next: bigint;
  readonly keys: readonly Buffer[];
}

/** A page of the node that owns the cursor's slot. */
async function ownersPage(
  backing: Backing,
  from: ScanCursor,
  options: readonly Argument[],
): Promise<OwnersPage> {
  let node = backing.ownerOf(from.slot);
  for (let asked = 0; asked < ownersAskedMax; asked++) {
    if (asked >= askedAtOnce) await pause(pauseMs);
    // On one connection, so in this order.
    const [view, page] = await Promise.all([
      viewOf(backing, node),
      scanNode(backing, node, from.node, options),
    ]);
    const owner = view.owners[from.slot] as string;
    if (owner === view.self) return { node, view, ...page };
    node = owner === '' ? backing.ownerOf(from.slot) : addressOf(view, owner, node);
  }
  throw new CommandError(`CLUSTERDOWN the owner of slot ${from.slot} is not known now, try again`);
}

/** The cursor of a node's scan that begins: from here on its mark counts. */
function begun(view: ClusterView, from: ScanCursor): ScanCursor {
  const whole = markOf(view, null);
  const moved = from.moved || (from.slot > 0 && from.mark !== whole);
  return { ...from, moved, mark: moved ? markOf(view, from.slot) : whole };
}

async function viewOf(backing: Backing, node: string): Promise<ClusterView> {
  const reply = expectReply(await backing.askNode(node, ['CLUSTER', 'NODES']));
  return readClusterNodes(textOf(reply) ?? '');
}

/** SCAN on one node; the server says what is wrong with the options. */
export async function scanNode(
  backing: Backing,
  node: string,
  cursor: bigint,
  options: readonly Argument[],
): Promise<{ next: bigint; keys: Buffer[] }> {
  const request = ['SCAN', cursor.toString(), ...options];
  const reply = expectReply(await backing.askNode(node, request));
  const [next, keys] = reply.type === 'array' ? reply.items : [];
  const read = readCursor(next === undefined ? '' : (textOf(next) ?? ''));
  if (read === null || keys === undefined) throw new CommandError('ERR the server sent no page');
  return { next: read, keys: expectList(keys) };
}

function markFor(view: ClusterView, at: ScanCursor): number {
  return markOf(view, at.moved ? at.slot : null);
}

function inRange(
  backing: Backing,
  view: ClusterView,
  from: number,
  keys: readonly Buffer[],
): Buffer[] {
  const end = rangeEnd(view, from);
  return keys.filter((key) => {
    const slot = backing.slotOf(key);
    return slot >= from && slot <= end;
  });
}

/** The lowest slot not covered yet, 16,384 at the end. */
function nextSlot(view: ClusterView, { slot, moved }: ScanCursor): number {
  const { owners } = view;
  let next = moved ? rangeEnd(view, slot) + 1 : slot + 1;
  const done = moved ? new Set(['']) : new Set(['', ...owners.slice(0, slot + 1)]);
  while (next < slotCount && done.has(owners[next] as string)) next++;
  return next;
}

/** Keys of slots that the scanned node is handing over, as far as they have arrived elsewhere. */
async function handedOver(
  backing: Backing,
  view: ClusterView,
  asked: string,
  { slot, moved }: ScanCursor,
): Promise<Buffer[]> {
  const end = rangeEnd(view, slot);
  const keys: Buffer[] = [];
  for (const [open, target] of view.leaving) {
    if (open < slot || (moved && open > end)) continue;
    const node = addressOf(view, target, asked);
    const count = expectInteger(
      await backing.askNode(node, ['CLUSTER', 'COUNTKEYSINSLOT', String(open)]),
    );
    if (count === 0) continue;
    const request = ['CLUSTER', 'GETKEYSINSLOT', String(open), String(count)];
    keys.push(...expectList(await backing.askNode(node, request)));
  }
  return keys;
}
