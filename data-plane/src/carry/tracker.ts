/** One session that caches: which keys it read, and how it is told that they changed. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { Tracker, TrackingSeat } from '../command/tracking.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { DataPlane } from '../proxy.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import type { Session, SessionWatcher } from '../session/session.ts';
import type { BackendView, Protocol } from '../state.ts';
import { keysRead } from './keys-read.ts';
import { SayAgain } from './say-again.ts';
import type { Scene } from './scene.ts';

/** What CLIENT TRACKING ON asked for. */
export interface TrackingOptions {
  readonly mode: 'reads' | 'opt-in' | 'opt-out' | 'broadcast';
  readonly noLoop: boolean;
  /** CLIENT ID of who is told; 0: the session itself. */
  readonly redirect: number;
  /** As the client wrote them, sorted; of `broadcast` only, where an empty one means every key. */
  readonly prefixes: readonly Buffer[];
}

const trackers = new WeakMap<Session, SessionTracker>();
const noRoute = 'ERR no route: this user has no backend to go to now';
const rejoinMs = 1000;
const invalidate = word('invalidate');
const redirectBroken = word('tracking-redir-broken');
const message = word('message');
/** Where RESP2 clients hear of it. Source: Redis 7.0 `TrackingChannelName`. */
const channel = word('__redis__:invalidate');
const nil: Resp = { type: 'null', aggregate: false };

/** The session's tracker, or null while it tracks nothing. */
export function trackerOf(session: Session): SessionTracker | null {
  return trackers.get(session) ?? null;
}

/**
 * The server tells changes over a connection of its own, which may be ahead of the replies:
 *
 *     client ── GET k ─────────────────► server        the reply, an old value, is still on its way
 *     client ◄─ invalidate k ◄────────── server        dropped too early: the old value comes after
 *     client ◄─ "old" ◄─ invalidate k                  so it is said again behind all that was owed
 */
export class SessionTracker implements Tracker, SessionWatcher {
  options: TrackingOptions;
  /** CLIENT CACHING was said: for the next command, or the transaction that it begins. */
  caching = false;
  /** Whom it redirected to is gone. */
  broken = false;
  readonly #scene: Scene;
  readonly #again: SayAgain;
  /** Waits for the first backend to be ready; null once it was called. */
  #begun: ((failure: string | null) => void) | null;
  /** Keys that a transaction will read when it is executed. */
  #queued = new Map<string, Buffer>();
  #seat: TrackingSeat | null = null;
  #backend: BackendView | null = null;
  #prefix: Buffer | null = null;
  #rejoin: NodeJS.Timeout | undefined;
  #ended = false;

  /** Begins to track; `done` is called once, with the error where it cannot. */
  static begin(
    scene: Scene,
    options: TrackingOptions,
    done: (failure: string | null) => void,
  ): void {
    new SessionTracker(scene, options, done).#join();
  }

  private constructor(
    scene: Scene,
    options: TrackingOptions,
    begun: (failure: string | null) => void,
  ) {
    this.#scene = scene;
    this.options = options;
    this.#begun = begun;
    this.#again = new SayAgain(scene.client.queue, (keys) => this.#say(keys));
    scene.session.watch(this);
    scene.proxy.pushes.enter();
  }

  /** Other options while it tracks: what was noted stays. */
  change(options: TrackingOptions): void {
    this.options = options;
    this.broken = false;
    this.#stand();
  }

  /** CLIENT TRACKING OFF. */
  stop(): void {
    this.#end();
  }

  /**
   * The command is about to be carried out, unless it must wait and comes again. What it reads is
   * noted now, or with EXEC: keys noted earlier could change before they are read.
   */
  look(command: Command): void {
    const { name } = command.facts as CommandFacts;
    if (this.options.mode === 'broadcast' || name.startsWith('client|')) return;
    const { transaction } = this.#scene.session;
    const isOpen = transaction?.open === true;
    // What is not queued will not be read, and is not paid for either.
    if (isOpen && transaction.spoiled) return;
    if (isOpen && name === 'exec') for (const key of this.#queued.values()) this.#note(key);
    if (!this.#wants) return;
    for (const key of keysRead(command)) {
      if (isOpen) this.#queued.set(key.toString('latin1'), key);
      else this.#note(key);
    }
  }

  /**
   * The command was taken, or refused. CLIENT CACHING holds for one command, or for the transaction
   * it began. Source: Redis 7.0 `resetClient`.
   */
  after(command: Command): void {
    if (command.facts?.name.startsWith('client|')) return;
    if (this.#scene.session.transaction?.open === true) return;
    this.caching = false;
    this.#queued.clear();
  }

  /** Keys that the transaction being queued will read. */
  get queuedReads(): number {
    return this.#queued.size;
  }

  get #wants(): boolean {
    const { mode } = this.options;
    return mode === 'reads' || this.caching === (mode === 'opt-in');
  }

  #note(key: Buffer): void {
    const prefix = this.#prefix;
    this.#seat?.note(prefix === null ? key : Buffer.concat([prefix, key]));
  }

  invalidated(keys: readonly Buffer[]): void {
    const skipped = this.#prefix?.length ?? 0;
    const named = keys.map((key) => key.subarray(skipped));
    if (this.options.mode !== 'broadcast') {
      this.#tell({ type: 'array', items: named.map((bytes) => ({ type: 'bulk', bytes })) });
      return;
    }
    for (const prefix of this.options.prefixes) {
      const own = named.filter((key) => key.subarray(0, prefix.length).equals(prefix));
      if (own.length === 0) continue;
      this.#tell({ type: 'array', items: own.map((bytes) => ({ type: 'bulk', bytes })) });
    }
  }

  flushed(): void {
    this.#tell(nil);
  }

  /** Another backend: what is cached may be other there, and what is noted belongs to the old one. */
  rebound(session: Session): void {
    if (trackers.get(session) === this) this.#stand();
    const backend = session.route?.backend ?? null;
    const prefix = session.user?.tenant.prefix ?? null;
    if (backend === this.#backend && samePrefix(prefix, this.#prefix)) return;
    this.#follow();
  }

  left(): void {
    this.#end();
  }

  #follow(): void {
    clearTimeout(this.#rejoin);
    this.#seat?.leave();
    this.#seat = null;
    this.flushed();
    this.#join();
  }

  #join(): void {
    const { route, user } = this.#scene.session;
    this.#backend = route?.backend ?? null;
    this.#prefix = user?.tenant.prefix ?? null;
    if (this.#backend === null) {
      this.#joined(noRoute);
      return;
    }
    const { tracking } = this.#backend.listeners;
    const broad = this.options.mode === 'broadcast';
    this.#seat = tracking.join(this, this.#prefix, broad, (failure) => this.#joined(failure));
  }

  #joined(failure: string | null): void {
    const begun = this.#begun;
    this.#begun = null;
    if (begun !== null) {
      if (failure === null) this.#stand();
      else this.#end();
      begun(failure);
    } else if (failure === null) {
      // What was read since the move was noted nowhere.
      this.flushed();
    } else {
      this.#rejoin = setTimeout(() => this.#follow(), rejoinMs).unref();
    }
  }

  /** At once, and once more when all that is owed now went out. */
  #tell(keys: Resp): void {
    this.#say(keys);
    this.#again.add(keys);
  }

  /** Source: Redis 7.0 `sendTrackingMessage`. */
  #say(keys: Resp): void {
    const { session, client, proxy } = this.#scene;
    const { redirect } = this.options;
    if (redirect === 0) {
      if (session.protocol === 3) push(proxy, client, [invalidate, keys], 3);
      return;
    }
    const found = proxy.findClient(redirect);
    if (found === null || found.session.user?.tenant.id !== session.user?.tenant.id) {
      this.broken = true;
      const told: Resp = { type: 'integer', value: redirect };
      if (session.protocol === 3) push(proxy, client, [redirectBroken, told], 3);
      return;
    }
    const { connection } = found;
    const { protocol, standing } = found.session;
    const subscribed = standing.channels + standing.patterns + standing.shardChannels > 0;
    if (protocol === 3) push(proxy, connection, [invalidate, keys], 3);
    else if (subscribed) push(proxy, connection, [message, channel, keys], 2);
  }

  #stand(): void {
    const { session } = this.#scene;
    trackers.set(session, this);
    session.standing.tracks = true;
    session.standing.redirect = this.options.redirect;
    // Its reads must be seen; who is told of everything needs no look. But what is told of is to be
    // read again where it was written: a replica behind it would leave the old value cached.
    const far = session.route !== null && session.route.readFrom !== 'primary';
    if (this.options.mode === 'broadcast' && !far) session.rejoin('tracking');
    else session.divert('tracking');
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { session, client, proxy } = this.#scene;
    clearTimeout(this.#rejoin);
    this.#seat?.leave();
    session.unwatch(this);
    proxy.pushes.leave(client);
    if (trackers.get(session) !== this) return;
    trackers.delete(session);
    session.standing.tracks = false;
    session.standing.redirect = -1;
    session.rejoin('tracking');
  }
}

function word(text: string): Resp {
  return { type: 'bulk', bytes: Buffer.from(text) };
}

function push(
  { observe, pushes }: DataPlane,
  client: ClientConnection,
  items: readonly Resp[],
  protocol: Protocol,
): void {
  if (client.hold === 'ended') return;
  observe.counters.invalidationsPushed++;
  client.queue.push(encodeReply({ type: 'push', items }, protocol));
  pushes.pushed(client);
}

function samePrefix(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
