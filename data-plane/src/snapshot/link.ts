/** One NATS connection, kept for ever: first connect and every reconnect are retried with jitter. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import type { Logger } from 'pino';
import { backoffMs, pause } from './clock.ts';

export interface NatsSettings {
  /** One address, or several with commas; `tls://` refuses to speak without TLS. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** PEM of the authority that signed the server's certificate; its presence asks for TLS as well. */
  readonly authority?: string;
}

export interface LinkOptions {
  readonly nats: NatsSettings;
  readonly proxyId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called for each new connection, once, before `onUp`: the place to subscribe. */
  readonly onConnection: (nc: NatsConnection) => void;
  /** The server answers again: after the first connect and after each reconnect. */
  readonly onUp: () => void;
  readonly onDown: () => void;
}

const connectMsMax = 2000;
const retryFirstMs = 100;
const retryMsMax = 2000;
/** A server that vanished without a word is noticed after three of these. */
const pingMs = 10_000;

/** The client itself reconnects for ever; this only adds the first connect and a last resort. */
export class Link {
  readonly #options: LinkOptions;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  #nc: NatsConnection | null = null;
  #up = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The connection while the server answers; null otherwise, so that nothing piles up in it. */
  get connection(): NatsConnection | null {
    return this.#up ? this.#nc : null;
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#nc?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    for (let attempt = 1; !this.#ended.signal.aborted; attempt++) {
      try {
        const nc = await connect(this.#connectOptions());
        attempt = 0;
        await this.#serve(nc);
      } catch (error) {
        // Once per doubling is enough to say that the server is away.
        if (Number.isInteger(Math.log2(attempt))) {
          logger.warn({ attempt, reason: messageOf(error) }, 'cannot reach NATS');
        }
      }
      await pause(clock, backoffMs(attempt, retryFirstMs, retryMsMax), this.#ended.signal);
    }
  }

  #connectOptions() {
    const { nats, proxyId } = this.#options;
    return {
      servers: nats.url.split(',').map((url) => url.trim()),
      name: `respool-proxy ${proxyId}`,
      // Permissions are given by this prefix, so that no proxy can listen to another's answers.
      inboxPrefix: `_INBOX_${proxyId}`,
      timeout: connectMsMax,
      reconnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 750,
      reconnectJitterTLS: 750,
      // A password changed on one side only must not end the following for good.
      ignoreAuthErrorAbort: true,
      pingInterval: pingMs,
      maxPingOut: 2,
      ...(nats.user === undefined ? {} : { user: nats.user }),
      ...(nats.password === undefined ? {} : { pass: nats.password }),
      ...tlsOf(nats),
    };
  }

  /** Resolves when the connection is closed for good, by us or by the client. */
  async #serve(nc: NatsConnection): Promise<void> {
    const { onConnection, logger } = this.#options;
    if (this.#ended.signal.aborted) return nc.close();
    this.#nc = nc;
    try {
      onConnection(nc);
      this.#turn(true, nc.getServer());
      for await (const status of nc.status()) {
        if (status.type === 'disconnect') this.#turn(false, status.server);
        if (status.type === 'reconnect') this.#turn(true, status.server);
        if (status.type === 'error') logger.warn({ reason: status.error.message }, 'NATS error');
      }
    } finally {
      this.#turn(false, '');
      this.#nc = null;
      if (!nc.isClosed()) await nc.close();
    }
  }

  #turn(up: boolean, server: string): void {
    if (this.#up === up) return;
    this.#up = up;
    this.#options.logger.info({ server }, up ? 'NATS is connected' : 'NATS is away');
    if (up) this.#options.onUp();
    else this.#options.onDown();
  }
}

/** Without it the client takes TLS when the server offers it, and plain text when it does not. */
function tlsOf({ url, authority }: NatsSettings): { tls?: { ca?: string } } {
  if (authority !== undefined) return { tls: { ca: authority } };
  return /(^|,)\s*tls:/.test(url) ? { tls: {} } : {};
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
