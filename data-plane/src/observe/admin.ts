/** The proxy's own HTTP port for operators: /livez, /readyz and /metrics. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, or what an operator should know although it is ready; null when all is well. */
  readonly reason: string | null;
  readonly sequence: number;
  /** Unix ms since when the log cannot be followed; null while it can. */
  readonly staleSinceMs: number | null;
}

export interface AdminOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
}

const connectionsMax = 64;
const requestMsMax = 10_000;
/** How long open answers may take once closing began. */
const closeMsMax = 1000;

/** Serves until `close`; `start` rejects when the port is taken. */
export class Admin {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(options: AdminOptions): Promise<Admin> {
    const server = createServer(
      { requestTimeout: requestMsMax, headersTimeout: requestMsMax, maxHeaderSize: 8192 },
      (request, response) => {
        answer(request, response, options).catch((error: unknown) =>
          response.destroy(asError(error)),
        );
      },
    );
    server.maxConnections = connectionsMax;
    server.listen({ host: options.host, port: options.port });
    await once(server, 'listening');
    return new Admin(server);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    const late = setTimeout(() => this.#server.closeAllConnections(), closeMsMax);
    await closed;
    clearTimeout(late);
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return json(response, 405, { error: 'method-not-allowed' });
  }
  switch (request.url?.split('?')[0]) {
    case '/livez':
      return json(response, 200, { live: true });
    case '/readyz': {
      const readiness = options.readiness();
      return json(response, readiness.ready ? 200 : 503, shown(readiness));
    }
    case '/metrics':
      return metricsPage(request, response, options.metrics);
    default:
      return json(response, 404, { error: 'not-found', paths: ['/livez', '/readyz', '/metrics'] });
  }
}

function shown({ ready, reason, sequence, staleSinceMs }: Readiness): object {
  const staleSince = staleSinceMs === null ? null : new Date(staleSinceMs).toISOString();
  return { ready, reason, sequence, staleSince };
}

async function metricsPage(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: Metrics,
): Promise<void> {
  response.writeHead(200, { 'content-type': metrics.contentType });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const late = setTimeout(() => response.destroy(), requestMsMax);
  try {
    for await (const piece of metrics.text()) {
      if (gone.signal.aborted) return;
      if (!response.write(piece)) await once(response, 'drain', { signal: gone.signal });
    }
    response.end();
  } catch (error) {
    // A scraper that hung up is no failure of ours.
    if (!gone.signal.aborted) throw error;
  } finally {
    clearTimeout(late);
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
