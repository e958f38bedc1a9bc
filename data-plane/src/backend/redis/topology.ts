/** Which node owns which slot, and which follow it: CLUSTER SLOTS read into a table. */
import type { Address } from '@respool/contracts/entities';
import { slotCount } from '../../command/backing.ts';
import { itemsOf, type Resp, textOf } from '../../resp/resp.ts';

/** `host:port` of the primary of each slot; null where nobody owns it. */
export type SlotOwners = (string | null)[];

/** `host:port` of each primary's replicas; none that is known to have failed. */
export type Replicas = ReadonlyMap<string, readonly string[]>;

/** Before the first topology was read. */
export const unowned: SlotOwners = new Array<string | null>(slotCount).fill(null);

export interface Topology {
  readonly owners: SlotOwners;
  readonly replicas: Replicas;
}

/**
 * Reads the reply of CLUSTER SLOTS; `asked` is the host that answered, meant where the reply leaves
 * the host out. Throws when it is no such reply or covers nothing: a node that was reset, or one
 * not yet part of a cluster, must not empty the table. Source: Redis CLUSTER SLOTS; chosen over
 * CLUSTER SHARDS because Redis 6 has it too.
 */
export function readSlots(reply: Resp, asked: string): Topology {
  if (reply.type === 'error') throw new Error(reply.text);
  const replicas = new Map<string, readonly string[]>();
  const owners: SlotOwners = new Array<string | null>(slotCount).fill(null);
  let covered = 0;
  for (const range of itemsOf(reply) ?? []) {
    const [first, last, primary, ...followers] = itemsOf(range) ?? [];
    const from = integerOf(first);
    const to = integerOf(last);
    const owner = addressOf(primary, asked);
    if (from < 0 || to >= slotCount || from > to) throw new Error('CLUSTER SLOTS: bad range');
    owners.fill(owner, from, to + 1);
    covered += to - from + 1;
    const addresses = followers.map((one) => addressOf(one, asked));
    replicas.set(owner, [...new Set([...(replicas.get(owner) ?? []), ...addresses])].sort());
  }
  if (covered === 0) throw new Error('the cluster serves no slot');
  return { owners, replicas };
}

function integerOf(value: Resp | undefined): number {
  if (value?.type !== 'integer') throw new Error('CLUSTER SLOTS: a number was expected');
  return Number(value.value);
}

function addressOf(value: Resp | undefined, asked: string): string {
  const [host, port] = value === undefined ? [] : (itemsOf(value) ?? []);
  const name = host === undefined ? null : textOf(host);
  // Redis 7 leaves the host out when it is the one we asked (cluster-preferred-endpoint-type).
  const known = name === null || name === '' || name === '?' ? asked : name;
  return `${known}:${integerOf(port)}`;
}

/** `host:port`, where an IPv6 host may stand bare, as Redis prints it. */
export function parseAddress(address: string): Address {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}

/** `host:port`. */
export function addressText({ host, port }: Address): string {
  return `${host}:${port}`;
}
