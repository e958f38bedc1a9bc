/**
 * One shard of a cluster that owns every slot: a primary and its replicas, which answer or refuse
 * as told. All share one keyspace, so a replica is never behind.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { array, bulk, number, simple } from '../resp/values.ts';
import { RequestReader } from './request-reader.ts';
import { error, execute, nameOf, ok, type Store, writes } from './small-redis.ts';

/** What a node does with a command of a client. */
export type Mood =
  | 'serves'
  /** Answers with this error instead. */
  | { readonly refuses: string }
  /** Breaks the connection instead. */
  | 'breaks'
  /** Says nothing, and nothing after it on the same connection: replies come in order. */
  | 'silent';

/** What a node knows of a connection. */
interface Heard {
  readonly: boolean;
  silent: boolean;
}

export class ScriptedNode {
  readonly server: Server;
  readonly sockets = new Set<Socket>();
  mood: Mood = 'serves';
  /** `connected`, or what else ROLE says of the link to the primary. */
  link = 'connected';
  /** Names of the commands it executed or refused. */
  asked: string[] = [];
  /** How long replies wait, ms. */
  delayMs = 0;

  readonly port: number;

  /** `server` listens. */
  constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  breakAll(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** As a process that ended. */
  async end(): Promise<void> {
    this.breakAll();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }
}

export class ScriptedShard {
  readonly store: Store = new Map();
  readonly nodes: ScriptedNode[] = [];
  /** Index of the primary. */
  primary = 0;
  /** Answer to COMMAND. */
  commands: Resp = array([]);
  /** Bracketed, as the primary's own line in CLUSTER NODES shows slots that move. */
  migrating = '';

  static async start(replicas: number): Promise<ScriptedShard> {
    const shard = new ScriptedShard();
    for (let index = 0; index <= replicas; index++) {
      const server = createServer((socket) => shard.#accept(index, socket));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      shard.nodes.push(new ScriptedNode(server));
    }
    return shard;
  }

  /** Commands of clients that each node got since it was last asked, by node. */
  asked(): string[][] {
    return this.nodes.map((node) => node.asked.splice(0));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end()));
  }

  #accept(index: number, socket: Socket): void {
    const node = this.nodes[index] as ScriptedNode;
    const reader = new RequestReader();
    const state: Heard = { readonly: false, silent: false };
    node.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => node.sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => {
      const replies = reader.feed(bytes).flatMap((args) => {
        const reply = this.#answer(index, args, state);
        if (reply === null) socket.resetAndDestroy();
        return reply === null || reply === 'nothing' ? [] : [encodeReply(reply, 2)];
      });
      if (node.delayMs === 0) socket.write(Buffer.concat(replies));
      else setTimeout(() => socket.write(Buffer.concat(replies)), node.delayMs);
    });
  }

  #answer(index: number, args: string[], state: Heard): Resp | null | 'nothing' {
    if (state.silent) return 'nothing';
    const node = this.nodes[index] as ScriptedNode;
    const isPrimary = index === this.primary;
    switch (nameOf(args)) {
      case 'PING':
        return simple('PONG');
      case 'CLIENT':
        return ok;
      case 'READONLY':
        state.readonly = true;
        return ok;
      case 'ROLE':
        return isPrimary
          ? array([bulk('master'), number(0), array([])])
          : array([bulk('slave'), bulk('127.0.0.1'), number(1), bulk(node.link), number(0)]);
      case 'COMMAND':
        return this.commands;
      case 'CLUSTER':
        return (args[1] as string).toUpperCase() === 'SLOTS' ? this.#slots() : this.#lines(index);
      default:
    }
    node.asked.push(nameOf(args));
    if (node.mood === 'breaks') return null;
    if (node.mood === 'silent') {
      state.silent = true;
      return 'nothing';
    }
    if (node.mood !== 'serves') return error(node.mood.refuses);
    const reads = nameOf(args) === 'NEW.GET' || !writes(args);
    const elsewhere = !isPrimary && (!state.readonly || !reads);
    if (elsewhere) return error(`MOVED 0 ${(this.nodes[this.primary] as ScriptedNode).address}`);
    return nameOf(args).startsWith('NEW.') ? array(args.map(bulk)) : execute(this.store, args);
  }

  #slots(): Resp {
    const at = ({ port }: ScriptedNode): Resp => array([bulk('127.0.0.1'), number(port)]);
    const replicas = this.nodes.filter((_, index) => index !== this.primary);
    const primary = this.nodes[this.primary] as ScriptedNode;
    return array([array([number(0), number(16_383), at(primary), ...replicas.map(at)])]);
  }

  #lines(index: number): Resp {
    const moves = index === this.primary ? this.migrating : '';
    return bulk(`0123 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-16383 ${moves}\n`);
  }
}
