/**
 * A Redis of our own, standalone or a cluster of three nodes, that misbehaves as told: slow, in
 * pieces of any size, redirecting, refusing for now, breaking off at any byte, or going silent.
 * All nodes share one keyspace, so a moved slot needs no copying and the model stays exact.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { bulk, map } from '../resp/values.ts';
import { slotOf } from '../route/slot.ts';
import type { Random } from './random.ts';
import { RequestReader } from './request-reader.ts';
import { error, execute, keysOf, nameOf, ok, type Store } from './small-redis.ts';

/** Each a probability: per command, or, where it says so, per piece of output. */
export interface Faults {
  /** TRYAGAIN, CLUSTERDOWN or LOADING instead of executing. */
  later: number;
  /** The slot moves to another node before the command. */
  move: number;
  /** The slot begins or ends to migrate: the owner answers ASK. */
  migrate: number;
  /** Per piece: the connection breaks in the middle of it. */
  breakOff: number;
  /** The connection breaks instead of executing. */
  refuse: number;
  /** The connection says and does nothing any more. */
  silent: number;
  /** Per piece: it waits a moment. */
  slow: number;
}

export const noFaults: Faults = {
  later: 0,
  move: 0,
  migrate: 0,
  breakOff: 0,
  refuse: 0,
  silent: 0,
  slow: 0,
};

const slotCount = 16_384;
const migrationMs = 100;

interface Node {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  port: number;
}

export class ScriptedBackend {
  readonly faults: Faults;
  /** By database. */
  readonly stores = new Map<number, Store>();
  readonly nodes: Node[] = [];
  /** Index of the owner of each slot; unused when standalone. */
  readonly owners = new Uint8Array(slotCount);
  readonly migrating = new Map<number, number>();
  /** What the nodes call themselves in HELLO; a node without one says nothing of itself. */
  versions: readonly string[] = [];
  /** Commands executed or refused, connections accepted. */
  commands = 0;
  accepted = 0;
  readonly #random: Random;
  readonly #changedMs = new Map<number, number>();

  private constructor(random: Random, faults: Faults) {
    this.#random = random;
    this.faults = faults;
  }

  static async start(size: 1 | 3, random: Random, faults: Faults): Promise<ScriptedBackend> {
    const backend = new ScriptedBackend(random, faults);
    for (let index = 0; index < size; index++) await backend.#open(index);
    for (let slot = 0; slot < slotCount; slot++) backend.owners[slot] = slot % size;
    return backend;
  }

  get cluster(): boolean {
    return this.nodes.length > 1;
  }

  /** Breaks all connections of all nodes. */
  breakAll(): void {
    for (const { sockets } of this.nodes) for (const socket of sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.breakAll();
    await Promise.all(
      this.nodes.map(async ({ server }) => {
        server.close();
        await once(server, 'close');
      }),
    );
  }

  async #open(index: number): Promise<void> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      this.accepted++;
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      new ServerSide(this, index, socket, this.#random);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.nodes.push({ server, sockets, port: (server.address() as AddressInfo).port });
  }

  /** What CLUSTER SLOTS says: the true owners, migrations included only when over. */
  slots(): Resp {
    const items: Resp[] = [];
    for (let from = 0; from < slotCount; ) {
      const owner = this.owners[from] as number;
      let to = from;
      while (to + 1 < slotCount && this.owners[to + 1] === owner) to++;
      items.push({ type: 'array', items: [number(from), number(to), this.#node(owner)] });
      from = to + 1;
    }
    return { type: 'array', items };
  }

  #node(index: number): Resp {
    const host: Resp = { type: 'bulk', bytes: Buffer.from('127.0.0.1') };
    return { type: 'array', items: [host, number((this.nodes[index] as Node).port)] };
  }

  /**
   * Moves the slot once, at once or by a migration that lasts: under a command that is on its way
   * it must not move back, for then no proxy could keep the order.
   */
  #shift(slot: number): void {
    const random = this.#random;
    const sinceMs = performance.now() - (this.#changedMs.get(slot) ?? Infinity);
    const target = this.migrating.get(slot);
    if (target !== undefined) {
      if (sinceMs < migrationMs || !random.chance(this.faults.migrate)) return;
      this.owners[slot] = target;
      this.migrating.delete(slot);
    } else if (!this.#changedMs.has(slot)) {
      const next = (this.owners[slot]! + 1 + random.below(2)) % this.nodes.length;
      if (random.chance(this.faults.move)) this.owners[slot] = next;
      else if (random.chance(this.faults.migrate)) this.migrating.set(slot, next);
      else return;
      this.#changedMs.set(slot, performance.now());
    }
  }

  /** The redirection `node` answers with, or null where it executes; may shift slots about first. */
  redirect(node: number, args: readonly string[], asking: boolean): Resp | null {
    const random = this.#random;
    const { faults } = this;
    if (random.chance(faults.later)) {
      const words = this.cluster ? ['TRYAGAIN', 'CLUSTERDOWN', 'LOADING'] : ['LOADING'];
      return error(`${random.pick(words)} not now`);
    }
    if (!this.cluster) return null;
    const slots = keysOf(args).map((key) => {
      const bytes = Buffer.from(key, 'latin1');
      return slotOf(bytes, 0, bytes.length, 0);
    });
    const [slot = 0] = slots;
    if (slots.some((one) => one !== slot)) {
      return error("CROSSSLOT Keys in request don't hash to the same slot");
    }
    this.#shift(slot);
    const owner = this.owners[slot] as number;
    const target = this.migrating.get(slot);
    const at = (index: number): string => `${slot} 127.0.0.1:${(this.nodes[index] as Node).port}`;
    if (node === owner) return target === undefined ? null : error(`ASK ${at(target)}`);
    return node === target && asking ? null : error(`MOVED ${at(owner)}`);
  }
}

function number(value: number): Resp {
  return { type: 'integer', value };
}

/** One connection as the server sees it. */
class ServerSide {
  readonly #backend: ScriptedBackend;
  readonly #node: number;
  readonly #socket: Socket;
  readonly #random: Random;
  readonly #reader = new RequestReader();
  #protocol: 2 | 3 = 2;
  #database = 0;
  #asking = false;
  #silent = false;
  #out: Buffer[] = [];
  #sending = false;

  constructor(backend: ScriptedBackend, node: number, socket: Socket, random: Random) {
    this.#backend = backend;
    this.#node = node;
    this.#socket = socket;
    this.#random = random.fork();
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
  }

  #received(bytes: Buffer): void {
    for (const args of this.#reader.feed(bytes)) {
      if (this.#silent || this.#socket.destroyed) return;
      const reply = this.#answer(args);
      if (reply !== null) this.#out.push(encodeReply(reply, this.#protocol));
    }
    if (!this.#sending) this.#send();
  }

  #greeting(): Resp {
    const version = this.#backend.versions[this.#node];
    if (version === undefined) return map([]);
    return map([
      ['server', bulk('redis')],
      ['version', bulk(version)],
    ]);
  }

  #answer(args: readonly string[]): Resp | null {
    const { faults } = this.#backend;
    switch (nameOf(args)) {
      case 'HELLO':
        this.#protocol = args[1] === '3' ? 3 : 2;
        return this.#greeting();
      case 'SELECT':
        this.#database = Number(args[1]);
        return ok;
      case 'PING':
        return { type: 'simple', text: 'PONG' };
      case 'CLIENT':
        return ok;
      case 'CLUSTER':
        return this.#backend.slots();
      case 'COMMAND':
        return { type: 'array', items: [] };
      case 'ASKING':
        this.#asking = true;
        return ok;
      default:
    }
    this.#backend.commands++;
    if (this.#random.chance(faults.silent)) {
      this.#silent = true;
      return null;
    }
    if (this.#random.chance(faults.refuse)) {
      this.#socket.resetAndDestroy();
      return null;
    }
    const asking = this.#asking;
    this.#asking = false;
    const elsewhere = this.#backend.redirect(this.#node, args, asking);
    return elsewhere ?? execute(this.#store(), args);
  }

  #store(): Store {
    let store = this.#backend.stores.get(this.#database);
    if (store === undefined) {
      store = new Map();
      this.#backend.stores.set(this.#database, store);
    }
    return store;
  }

  /** Sends what is gathered in pieces of any size, now and then waiting or breaking off. */
  #send(): void {
    this.#sending = true;
    let bytes = Buffer.concat(this.#out);
    this.#out = [];
    const { faults } = this.#backend;
    while (bytes.length > 0 && !this.#silent && !this.#socket.destroyed) {
      const size = Math.min(bytes.length, this.#pieceBytes());
      if (this.#random.chance(faults.breakOff)) {
        this.#socket.write(bytes.subarray(0, this.#random.below(size + 1)));
        if (this.#random.chance(0.5)) this.#socket.destroySoon();
        else setImmediate(() => this.#socket.resetAndDestroy());
        return;
      }
      this.#socket.write(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
      if (!this.#random.chance(faults.slow)) continue;
      this.#out.unshift(bytes);
      if (this.#random.chance(0.7)) setImmediate(() => this.#send());
      else setTimeout(() => this.#send(), this.#random.below(4));
      return;
    }
    this.#sending = false;
  }

  #pieceBytes(): number {
    return 1 + this.#random.below(this.#random.pick([3, 40, 1000, 70_000, 300_000]));
  }
}
