/** A cluster as a scan sees it, whose slots move, whose nodes fail over and whose table is late. */
import { type Argument, type Backing, CommandError, slotCount } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import type { Random } from './random.ts';

interface FakeNode {
  id: string;
  readonly address: string;
  /** Chooses the order of its buckets; another after a failover, as with Redis's hash seed. */
  seed: number;
  readonly keys: Set<string>;
}

const buckets = 64;

/** Keys are `<slot>:<anything>`. */
export class ScanCluster implements Backing {
  readonly kind = 'cluster';
  readonly nodesAll: FakeNode[] = [];
  readonly owners: FakeNode[] = [];
  /** What this proxy knows of {@link owners}. */
  #table: string[] = [];
  /** An open slot: its keys lie on two nodes. */
  #open: { slot: number; to: FakeNode } | null = null;
  readonly #random: Random;
  #named = 0;

  constructor(random: Random, nodes: number, rangeMax: number) {
    this.#random = random;
    for (let n = 0; n < nodes; n++) this.addNode();
    // The keys lie in the first slots; ranges grow behind them, which only saves time.
    for (let slot = 0, most = rangeMax; slot < slotCount; most *= 2) {
      const owner = random.pick(this.nodesAll);
      const end = Math.min(slotCount, slot + 1 + random.below(slot < 40 ? rangeMax : most));
      for (; slot < end; slot++) this.owners[slot] = owner;
    }
    this.refresh();
  }

  put(key: string): void {
    this.owners[slotIn(key)]!.keys.add(key);
  }

  refresh(): void {
    this.#table = this.owners.map(({ address }) => address);
  }

  addNode(): void {
    const number = this.#named++;
    const seed = this.#random.below(2 ** 31);
    this.nodesAll.push({ id: `id${number}`, address: `host:${number}`, seed, keys: new Set() });
  }

  /** One change of shape, or half of one. */
  disturb(): void {
    const random = this.#random;
    const kind = random.below(4);
    if (kind === 0) this.refresh();
    else if (kind === 1) this.#failOver(random.pick(this.nodesAll));
    else if (kind === 2 && this.nodesAll.length < 6) this.addNode();
    else this.#moveOn();
  }

  /** Ends a half-done move. */
  settle(): void {
    while (this.#open !== null) this.#moveOn();
    this.refresh();
  }

  own = (key: Buffer): Buffer => key;
  named = (key: Buffer): Buffer => key;
  slotOf = (key: Buffer): number => slotIn(key.toString());
  ownerOf = (slot: number): string => this.#table[slot] as string;
  nodes = (): string[] => [...new Set(this.#table)];

  ask(): Promise<Resp> {
    throw new Error('a scan asks nodes');
  }

  relay(): Promise<Buffer> {
    throw new Error('a scan asks nodes');
  }

  askUrgently(): Promise<Resp> {
    throw new Error('a scan has time');
  }

  borrow(): Promise<never> {
    throw new Error('a scan blocks nobody');
  }

  askNode(address: string, args: readonly Argument[]): Promise<Resp> {
    const node = this.nodesAll.find((one) => one.address === address);
    if (node === undefined) throw new CommandError(`ERR no node at ${address}`);
    const [word, second, third] = args.map(String);
    if (word === 'SCAN') return Promise.resolve(this.#page(node, Number(second)));
    if (second === 'NODES') return Promise.resolve(bulk(this.#nodesText(node)));
    const keys = [...node.keys].filter((key) => slotIn(key) === Number(third));
    if (second === 'COUNTKEYSINSLOT') {
      return Promise.resolve({ type: 'integer', value: keys.length });
    }
    return Promise.resolve({ type: 'array', items: keys.map(bulk) });
  }

  #page(node: FakeNode, cursor: number): Resp {
    const found = [...node.keys].filter((key) => bucketOf(node, key) === cursor % buckets);
    const next = (cursor % buckets) + 1;
    const items = [bulk(String(next === buckets ? 0 : next))];
    return { type: 'array', items: [...items, { type: 'array', items: found.map(bulk) }] };
  }

  #nodesText(asked: FakeNode): string {
    const slots = new Map<FakeNode, string[]>(this.nodesAll.map((node) => [node, []]));
    for (let from = 0; from < slotCount; ) {
      const owner = this.owners[from] as FakeNode;
      let to = from;
      while (this.owners[to + 1] === owner) to++;
      slots.get(owner)?.push(`${from}-${to}`);
      from = to + 1;
    }
    const open = this.#open;
    if (open !== null && this.owners[open.slot] === asked) {
      slots.get(asked)?.push(`[${open.slot}->-${open.to.id}]`);
    }
    return Array.from(slots, ([node, ranges]) => {
      const flags = node === asked ? 'myself,master' : 'master';
      return `${node.id} ${node.address}@1 ${flags} - 0 0 1 connected ${ranges.join(' ')}`;
    }).join('\n');
  }

  /** The replica that takes over has its own id, address and order of keys. */
  #failOver(node: FakeNode): void {
    this.addNode();
    const next = this.nodesAll.pop() as FakeNode;
    for (const key of node.keys) next.keys.add(key);
    this.nodesAll[this.nodesAll.indexOf(node)] = next;
    for (const [slot, owner] of this.owners.entries()) if (owner === node) this.owners[slot] = next;
    if (this.#open?.to === node) this.#open = { ...this.#open, to: next };
    this.refresh();
  }

  /** Opens a slot, carries some of its keys over, or hands it over. */
  #moveOn(): void {
    const open = this.#open;
    if (open === null) {
      const slot = this.#random.below(40);
      const to = this.#random.pick(this.nodesAll);
      if (to !== this.owners[slot]) this.#open = { slot, to };
      return;
    }
    const from = this.owners[open.slot] as FakeNode;
    const left = [...from.keys].filter((key) => slotIn(key) === open.slot);
    for (const key of left.slice(0, 1 + this.#random.below(4))) {
      from.keys.delete(key);
      open.to.keys.add(key);
    }
    if (left.length > 0) return;
    this.owners[open.slot] = open.to;
    this.#open = null;
  }
}

function slotIn(key: string): number {
  return Number(key.slice(0, key.indexOf(':')));
}

function bucketOf({ seed }: FakeNode, key: string): number {
  let hash = seed;
  for (const character of key) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 8) % buckets;
}

function bulk(text: string): Resp {
  return { type: 'bulk', bytes: Buffer.from(text) };
}
