/** Reading accepted sockets into one shared static buffer: the one place that leans on Node's internals. */
import { createServer, type Server, Socket } from 'node:net';
import { restBytesMax } from './rest.ts';

/** What an accepted socket's bytes go to. */
export interface Reader {
  /** Returns false to stop reading until the socket is resumed. */
  received(bytes: Buffer, start: number, end: number): boolean;
}

export type Accept = (socket: Socket) => Reader;

const readBytes = 64 * 1024;
const partingMs = 1000;
/** All clients read into the same memory: a read is used up before the next one can begin. */
const shared = Buffer.allocUnsafeSlow(restBytesMax + readBytes);
const view = shared.subarray(restBytesMax);

interface Handle {
  close(): void;
}

interface ServerInternals {
  _handle: { onconnection: (status: number, handle: Handle | undefined) => void } | null;
}

/**
 * `net.connect` takes `onread`, accepted sockets do not: this replaces the server handle's own
 * callback and makes the sockets itself. Worth about 5 % of CPU per request, 20 % on large SETs,
 * for no buffer is allocated per read. Only while {@link staticReadsWork} says that this Node still
 * works so; else plain `data` events serve the same, a little slower.
 */
export function acceptInto(server: Server, accept: Accept, connectionsMax: number): void {
  const internals = server as unknown as ServerInternals;
  const handle = internals._handle;
  if (handle === null) throw new Error('invariant: the server listens');
  let open = 0;
  handle.onconnection = (status, client) => {
    if (status !== 0 || client === undefined) return;
    if (open >= connectionsMax || !server.listening) {
      // Source: Redis `maxclients`: the client is told before it is turned away.
      const turnedAway = new Socket({ handle: client } as ConstructorParameters<typeof Socket>[0]);
      turnedAway.on('error', () => {});
      // Unread, its goodbye would never be seen and the socket stay.
      turnedAway.resume();
      turnedAway.setTimeout(partingMs, () => turnedAway.destroy());
      turnedAway.end('-ERR max number of clients reached\r\n');
      server.emit('drop');
      return;
    }
    let reader: Reader | null = null;
    const onread = {
      // Not a function: what one returns is handed to the handle anew after each read.
      buffer: view,
      callback: (length: number) =>
        (reader as Reader).received(shared, restBytesMax, restBytesMax + length),
    };
    const socket = newSocket(client, onread);
    open++;
    socket.once('close', () => {
      open--;
    });
    reader = accept(socket);
    socket.resume();
  };
}

function newSocket(handle: Handle, onread: object): Socket {
  const options = { handle, onread, allowHalfOpen: true, readable: true, writable: true };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

/** The documented way, with a buffer per read. */
export function acceptData(socket: Socket, accept: Accept): void {
  const reader = accept(socket);
  socket.on('data', (bytes: Buffer) => reader.received(bytes, 0, bytes.length));
}

/** Whether this Node reads accepted sockets our way: tried once at start, on a socket of our own. */
export async function staticReadsWork(): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer({ allowHalfOpen: true });
  server.listen({ host: '127.0.0.1', port: 0 });
  await new Promise((ready) => server.once('listening', ready));
  const timer = setTimeout(() => resolve(false), 1000);
  const probe = new Socket();
  try {
    acceptInto(
      server,
      (socket) => ({
        received(bytes, start, end) {
          const right = bytes === shared && bytes.toString('latin1', start, end) === 'probe';
          socket.end();
          resolve(right);
          return true;
        },
      }),
      1,
    );
    const address = server.address();
    if (address === null || typeof address === 'string') return false;
    probe.on('error', () => resolve(false));
    probe.connect(address.port, '127.0.0.1', () => probe.write('probe'));
    return await promise;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    probe.destroy();
    server.close();
  }
}
