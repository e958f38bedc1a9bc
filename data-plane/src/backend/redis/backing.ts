/** One session's view of a Redis backend for commands of several steps. */
import { type Argument, type Backing, CommandError, type Purse } from '../../command/backing.ts';
import type { Lease } from '../../command/lease.ts';
import type { UpstreamConnection } from '../../command/upstream.ts';
import type { Meter } from '../../observe/meter.ts';
import type { Resp } from '../../resp/resp.ts';
import { call, relay } from './call.ts';
import type { RedisUpstream } from './upstream.ts';

export interface BackingOptions {
  /** Speaks RESP2. */
  readonly upstream: RedisUpstream;
  /** Speaks what the client speaks. */
  readonly clientUpstream: RedisUpstream;
  readonly prefix: Buffer | null;
  readonly purse: Purse;
  readonly timeoutMs: number;
  readonly meter: Meter;
  readonly slotOf: (bytes: Buffer, start: number, end: number) => number;
  readonly borrow: (node: string) => Promise<Lease>;
  readonly askUrgently: (node: string, args: readonly Argument[]) => Promise<Resp>;
}

export class RedisBacking implements Backing {
  readonly kind: 'standalone' | 'cluster';
  readonly #options: BackingOptions;

  constructor(options: BackingOptions) {
    this.#options = options;
    this.kind = options.upstream.single === null ? 'cluster' : 'standalone';
  }

  own(key: Buffer): Buffer {
    const { prefix } = this.#options;
    return prefix === null ? key : Buffer.concat([prefix, key]);
  }

  named(key: Buffer): Buffer | null {
    const { prefix } = this.#options;
    if (prefix === null) return key;
    const mine =
      key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
    return mine ? key.subarray(prefix.length) : null;
  }

  slotOf(key: Buffer): number {
    return this.kind === 'standalone' ? 0 : this.#options.slotOf(key, 0, key.length);
  }

  ask(key: Buffer, args: readonly Argument[]): Promise<Resp> {
    return this.#call(this.#way(this.#options.upstream, this.slotOf(key)), args);
  }

  relay(key: Buffer, args: readonly Argument[]): Promise<Buffer> {
    const { clientUpstream, meter, timeoutMs, purse } = this.#options;
    const way = this.#way(clientUpstream, this.slotOf(key));
    return relay(way, meter, args, { timeoutMs, purse });
  }

  nodes(): readonly string[] {
    return this.#options.upstream.primaries();
  }

  ownerOf(slot: number): string {
    const { single, slots } = this.#options.upstream;
    return (single ?? (slots![slot] as NonNullable<typeof single>)).address;
  }

  askNode(node: string, args: readonly Argument[]): Promise<Resp> {
    return this.#call(this.#options.upstream.node(node), args);
  }

  borrow(node: string): Promise<Lease> {
    return this.#options.borrow(node);
  }

  async askUrgently(node: string, args: readonly Argument[]): Promise<Resp> {
    try {
      return await this.#options.askUrgently(node, args);
    } catch (error) {
      throw new CommandError(`ERR backend unavailable: ${node}: ${(error as Error).message}`);
    }
  }

  #way({ single, slots }: RedisUpstream, slot: number): UpstreamConnection {
    return single ?? (slots![slot] as UpstreamConnection);
  }

  #call(connection: UpstreamConnection, args: readonly Argument[]): Promise<Resp> {
    const { meter, timeoutMs, purse } = this.#options;
    return call(connection, meter, args, { timeoutMs, purse });
  }
}
