/** Accepts clients: the cap, the static reads, and the end of it all. */
import { createServer, type Server, type Socket } from 'node:net';
import type { ProcessCounters } from '../observe/observe.ts';
import { type Accept, acceptData, acceptInto, staticReadsWork } from './accept.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  /** Several processes on one port (SO_REUSEPORT). */
  readonly reusePort: boolean;
  readonly counters: ProcessCounters;
  readonly accept: Accept;
}

export interface Listening {
  readonly port: number;
  /** No new clients from now on; those there are stay. */
  stop(): void;
}

const backlog = 4096;

/** Resolves when clients can connect; rejects with the system's error when the port is taken. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { host, port, connectionsMax, counters } = options;
  const fast = await staticReadsWork();
  const accept: Accept = (socket) => {
    counters.connectionsAccepted++;
    counters.connectionsOpen++;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.once('close', () => {
      counters.connectionsOpen--;
    });
    return options.accept(socket);
  };
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    acceptData(socket, accept);
  });
  server.maxConnections = connectionsMax;
  server.on('drop', () => {
    counters.connectionsRefused++;
  });
  await opened(server, () => server.listen({ host, port, backlog, reusePort: options.reusePort }));
  if (fast) acceptInto(server, accept, connectionsMax);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('invariant: a TCP address');
  return { port: address.port, stop: () => server.close() };
}

function opened(server: Server, start: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.once('listening', () => {
    server.off('error', reject);
    resolve();
  });
  start();
  return promise;
}
