/** All clients' subscriptions at one backend, on one connection to each node that has any. */
import type { ChannelKind, ChannelSpace, Source, Verb } from '../../command/channels.ts';
import { sourcesOf } from '../../command/channels.ts';
import { patternMatches } from '../../command/pattern.ts';
import type {
  Audience,
  Joining,
  Subscriber,
  SubscriptionHub,
  Topic,
  Wanted,
} from '../../command/subscription.ts';
import type { HubHome } from './hub-home.ts';
import { type Heard, HubLink, type LinkOwner } from './hub-link.ts';
import { Feed, feedKey, LiveTopic, type Tap, topicKey } from './topic.ts';
import { Waiting } from './waiting.ts';

/** A link without feeds is kept for so long: the next subscriber need not wait for a new one. */
const idleUsMax = 10_000_000;
/** A subscription is asked for again after so long: where the server could not take it yet… */
const soonUs = 100_000;
/** …and where it refused. */
const lateUs = 1_000_000;

export class Hub implements SubscriptionHub, LinkOwner {
  readonly #home: HubHome;
  readonly #links = new Map<string, HubLink>();
  readonly #feeds = new Map<string, Feed>();
  readonly #patterns = new Set<Feed>();
  readonly #topics = new Map<string, LiveTopic>();
  readonly #joins = new Set<Waiting>();
  readonly #touched: Subscriber[] = [];
  #again = new Set<Feed>();
  #againUs = 0;
  #closed = false;

  constructor(home: HubHome) {
    this.#home = home;
  }

  /** Whether nobody is subscribed or waits to be. */
  get quiet(): boolean {
    return this.#topics.size === 0;
  }

  get links(): IterableIterator<HubLink> {
    return this.#links.values();
  }

  join(
    space: ChannelSpace,
    wanted: readonly Wanted[],
    subscriber: Subscriber,
    done: (failure: string | null, topics: readonly Topic[]) => void,
  ): Joining {
    const topics = wanted.map(({ kind, name }) => this.#topic(space, kind, name));
    const dueUs = this.#home.turn.nowUs() + this.#home.confirmMsMax * 1000;
    const waiting = new Waiting(topics, subscriber, dueUs, done, this.#release);
    if (this.#closed) waiting.finish('ERR backend unavailable: it was removed');
    else if (waiting.missing.size === 0) waiting.finish(null);
    else this.#joins.add(waiting);
    return waiting;
  }

  leave(topic: Topic, subscriber: Subscriber): void {
    const live = topic as LiveTopic;
    live.subscribers.delete(subscriber);
    this.#drop(live);
  }

  /** A join came to its end: topics nobody wants are let go. */
  readonly #release = (waiting: Waiting): void => {
    this.#joins.delete(waiting);
    for (const topic of waiting.topics) {
      topic.waiting.delete(waiting);
      this.#drop(topic);
    }
  };

  audience(kind: 'channel' | 'shard', name: Buffer, withPatterns: boolean): Audience {
    const verb = kind === 'shard' ? 'ssubscribe' : 'subscribe';
    const feeds = [this.#feeds.get(feedKey(verb, name))];
    if (withPatterns && kind === 'channel') {
      for (const feed of this.#patterns) if (patternMatches(feed.name, name)) feeds.push(feed);
    }
    let connections = 0;
    let clients = 0;
    for (const feed of feeds) {
      if (feed === undefined) continue;
      if (feed.live) connections++;
      for (const { topic } of feed.taps) clients += topic.subscribers.size;
    }
    return { connections, clients };
  }

  nodeOf(kind: 'channel' | 'shard', name: Buffer): string {
    const slot = kind === 'channel' ? 0 : this.#home.slotOf(name, 0, name.length);
    return this.#home.ownerOf(slot);
  }

  names(space: ChannelSpace, kind: ChannelKind): Buffer[] {
    const found: Buffer[] = [];
    for (const topic of this.#topics.values()) {
      const mine = topic.space.id === space.id && topic.kind === kind;
      if (mine && topic.subscribers.size > 0) found.push(topic.name);
    }
    return found;
  }

  /** Slots have other owners: each feed is asked for where it belongs now. */
  placeAll(): void {
    for (const feed of this.#feeds.values()) this.#place(feed);
  }

  tick(): void {
    const nowUs = this.#home.turn.nowUs();
    for (const waiting of [...this.#joins]) {
      if (waiting.dueUs <= nowUs) waiting.finish(this.#lateness(waiting));
    }
    if (this.#again.size > 0 && nowUs >= this.#againUs) {
      const again = this.#again;
      this.#again = new Set();
      for (const feed of again) if (this.#feeds.get(feed.key) === feed) this.#askAgain(feed);
    }
    for (const link of this.#links.values()) {
      if (link.feeds.size > 0) link.connection.tick();
      else if (nowUs - link.droppedUs > idleUsMax) {
        this.#links.delete(link.address);
        link.connection.close();
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const waiting of [...this.#joins])
      waiting.finish('ERR backend unavailable: it was removed');
    for (const link of this.#links.values()) link.connection.close();
    this.#links.clear();
  }

  lost(link: HubLink): void {
    for (const feed of link.feeds) feed.at.set(link.address, false);
    this.#home.counters.backendReconnects++;
    this.#home.doubt();
  }

  confirmed(feed: Feed, link: HubLink): void {
    if (!link.feeds.has(feed)) return;
    feed.at.set(link.address, true);
    if (feed.targets.includes(link.address)) feed.heardAt = link.address;
    if (!feed.live) return;
    for (const address of [...feed.at.keys()]) {
      if (!feed.targets.includes(address)) this.#dropAt(feed, address);
    }
    for (const { topic } of feed.taps) {
      if (topic.live) for (const waiting of [...topic.waiting]) waiting.arrived(topic);
    }
  }

  refused(feeds: readonly Feed[], error: string, link: HubLink): void {
    // One name may be what the server objects to: each is asked for by itself.
    if (feeds.length > 1) {
      for (const feed of feeds) if (link.feeds.has(feed)) link.ask(feed, true);
      return;
    }
    const isMoved = error.startsWith('MOVED ');
    const hopeful = isMoved || /^(CLUSTERDOWN|TRYAGAIN|LOADING|MASTERDOWN|ASK) /.test(error);
    for (const feed of feeds) this.#askLater(feed, hopeful ? soonUs : lateUs);
    if (isMoved) this.#home.moved(error, link.address);
    else if (hopeful) this.#home.doubt();
    else this.#fail(feeds, error);
  }

  ended(verb: Verb, name: Buffer, link: HubLink): void {
    const feed = this.#feeds.get(feedKey(verb, name));
    if (feed === undefined || feed.at.get(link.address) !== true) return;
    feed.at.set(link.address, false);
    this.#home.doubt();
    this.#askLater(feed, soonUs);
  }

  heard(heard: Heard, link: HubLink): void {
    const feed = this.#feeds.get(feedKey(heard.verb, heard.name));
    if (feed === undefined || !feed.hears(link.address)) return;
    for (const { topic, source } of feed.taps) {
      topic.tell(source, heard.channel, heard.payload, this.#touched);
    }
  }

  readEnded(): void {
    for (const subscriber of this.#touched) subscriber.flush();
    this.#touched.length = 0;
  }

  #topic(space: ChannelSpace, kind: ChannelKind, name: Buffer): LiveTopic {
    const key = topicKey(space, kind, name);
    const known = this.#topics.get(key);
    if (known !== undefined) return known;
    const topic = new LiveTopic(space, kind, name);
    this.#topics.set(key, topic);
    const sources = sourcesOf(space, kind, name, this.#home.isCluster);
    topic.taps = sources.map((source) => this.#tap(topic, source));
    return topic;
  }

  #tap(topic: LiveTopic, source: Source): Tap {
    let feed = this.#feeds.get(feedKey(source.verb, source.name));
    if (feed === undefined) {
      feed = new Feed(source);
      this.#feeds.set(feed.key, feed);
      if (feed.verb === 'psubscribe') this.#patterns.add(feed);
      this.#place(feed);
    }
    const tap = { feed, source, topic };
    feed.taps.add(tap);
    return tap;
  }

  #drop(topic: LiveTopic): void {
    if (!topic.unused || this.#topics.get(topic.key) !== topic) return;
    this.#topics.delete(topic.key);
    for (const tap of topic.taps) {
      const { feed } = tap;
      feed.taps.delete(tap);
      if (feed.taps.size > 0) continue;
      this.#feeds.delete(feed.key);
      this.#patterns.delete(feed);
      for (const address of [...feed.at.keys()]) this.#dropAt(feed, address);
    }
  }

  #place(feed: Feed): void {
    const { name, place } = feed;
    if (place === 'every') feed.targets = this.#home.primaries();
    else {
      const slot = place === 'one' ? 0 : this.#home.slotOf(name, 0, name.length);
      feed.targets = [this.#home.ownerOf(slot)];
    }
    for (const address of feed.targets) if (!feed.at.has(address)) this.#ask(feed, address);
    if (!feed.live) return;
    [feed.heardAt = null] = feed.targets;
    for (const address of [...feed.at.keys()]) {
      if (!feed.targets.includes(address)) this.#dropAt(feed, address);
    }
  }

  #ask(feed: Feed, address: string): void {
    feed.at.set(address, false);
    let link = this.#links.get(address);
    if (link === undefined) {
      const { turn, silenceMsMax } = this.#home;
      link = new HubLink(address, turn, this.#home.dial(address), silenceMsMax, this);
      this.#links.set(address, link);
    }
    link.ask(feed);
  }

  #dropAt(feed: Feed, address: string): void {
    feed.at.delete(address);
    this.#links.get(address)?.drop(feed);
  }

  #askLater(feed: Feed, us: number): void {
    this.#again.add(feed);
    this.#againUs = this.#home.turn.nowUs() + us;
  }

  #askAgain(feed: Feed): void {
    this.#place(feed);
    for (const address of feed.targets)
      if (feed.at.get(address) === false) this.#ask(feed, address);
  }

  /** No reason to hope: who waits for one of `feeds` is told. */
  #fail(feeds: readonly Feed[], error: string): void {
    for (const feed of feeds) {
      for (const { topic } of feed.taps) {
        for (const waiting of [...topic.waiting] as Waiting[]) waiting.finish(error);
      }
    }
  }

  #lateness(waiting: Waiting): string {
    for (const { taps } of waiting.missing) {
      for (const { feed } of taps) {
        for (const address of feed.targets) {
          const error = this.#links.get(address)?.connection.lastError;
          if (error) return `ERR backend unavailable: ${address}: ${error}`;
        }
      }
    }
    return 'ERR backend unavailable: it did not confirm the subscription in time';
  }
}
