/** One client: who it is, where its commands go, and what follows when the configuration changes. */
import type { CommandFacts } from '../command/command.ts';
import type { Upstream } from '../command/upstream.ts';
import type { Meter } from '../observe/meter.ts';
import type { Protocol, ProxyState, RouteView, TenantView, UserView } from '../state.ts';
import type { Transaction } from './transaction.ts';

/** What a session needs of its socket; `listen/` has the rest. */
export interface SessionClient {
  readonly id: number;
  readonly address: string;
  /** `ip:port` of our side, as the client sees it where nothing translates. */
  readonly localAddress: string;
  readonly loopback: boolean;
  name: string;
  /** Takes no more commands, answers what is owed, then closes. */
  endAfterReplies(): void;
  /** Closes at once. */
  destroy(): void;
  /** Set while its command waits for another client: what ends it (CLIENT UNBLOCK). */
  readonly wait: { readonly blocks: boolean; unblock(error: boolean): void } | null;
  /** For CLIENT LIST. */
  vitals(): ClientVitals;
}

export interface ClientVitals {
  readonly ageSeconds: number;
  readonly idleSeconds: number;
  /** Bytes of commands not carried out yet. */
  readonly heldBytes: number;
  /** Commands whose replies are owed. */
  readonly owed: number;
  /** Bytes of replies it has not taken. */
  readonly pendingBytes: number;
}

/** What others hold for a session, as CLIENT LIST tells it; each figure is written by its holder. */
export class Standing {
  channels = 0;
  patterns = 0;
  shardChannels = 0;
  /** Client that gets this one's invalidations; -1 none. */
  redirect = -1;
  tracks = false;
  monitors = false;
  noEvict = false;
}

/** How a session's commands travel; the hot path reads these fields and nothing behind them. */
export interface Way {
  /** By command id: 1 where the command may go straight to the backend, else 0. */
  readonly lanes: Uint8Array;
  readonly upstream: Upstream | null;
  readonly prefix: Buffer | null;
  /** CRC16 of the prefix, where slots are computed. */
  readonly prefixCrc: number;
  /** Whether commands over several slots are worked on step by step; else they are refused. */
  readonly emulates: boolean;
  /** Others have keys on the same servers: apart by prefix or by database. */
  readonly shared: boolean;
  /** Whether the pass-through grant holds: dangerous commands go to the server as they are. */
  readonly granted: boolean;
  readonly meter: Meter;
}

/**
 * Why no command of a session may take the fast lane: each must be looked at, because it is queued,
 * echoed, kept quiet or remembered instead of, or besides, being sent.
 */
export type Diversion = 'transaction' | 'subscription' | 'silence' | 'tracking' | 'monitor';

/** Told by a session for which something is held: a connection, subscriptions, a queue. */
export interface SessionWatcher {
  /** User, backend, protocol or database are others now: what is held may belong elsewhere. */
  rebound(session: Session): void;
  /** The connection is gone, or was RESET: let go of everything. */
  left(session: Session): void;
}

export interface Place {
  readonly database: number;
  /** Any number that stays the session's: by it clients are dealt out over replicas. */
  readonly share: number;
}

/** Finds the way for a session; `policy/` and `route/` know how, `main.ts` ties them. */
export interface WayFinder {
  find(user: UserView, route: RouteView, protocol: Protocol, place: Place): Way;
  /** The way of a client that may only greet and authenticate, or that has no route now. */
  nowhere(tenant: TenantView | null): Way;
  /**
   * The same way with every lane closed, and every read at the primary: what is watched, tracked or
   * read in a transaction must be what the next write changes.
   */
  diverted(way: Way): Way;
}

/** Who a session is: looked up again by name in each new state. */
export interface Login {
  readonly tenant: string;
  readonly user: string;
  readonly credential: string;
}

export class Session {
  readonly client: SessionClient;
  readonly #ways: WayFinder;
  state: ProxyState;
  protocol: Protocol = 2;
  user: UserView | null = null;
  route: RouteView | null = null;
  /** Backend chosen by USE; null follows the tenant's default route. */
  chosen: string | null = null;
  /** Database chosen by SELECT, where the tenant may choose. */
  database = 0;
  way: Way;
  /**
   * The next command must wait for all replies before it: it goes to the same backend by other
   * connections, where it could overtake them.
   */
  barrier = false;
  /** What MULTI or WATCH began. */
  transaction: Transaction | null = null;
  libraryName = '';
  libraryVersion = '';
  standing = new Standing();
  /** The command it sent last, where one was known. */
  lastCommand: CommandFacts | null = null;
  /** The way as it is when nothing diverts the session. */
  #direct: Way;
  readonly #diversions = new Set<Diversion>();
  readonly #watchers = new Set<SessionWatcher>();
  #ended = false;

  constructor(client: SessionClient, ways: WayFinder, state: ProxyState) {
    this.client = client;
    this.#ways = ways;
    this.state = state;
    this.#direct = ways.nowhere(null);
    this.way = this.#direct;
  }

  /** From now on every command leaves the fast lane; see {@link Diversion}. */
  divert(why: Diversion): void {
    this.#diversions.add(why);
    this.#take(this.#direct);
  }

  rejoin(why: Diversion): void {
    if (this.#diversions.delete(why)) this.#take(this.#direct);
  }

  get diverted(): boolean {
    return this.#diversions.size > 0;
  }

  /** `watcher` is told until it is taken back with {@link unwatch}. */
  watch(watcher: SessionWatcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: SessionWatcher): void {
    this.#watchers.delete(watcher);
  }

  #take(way: Way): void {
    this.#direct = way;
    this.way = this.#diversions.size === 0 ? way : this.#ways.diverted(way);
  }

  /** Becomes `user`: after AUTH or HELLO. USE and SELECT choices do not outlive a change of user. */
  authenticated(user: UserView): void {
    if (this.#ended) return;
    const other = this.user?.tenant.id !== user.tenant.id || this.user.name !== user.name;
    if (other) {
      this.chosen = null;
      this.database = 0;
      this.user?.tenant.meter && this.user.tenant.meter.connections--;
      user.tenant.meter.connections++;
    }
    this.user = user;
    this.#bind();
  }

  /** As a fresh connection: RESET. */
  reset(): void {
    this.leave();
    this.protocol = 2;
    this.chosen = null;
    this.database = 0;
    this.client.name = '';
    this.route = null;
    for (const watcher of [...this.#watchers]) watcher.left(this);
    this.standing = new Standing();
    this.#take(this.#ways.nowhere(null));
  }

  /** The connection is gone; a login still being checked comes to nothing. */
  end(): void {
    this.#ended = true;
    for (const watcher of [...this.#watchers]) watcher.left(this);
    this.leave();
  }

  /** The connection is no longer anybody's. */
  leave(): void {
    if (this.user !== null) this.user.tenant.meter.connections--;
    this.user = null;
  }

  speak(protocol: Protocol): void {
    if (protocol === this.protocol) return;
    this.protocol = protocol;
    this.#bind();
  }

  select(database: number): void {
    this.database = database;
    this.#bind();
  }

  use(backend: string): void {
    this.chosen = backend;
    this.database = 0;
    this.#bind();
  }

  /**
   * A new state was swapped in. Permissions and routes count from the next command; a user removed,
   * disabled or with another secret is shown out once the replies it is owed went out.
   */
  follow(state: ProxyState): void {
    this.state = state;
    const before = this.user;
    if (before === null) return;
    const tenant = state.tenants.get(before.tenant.id);
    const user = tenant?.users.get(before.name);
    const welcome = tenant?.enabled && user?.enabled && user.credential === before.credential;
    if (!welcome) {
      this.client.endAfterReplies();
      return;
    }
    this.user = user;
    this.#bind();
  }

  /** A backend this user may reach by name, or null. */
  reachable(backend: string): RouteView | null {
    const { user } = this;
    if (user === null || (user.backends !== null && !user.backends.has(backend))) return null;
    return user.tenant.routes.get(backend) ?? null;
  }

  #bind(): void {
    const { user } = this;
    if (user === null) {
      this.#take(this.#ways.nowhere(null));
      return;
    }
    const before = this.route;
    // A backend chosen by USE and taken away since is not replaced by another: commands meant for
    // it would land elsewhere. The session is refused until it chooses again.
    this.route = this.chosen === null ? this.#defaultRoute(user) : this.reachable(this.chosen);
    const upstream = this.#direct.upstream;
    this.#take(
      this.route === null
        ? this.#ways.nowhere(user.tenant)
        : this.#ways.find(user, this.route, this.protocol, {
            database: this.#databaseOf(this.route),
            share: this.client.id,
          }),
    );
    const same = before !== null && before.backend.id === this.route?.backend.id;
    if (same && upstream !== this.#direct.upstream) this.barrier = true;
    for (const watcher of [...this.#watchers]) watcher.rebound(this);
  }

  #defaultRoute(user: UserView): RouteView | null {
    const route = user.tenant.defaultRoute;
    if (route === null) return null;
    return user.backends === null || user.backends.has(route.backend.id) ? route : null;
  }

  #databaseOf(route: RouteView): number {
    if (route.database !== null) return route.database;
    if (this.database >= route.backend.databases) this.database = 0;
    return this.database;
  }
}
