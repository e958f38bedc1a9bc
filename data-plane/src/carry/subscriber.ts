/** One session's subscriptions: held by name, moved along when the session's backend changes. */
import type { ChannelKind } from '../command/channels.ts';
import type {
  Joining,
  Message,
  Subscriber,
  SubscriptionHub,
  Topic,
  Wanted,
} from '../command/subscription.ts';
import type { Session, SessionWatcher } from '../session/session.ts';
import { type ChannelHome, channelHomeOf } from './channel-home.ts';
import type { Scene } from './scene.ts';

interface Held {
  readonly wanted: Wanted;
  /** Null while it stands nowhere: its backend is gone, the next one has not confirmed. */
  at: { readonly hub: SubscriptionHub; readonly topic: Topic } | null;
}

/** A command that waits for the server. */
interface Request {
  readonly kind: ChannelKind;
  readonly names: readonly Buffer[];
  /** Those of the names that are not held yet, and the bytes of their names. */
  readonly wanted: readonly Wanted[];
  readonly bytes: number;
  readonly added: (name: Buffer) => void;
  readonly done: (failure: string | null) => void;
}

const subscribers = new WeakMap<Session, SessionSubscriber>();
const noRoute = 'ERR no route: this user has no backend to go to now';
const tooMany = 'ERR the subscriptions of this proxy take more memory than it may give them';
const moveAgainMs = 1000;
/** Several small messages leave as one buffer; a large one is not worth copying. */
const joinedBytesMax = 32 * 1024;

/** The session's subscriber, made on first use. */
export function subscriberOf(scene: Scene): SessionSubscriber {
  let subscriber = subscribers.get(scene.session);
  if (subscriber === undefined) {
    subscriber = new SessionSubscriber(scene, () => subscribers.delete(scene.session));
    subscribers.set(scene.session, subscriber);
  }
  return subscriber;
}

/**
 *     SUBSCRIBE ──► join ──► hub confirmed ──► held, heard
 *     route moves ──► join at the next backend ──► confirmed ──► the old one is left
 */
export class SessionSubscriber implements Subscriber, SessionWatcher {
  readonly #scene: Scene;
  readonly #ended: () => void;
  readonly #held: Readonly<Record<ChannelKind, Map<string, Held>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  #home: ChannelHome | null;
  #request: Request | null = null;
  #joining: Joining | null = null;
  #moving: Joining | null = null;
  #moveAgain: NodeJS.Timeout | undefined;
  #heard: Buffer[] = [];

  constructor(scene: Scene, ended: () => void) {
    this.#scene = scene;
    this.#ended = ended;
    this.#home = channelHomeOf(scene.session);
    scene.session.watch(this);
    scene.proxy.pushes.enter();
  }

  /** Names held of `kind`, the oldest first. */
  names(kind: ChannelKind): Buffer[] {
    return Array.from(this.#held[kind].values(), ({ wanted }) => wanted.name);
  }

  /** As a confirmation counts: shard channels by themselves, channels and patterns together. */
  count(kind: ChannelKind): number {
    const { channel, pattern, shard } = this.#held;
    return kind === 'shard' ? shard.size : channel.size + pattern.size;
  }

  /**
   * Calls `added` for each name in order once the server confirmed all of them, then `done`; or
   * only `done`, with the error. Both may be called before this returns. One at a time.
   */
  subscribe(
    kind: ChannelKind,
    names: readonly Buffer[],
    added: (name: Buffer) => void,
    done: (failure: string | null) => void,
  ): void {
    const fresh = new Map<string, Wanted>();
    for (const name of names) {
      const key = name.toString('latin1');
      if (!this.#held[kind].has(key)) fresh.set(key, { kind, name });
    }
    const wanted = [...fresh.values()];
    const bytes = wanted.reduce((sum, { name }) => sum + name.length, 0);
    if (!this.#scene.proxy.pushes.hold(wanted.length, bytes)) {
      this.settle();
      done(tooMany);
      return;
    }
    this.#request = { kind, names, wanted, bytes, added, done };
    this.#join(this.#request);
  }

  unsubscribe(kind: ChannelKind, name: Buffer): void {
    const key = name.toString('latin1');
    const held = this.#held[kind].get(key);
    if (held === undefined) return;
    this.#held[kind].delete(key);
    held.at?.hub.leave(held.at.topic, this);
    this.#scene.proxy.pushes.release(1, name.length);
  }

  hear(message: Message): boolean {
    const { client, session, proxy } = this.#scene;
    if (client.hold === 'ended') return false;
    proxy.observe.counters.messagesPushed++;
    return this.#heard.push(message.bytes(session.protocol)) === 1;
  }

  flush(): void {
    const { client, proxy } = this.#scene;
    const heard = this.#heard;
    this.#heard = [];
    let from = 0;
    let bytes = 0;
    for (let at = 0; at < heard.length; at++) {
      bytes += heard[at]!.length;
      if (bytes < joinedBytesMax && at + 1 < heard.length) continue;
      const piece = at === from ? (heard[at] as Buffer) : Buffer.concat(heard.slice(from, at + 1));
      client.queue.push(piece);
      from = at + 1;
      bytes = 0;
    }
    proxy.pushes.pushed(client);
  }

  rebound(session: Session): void {
    this.#divert();
    const home = channelHomeOf(session);
    const before = this.#home;
    if (home?.hub === before?.hub && home?.space.id === before?.space.id) return;
    this.#home = home;
    this.#moving?.cancel();
    this.#moving = null;
    clearTimeout(this.#moveAgain);
    if (this.#request !== null) {
      this.#joining?.cancel();
      this.#join(this.#request);
    }
    this.#move();
  }

  left(): void {
    this.#joining?.cancel();
    this.#moving?.cancel();
    clearTimeout(this.#moveAgain);
    if (this.#request !== null) {
      const { wanted, bytes } = this.#request;
      this.#scene.proxy.pushes.release(wanted.length, bytes);
    }
    for (const held of this.#all()) {
      held.at?.hub.leave(held.at.topic, this);
      this.#scene.proxy.pushes.release(1, held.wanted.name.length);
    }
    for (const kind of kinds) this.#held[kind].clear();
    this.#divert();
    this.#end();
  }

  get #size(): number {
    const { channel, pattern, shard } = this.#held;
    return channel.size + pattern.size + shard.size;
  }

  *#all(): Generator<Held> {
    for (const kind of kinds) yield* this.#held[kind].values();
  }

  #join(request: Request): void {
    const home = this.#home;
    if (home === null) {
      this.#answer(request, noRoute);
      return;
    }
    const { hub, space } = home;
    const joining = hub.join(space, request.wanted, this, (failure, topics) => {
      if (failure === null) this.#confirm(request, hub, topics);
      else this.#answer(request, failure);
    });
    if (this.#request === request) this.#joining = joining;
  }

  #confirm(request: Request, hub: SubscriptionHub, topics: readonly Topic[]): void {
    const { kind, names, wanted, added } = request;
    const held = this.#held[kind];
    const fresh = new Map(wanted.map(({ name }, at) => [name.toString('latin1'), topics[at]]));
    for (const name of names) {
      const key = name.toString('latin1');
      const topic = fresh.get(key);
      if (topic !== undefined && !held.has(key)) {
        held.set(key, { wanted: { kind, name }, at: { hub, topic } });
      }
      added(name);
    }
    this.#answer(request, null);
  }

  #answer(request: Request, failure: string | null): void {
    this.#request = null;
    this.#joining = null;
    if (failure !== null) this.#scene.proxy.pushes.release(request.wanted.length, request.bytes);
    this.settle();
    request.done(failure);
  }

  /**
   * Takes everything held to the backend the session has now. The old one is heard until the new
   * one has confirmed, so that nothing is missed but what the move itself takes.
   */
  #move(): void {
    const home = this.#home;
    const all = [...this.#all()];
    if (home === null || all.length === 0) {
      for (const held of all) this.#leave(held);
      return;
    }
    const { hub, space } = home;
    const wanted = all.map((held) => held.wanted);
    let over = false;
    const moving = hub.join(space, wanted, this, (failure, topics) => {
      over = true;
      this.#moving = null;
      if (failure === null) this.#arrive(all, hub, topics);
      else this.#moveAgain = setTimeout(() => this.#move(), moveAgainMs).unref();
    });
    if (!over) this.#moving = moving;
  }

  #arrive(all: readonly Held[], hub: SubscriptionHub, topics: readonly Topic[]): void {
    for (const [at, held] of all.entries()) {
      const topic = topics[at] as Topic;
      const { kind, name } = held.wanted;
      const isHeld = this.#held[kind].get(name.toString('latin1')) === held;
      this.#leave(held);
      // Left by the client while the server was asked.
      if (isHeld) held.at = { hub, topic };
      else hub.leave(topic, this);
    }
  }

  #leave(held: Held): void {
    held.at?.hub.leave(held.at.topic, this);
    held.at = null;
  }

  /** After a change: the session is told what it holds, and a subscriber of nothing ends. */
  settle(): void {
    this.#divert();
    if (this.#size === 0 && this.#request === null) this.#end();
  }

  /** In RESP2 a subscriber may only subscribe: each of its commands must be looked at. */
  #divert(): void {
    const { session } = this.#scene;
    const { standing } = session;
    standing.channels = this.#held.channel.size;
    standing.patterns = this.#held.pattern.size;
    standing.shardChannels = this.#held.shard.size;
    if (this.#size > 0 && session.protocol === 2) session.divert('subscription');
    else session.rejoin('subscription');
  }

  #end(): void {
    const { session, client, proxy } = this.#scene;
    clearTimeout(this.#moveAgain);
    this.#moving?.cancel();
    session.unwatch(this);
    proxy.pushes.leave(client);
    this.#ended();
  }
}

const kinds = ['channel', 'pattern', 'shard'] as const;
