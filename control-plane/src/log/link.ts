/** The connection to NATS: kept for ever, ready only while the server behind it is fit. */
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { LogUnreachable } from './log.ts';
import { causeOf, persist, sleep, within } from './patience.ts';
import { checkServers, refuseUnknown, type ServersChecked, UnfitServer } from './server-check.ts';

const reconnectMs = 100;
const recheckMs = 500;
/** A server that holds the connection open and says nothing is noticed after two of these. */
const pingMs = 3_000;

export interface LinkOptions {
  readonly servers: readonly string[];
  /** One monitoring address per NATS server that may hold the log. */
  readonly monitorUrls: readonly string[];
  readonly name: string;
  /** Credentials and TLS, as the client library takes them. */
  readonly connection?: NodeConnectionOptions;
}

export class NatsLink {
  readonly connection: NatsConnection;
  readonly #monitorUrls: readonly string[];
  readonly #fitServerIds = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #ready = true;
  #session = new AbortController();
  #answering = true;
  /** Why the link is not ready, for the caller's error. */
  #reason = '';

  private constructor(
    connection: NatsConnection,
    monitorUrls: readonly string[],
    checked: ServersChecked,
  ) {
    this.connection = connection;
    this.#monitorUrls = monitorUrls;
    for (const server of checked.fit) this.#fitServerIds.add(server.server_id);
    void this.#follow();
  }

  /**
   * Tries until the signal fires. Throws UnfitServer at once when the server must not hold the log.
   */
  static async open(options: LinkOptions, signal: AbortSignal): Promise<NatsLink> {
    const isUnfit = (error: unknown) => error instanceof UnfitServer;
    const checked = await persist(signal, () => checkServers(options.monitorUrls), isUnfit);
    const connection = await persist(signal, () => dial(options, signal), isUnfit);
    try {
      refuseUnknown(checked, connection.info?.server_id ?? '', []);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return new NatsLink(connection, options.monitorUrls, checked);
  }

  /** Resolves once connected to a fit server; throws LogUnreachable when the signal fires first. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#ready) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = this.onReturn(resolve);
    try {
      await within(signal, promise);
    } catch {
      throw new LogUnreachable(this.#reason);
    } finally {
      stop();
    }
  }

  /**
   * `work`, or a LogUnreachable as soon as the connection breaks: its answer cannot come any more.
   */
  whileUp<T>(work: Promise<T>): Promise<T> {
    return within(this.#session.signal, work, 'the connection to NATS broke');
  }

  /** Calls `listener` each time the link is ready again. Returns the function that ends it. */
  onReturn(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told by whoever asks the server something: did it answer? */
  heard(answered: boolean): void {
    this.#answering = answered;
  }

  reachable(): boolean {
    return this.#ready && this.#answering;
  }

  /**
   * Names of the servers that hold replicas must be among those whose monitoring port was checked.
   */
  async refuseUnknownReplicas(replicas: readonly string[]): Promise<void> {
    const checked = await checkServers(this.#monitorUrls);
    refuseUnknown(checked, this.connection.info?.server_id ?? '', replicas);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#lose('the log was closed');
    await this.connection.close();
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') this.#lose('the connection to NATS is down');
      if (status.type === 'reconnect') void this.#regain();
    }
    this.#lose('the connection to NATS is closed');
  }

  #lose(reason: string): void {
    this.#ready = false;
    this.#reason = reason;
    this.#session.abort();
  }

  /**
   * A restarted server may run with other settings, so it is checked before anything is trusted to
   * it.
   */
  async #regain(): Promise<void> {
    const serverId = this.connection.info?.server_id ?? '';
    const isCurrent = () =>
      !this.#closing.signal.aborted && this.connection.info?.server_id === serverId;
    while (isCurrent() && !this.#fitServerIds.has(serverId)) {
      try {
        const checked = await checkServers(this.#monitorUrls);
        refuseUnknown(checked, serverId, []);
        this.#fitServerIds.add(serverId);
      } catch (error) {
        this.#reason = causeOf(error);
        await sleep(recheckMs, this.#closing.signal);
      }
    }
    if (!isCurrent()) return;
    this.#session = new AbortController();
    this.#ready = true;
    this.#answering = true;
    for (const listener of this.#listeners) listener();
  }
}

async function dial(options: LinkOptions, signal: AbortSignal): Promise<NatsConnection> {
  const connection = await connect({
    ...options.connection,
    servers: [...options.servers],
    name: options.name,
    timeout: 2_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectMs,
    reconnectJitter: reconnectMs,
    pingInterval: pingMs,
    maxPingOut: 2,
  });
  // Nobody waits for it any more: the deadline passed while the server shook hands.
  if (signal.aborted) await connection.close();
  return connection;
}
