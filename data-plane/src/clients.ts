/** The clients of this process: greeted, served, and sent home when the process drains. */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { allGivenBack } from './carry/give-back.ts';
import type { Reader } from './listen/accept.ts';
import { ClientConnection, type ConnectionWiring } from './listen/connection.ts';
import type { DataPlane } from './proxy.ts';
import { serve } from './serve.ts';
import { Session, type WayFinder } from './session/session.ts';
import type { ProxyState } from './state.ts';
import type { Turn } from './turn.ts';

export interface ClientLimits {
  readonly replyStallMsMax: number;
  readonly loginMsMax: number;
}

interface Client {
  readonly connection: ClientConnection;
  readonly session: Session;
  /** Bytes the client had taken when last looked at, and since when it has taken none. */
  takenBytes: number;
  stalledSinceMs: number;
  /** When bytes last came, where the last look found that too long ago for half a command; else −1. */
  suspectUs: number;
}

/** A transaction that was begun may be finished; nothing new is. */
function endSoon({ connection, session }: Client): void {
  const { transaction } = session;
  if (transaction?.open) transaction.ended = () => connection.endAfterReplies();
  else connection.endAfterReplies();
}

const sweepMs = 1000;

export class Clients {
  readonly #clients = new Set<Client>();
  readonly #byId = new Map<number, Client>();
  readonly #proxy: DataPlane;
  readonly #ways: WayFinder;
  readonly #wiring: Omit<ConnectionWiring, 'serve' | 'closed'>;
  readonly #limits: ClientLimits;
  readonly #sweep: NodeJS.Timeout;
  /**
   * Numbers that proxies do not share: CLIENT KILL ID of one read at another proxy must hit nobody.
   * Up to 2^21 beginnings, 2^32 clients from each: whole numbers that JavaScript clients read, too.
   */
  #nextId = randomInt(1, 2 ** 21) * 2 ** 32 + 1;
  #emptied: () => void = () => {};

  constructor(
    proxy: DataPlane,
    ways: WayFinder,
    wiring: Omit<ConnectionWiring, 'serve' | 'closed'>,
    limits: ClientLimits,
  ) {
    this.#proxy = proxy;
    this.#ways = ways;
    this.#wiring = wiring;
    this.#limits = limits;
    this.#sweep = setInterval(() => this.#closeStuck(), sweepMs);
    this.#sweep.unref();
  }

  get turn(): Turn {
    return this.#wiring.turn;
  }

  accept(socket: Socket): Reader {
    const proxy = this.#proxy;
    // Both are tied in the callbacks: the connection reads for its session, the session ends it.
    let client: Client;
    const connection: ClientConnection = new ClientConnection(this.#nextId++, socket, {
      ...this.#wiring,
      serve: (from, bytes, start, end) => serve(proxy, session, from, bytes, start, end),
      closed: () => this.#closed(client),
    });
    const session = new Session(connection, this.#ways, proxy.state);
    session.watch(proxy.monitors);
    client = { connection, session, takenBytes: 0, stalledSinceMs: Date.now(), suspectUs: -1 };
    this.#clients.add(client);
    this.#byId.set(connection.id, client);
    const user = proxy.services.authenticator.anonymous(proxy.state, connection.loopback);
    if (user !== null) session.authenticated(user);
    return connection;
  }

  /** By CLIENT ID. */
  find(id: number): { session: Session; connection: ClientConnection } | null {
    return this.#byId.get(id) ?? null;
  }

  /** Sessions that are this tenant's now, in the order they came. */
  *of(tenant: string): Generator<Session> {
    for (const { session } of this.#clients) if (session.user?.tenant.id === tenant) yield session;
  }

  /** A new state: each session follows at once, so that idle ones of removed users end too. */
  follow(state: ProxyState): void {
    for (const { session } of this.#clients) session.follow(state);
  }

  /** Every client is answered what it is owed and let go; those still there after `ms` are cut. */
  async drain(ms: number): Promise<void> {
    clearInterval(this.#sweep);
    if (this.#clients.size === 0) return allGivenBack();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    for (const client of this.#clients) endSoon(client);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    for (const { connection } of this.#clients) connection.destroy();
    await allGivenBack();
  }

  #closed(client: Client): void {
    client.session.end();
    this.#clients.delete(client);
    this.#byId.delete(client.connection.id);
    if (this.#clients.size === 0) this.#emptied();
  }

  #closeStuck(): void {
    const nowMs = Date.now();
    const { replyStallMsMax, loginMsMax } = this.#limits;
    const readUsMin = this.turn.nowUs() - replyStallMsMax * 1000;
    let paused = 0;
    for (const client of this.#clients) {
      const { connection, session } = client;
      const { outlet } = connection;
      const taken = outlet.written - outlet.pending;
      if (outlet.pending === 0 || taken !== client.takenBytes) {
        client.takenBytes = taken;
        client.stalledSinceMs = nowMs;
      }
      const takes = nowMs - client.stalledSinceMs <= replyStallMsMax;
      // Memory of all clients is held for what may never come; or, after a pause of our own, for
      // what has come and lies there unread.
      const waited = connection.uploads && connection.readUs < readUsMin;
      const gives = !waited || client.suspectUs !== connection.readUs;
      client.suspectUs = waited ? connection.readUs : -1;
      const stalled = replyStallMsMax > 0 && !(takes && gives);
      const anonymous = session.user === null && loginMsMax > 0;
      const late = anonymous && nowMs - connection.openedMs > loginMsMax;
      if (stalled || late) connection.destroy();
      else if (connection.hold === 'credit') paused++;
    }
    this.#proxy.observe.counters.clientsPaused = paused;
  }
}
