/** Subscriptions as a session holds them: topics of one backend, joined, heard and left. */
import { encodeReply, type Protocol } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import type { ChannelKind, ChannelSpace } from './channels.ts';

/** A message as clients get it: encoded once per protocol, however many they are. */
export class Message {
  readonly #value: Resp;
  readonly #encoded: [Buffer | null, Buffer | null] = [null, null];

  constructor(value: Resp) {
    this.#value = value;
  }

  bytes(protocol: Protocol): Buffer {
    const at = protocol - 2;
    this.#encoded[at] ??= encodeReply(this.#value, protocol);
    return this.#encoded[at];
  }
}

export interface Subscriber {
  /** A message of a joined topic. Returns whether it is the first since {@link flush}. */
  hear(message: Message): boolean;
  /** What was heard in one read of the server's is sent on. */
  flush(): void;
}

/** A channel or pattern as the clients of one tenant name it. */
export interface Topic {
  readonly kind: ChannelKind;
  readonly name: Buffer;
}

export interface Wanted {
  readonly kind: ChannelKind;
  readonly name: Buffer;
}

/** A subscriber that waits for its topics. */
export interface Joining {
  readonly topics: readonly Topic[];
  cancel(): void;
}

/**
 * Those who hear what is published on one of the server's channels. A server counts connections, of
 * which a proxy has one for all its clients: to know how many clients hear, take `connections` from
 * the server's number and add `clients`.
 */
export interface Audience {
  readonly connections: number;
  readonly clients: number;
}

/** All subscriptions of this process at one backend. */
export interface SubscriptionHub {
  /**
   * Calls `done` once, with null when the server confirmed every topic, which are heard from that
   * moment on, else with the error to answer. It may be called before this returns.
   */
  join(
    space: ChannelSpace,
    wanted: readonly Wanted[],
    subscriber: Subscriber,
    done: (failure: string | null, topics: readonly Topic[]) => void,
  ): Joining;
  leave(topic: Topic, subscriber: Subscriber): void;
  /** `name` is the server's. With patterns: everybody who hears it; else subscribers of the name. */
  audience(kind: 'channel' | 'shard', name: Buffer, withPatterns: boolean): Audience;
  /** Address of the node where every proxy subscribes to the server's `name`. */
  nodeOf(kind: 'channel' | 'shard', name: Buffer): string;
  /** Names with a subscriber here, as the tenant knows them. */
  names(space: ChannelSpace, kind: ChannelKind): Buffer[];
}
