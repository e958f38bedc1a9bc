/** The way of clients whose reads go elsewhere than their writes: two tables of slots. */
import type { ReadFrom } from '@respool/contracts/entities';
import type { Upstream, UpstreamConnection } from '../../command/upstream.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisUpstream } from './upstream.ts';

/** Parts into which clients are dealt: a shard with 1, 2, 3, 4, 6 or 12 nodes shares evenly. */
export const readShares = 12;

export type NodesOf = (readFrom: ReadFrom, owner: RedisConnection) => readonly RedisConnection[];

export class ReadWay implements Upstream {
  readonly single = null;
  readonly readFrom: ReadFrom;
  readonly plain: RedisUpstream;
  reads: readonly UpstreamConnection[] = [];
  readonly #share: number;

  constructor(plain: RedisUpstream, readFrom: ReadFrom, share: number) {
    this.plain = plain;
    this.readFrom = readFrom;
    this.#share = share;
  }

  get slots(): readonly UpstreamConnection[] | null {
    return this.plain.slots;
  }

  get epoch(): number {
    return this.plain.epoch;
  }

  get database(): number {
    return this.plain.database;
  }

  /** A new table: one that is being read is left as it is. */
  fill(nodesOf: NodesOf): void {
    const owners = this.plain.slots ?? [];
    const picked = new Map<RedisConnection, RedisConnection>();
    for (const owner of new Set(owners)) {
      const nodes = nodesOf(this.readFrom, owner);
      picked.set(owner, nodes[this.#share % Math.max(1, nodes.length)] ?? owner);
    }
    this.reads = owners.map((owner) => picked.get(owner) as RedisConnection);
  }
}
