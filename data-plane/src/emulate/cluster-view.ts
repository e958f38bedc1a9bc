/** What one node of a cluster says about who owns which slot: CLUSTER NODES, read. */
import { slotCount } from '../command/backing.ts';
import { markMax } from './scan-cursor.ts';

export interface ClusterView {
  /** Id of the node that was asked. */
  readonly self: string;
  /** Id of the owner of each slot, empty where there is none. */
  readonly owners: readonly string[];
  readonly addresses: ReadonlyMap<string, NodeAddress>;
  /** Slots of the asked node that it is handing over, with the node that takes them. */
  readonly leaving: ReadonlyMap<number, string>;
}

/** `host:port`; `named` is empty where the node announces no host name (Redis 7). */
export interface NodeAddress {
  readonly plain: string;
  readonly named: string;
}

/**
 * Source: Redis, CLUSTER NODES: `id ip:port@cport[,hostname] flags primary ping pong epoch link slot…`,
 * where a slot is `n`, `n-m`, or in the asked node's line `[n->-id]` or `[n-<-id]`.
 */
export function readClusterNodes(text: string): ClusterView {
  const owners = new Array<string>(slotCount).fill('');
  const addresses = new Map<string, NodeAddress>();
  const leaving = new Map<number, string>();
  let self = '';
  for (const line of text.split('\n')) {
    const [id = '', address = '', flags = '', , , , , , ...slots] = line.trim().split(' ');
    if (id === '') continue;
    if (flags.split(',').includes('myself')) self = id;
    addresses.set(id, readAddress(address));
    for (const word of slots) {
      const open = /^\[(\d+)->-(\w+)\]$/.exec(word);
      if (open !== null) leaving.set(Number(open[1]), open[2] as string);
      const range = /^(\d+)(?:-(\d+))?$/.exec(word);
      if (range !== null) owners.fill(id, Number(range[1]), Number(range[2] ?? range[1]) + 1);
    }
  }
  return { self, owners, addresses, leaving };
}

function readAddress(text: string): NodeAddress {
  const [, plain = '', port = '', name = ''] = /^(.*:(\d+))@\d+(?:,([^,]*))?/.exec(text) ?? [];
  return { plain, named: name === '' ? '' : `${name}:${port}` };
}

/** How to reach node `id`, in the words by which `asked`, the node that gave the view, is reached. */
export function addressOf(view: ClusterView, id: string, asked: string): string {
  const { plain = '', named = '' } = view.addresses.get(id) ?? {};
  if (view.addresses.get(view.self)?.named === asked && named !== '') return named;
  // A node that nobody met from outside does not know its own host.
  return plain.startsWith(':') ? asked.slice(0, asked.lastIndexOf(':')) + plain : plain;
}

/** The last slot of the range around `slot` that has one owner throughout. */
export function rangeEnd({ owners }: ClusterView, slot: number): number {
  let end = slot;
  while (end + 1 < slotCount && owners[end + 1] === owners[slot]) end++;
  return end;
}

/** 14 bits over who owns which slot, or over the one range around `slot` when that alone matters. */
export function markOf(view: ClusterView, slot: number | null): number {
  if (slot !== null) return hash([view.owners[slot] as string, String(rangeEnd(view, slot))]);
  const words: string[] = [];
  for (let at = 0; at < slotCount; at = rangeEnd(view, at) + 1) {
    words.push(view.owners[at] as string, String(at));
  }
  return hash(words);
}

/** FNV-1a, folded. */
function hash(words: readonly string[]): number {
  let value = 0x811c9dc5;
  for (const character of words.join(' ')) {
    value = Math.imul(value ^ character.charCodeAt(0), 0x01000193);
  }
  return ((value >>> 14) ^ value) & markMax;
}
