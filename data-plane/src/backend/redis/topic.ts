/** What clients subscribed to, and the server's subscriptions that feed it. */
import {
  type ChannelKind,
  type ChannelSpace,
  type Place,
  type Source,
  seenBy,
  type Verb,
} from '../../command/channels.ts';
import { Message, type Subscriber } from '../../command/subscription.ts';
import type { Resp } from '../../resp/resp.ts';

/**
 * One subscription at the server, shared by all topics that need it.
 *
 *     server ──► feed ──► tap ──► topic ──► subscribers      a message is encoded once per topic
 */
export class Feed {
  readonly verb: Verb;
  readonly place: Place;
  readonly name: Buffer;
  readonly key: string;
  readonly taps = new Set<Tap>();
  /** By address: whether the server there confirmed it. */
  readonly at = new Map<string, boolean>();
  /** Addresses where it should stand. */
  targets: readonly string[] = [];
  /** Of a feed that is heard once: the address whose messages count. */
  heardAt: string | null = null;

  constructor(source: Source) {
    this.verb = source.verb;
    this.place = source.place;
    this.name = source.name;
    this.key = feedKey(source.verb, source.name);
  }

  get live(): boolean {
    return (
      this.targets.length > 0 && this.targets.every((address) => this.at.get(address) === true)
    );
  }

  /** Whether a message from `address` counts: of a cluster every node would tell it. */
  hears(address: string): boolean {
    return this.place === 'every' || this.heardAt === address;
  }
}

/** A feed as one topic reads it. */
export interface Tap {
  readonly feed: Feed;
  readonly source: Source;
  readonly topic: LiveTopic;
}

const words = { channel: 'message', pattern: 'pmessage', shard: 'smessage' } as const;

export class LiveTopic {
  readonly space: ChannelSpace;
  readonly kind: ChannelKind;
  readonly name: Buffer;
  readonly key: string;
  readonly subscribers = new Set<Subscriber>();
  readonly waiting = new Set<{ arrived(topic: LiveTopic): void }>();
  taps: readonly Tap[] = [];

  constructor(space: ChannelSpace, kind: ChannelKind, name: Buffer) {
    this.space = space;
    this.kind = kind;
    this.name = name;
    this.key = topicKey(space, kind, name);
  }

  get live(): boolean {
    return this.taps.every(({ feed }) => feed.live);
  }

  get unused(): boolean {
    return this.subscribers.size === 0 && this.waiting.size === 0;
  }

  /** Hands a message on; subscribers that hear their first of this read go into `touched`. */
  tell(source: Source, channel: Buffer, payload: Buffer, touched: Subscriber[]): void {
    if (this.subscribers.size === 0) return;
    const seen = seenBy(this.space, source, channel, payload);
    if (seen === null) return;
    const items: Resp[] = [{ type: 'bulk', bytes: Buffer.from(words[this.kind]) }];
    if (this.kind === 'pattern') items.push({ type: 'bulk', bytes: this.name });
    items.push({ type: 'bulk', bytes: seen.channel }, { type: 'bulk', bytes: seen.payload });
    const message = new Message({ type: 'push', items });
    for (const subscriber of this.subscribers) {
      if (subscriber.hear(message)) touched.push(subscriber);
    }
  }
}

export function feedKey(verb: Verb, name: Buffer): string {
  return `${verb} ${name.toString('latin1')}`;
}

/** No space's id holds a line break. */
export function topicKey(space: ChannelSpace, kind: ChannelKind, name: Buffer): string {
  return `${space.id}\n${kind} ${name.toString('latin1')}`;
}
