/** A session's backend as a command of several steps sees it: asked one command at a time, answered in values. */
import type { Resp } from '../resp/resp.ts';
import type { Lease } from './lease.ts';

export type Argument = string | Buffer;

/** Hash slots of a cluster. */
export const slotCount = 16_384;

/**
 * Every key given or found here is the backend's own name of it: {@link Backing.own} makes that of
 * a client's key. Replies are asked for in RESP2, whatever the client speaks, so that a score keeps
 * the digits the server printed. An error reply of the server is a value (`type: 'error'`); a
 * {@link CommandError} is thrown when there is no reply, or when it is larger than allowed.
 */
export interface Backing {
  readonly kind: 'standalone' | 'cluster';
  /** `key` as the backend knows it: the tenant's prefix in front. */
  own(key: Buffer): Buffer;
  /** What the client calls the backend's `key`; null when it is not this tenant's. */
  named(key: Buffer): Buffer | null;
  /** Hash slot of the backend's key; 0 on a standalone backend, where all keys live together. */
  slotOf(key: Buffer): number;
  /** Asks the primary that owns `key`; redirects are followed, harmless retries made. */
  ask(key: Buffer, args: readonly Argument[]): Promise<Resp>;
  /** As {@link ask}, but answered in the client's protocol, the bytes as they came. */
  relay(key: Buffer, args: readonly Argument[]): Promise<Buffer>;
  /** Address of the primary that owns `slot`, as far as is known here. */
  ownerOf(slot: number): string;
  /** Addresses of the primaries, in an order that stays while the topology does; one of a standalone. */
  nodes(): readonly string[];
  /** Asks the server at `node`, `host:port`; never redirected. */
  askNode(node: string, args: readonly Argument[]): Promise<Resp>;
  /** A connection to `node` of one's own, for what blocks; whoever has it must release it. */
  borrow(node: string): Promise<Lease>;
  /** The same as {@link askNode} over a connection of its own: reaches a server that a script keeps busy. */
  askUrgently(node: string, args: readonly Argument[]): Promise<Resp>;
}

/** What a client is told instead of a reply; `message` begins with the error's prefix word. */
export class CommandError extends Error {
  override name = 'CommandError';
}

export const tooLarge =
  'ERR the parts of this command are larger than this proxy may hold; nothing more was done';

/** Bytes that commands of several steps hold, in the whole process. */
export interface HeldBytes {
  bytes: number;
  readonly bytesMax: number;
}

/**
 * What one such command may hold of the replies it gathers: `bytesMax` for itself, and together with
 * all others no more than the process allows. Beyond that the command ends with an error: a set of
 * a gigabyte must not be unioned in a proxy.
 */
export class Purse {
  readonly #all: HeldBytes;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(all: HeldBytes, bytesMax: number) {
    this.#all = all;
    this.#bytesMax = bytesMax;
  }

  /** False when the bytes are not to be had; nothing is taken then. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    if (this.#all.bytes + bytes > this.#all.bytesMax) return false;
    this.#bytes += bytes;
    this.#all.bytes += bytes;
    return true;
  }

  /** Bytes taken so far; see {@link lower}. */
  get level(): number {
    return this.#bytes;
  }

  /** Gives back what was taken since the purse stood at `level`: it is held no more. */
  lower(level: number): void {
    this.#all.bytes -= this.#bytes - level;
    this.#bytes = level;
  }

  /** Everything taken is given back: the command has its reply. */
  empty(): void {
    this.lower(0);
  }
}
