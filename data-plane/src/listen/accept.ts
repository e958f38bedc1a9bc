/** Reading accepted sockets into one shared static buffer: the one place that leans on Node's internals. */
import { createServer, type Server, Socket } from 'node:net';
import { restBytesMax } from './rest.ts';

/** What an accepted socket's bytes go to. */
export interface Reader {
  /** Returns false to stop reading until the socket is resumed. */
  received(bytes: Buffer, start: number, end: number): boolean;
  /** What came last ended inside a large command: more of it is on its way. */
  readonly awaitsLarge: boolean;
}

export type Accept = (socket: Socket) => Reader;

const readBytes = 64 * 1024;
/**
 * Where a large command goes on. Each read that ends inside of one costs two copies of what came of
 * it: with values of 50 KB in a pipeline of 50 so large a read saves 16 % of CPU. Small commands
 * are read in smaller pieces, for what their client may not ask for yet is kept and copied.
 */
const wideReadBytes = 256 * 1024;
const partingMs = 1000;
/** All clients read into the same memory: a read is used up before the next one can begin. */
const shared = Buffer.allocUnsafeSlow(restBytesMax + wideReadBytes);
const view = shared.subarray(restBytesMax, restBytesMax + readBytes);
const wideView = shared.subarray(restBytesMax);

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
    let current: Buffer | null = null;
    const onread = {
      /** Nothing where nothing changes: what is returned is handed to the handle anew. */
      buffer: () => {
        const next = reader?.awaitsLarge ? wideView : view;
        if (next === current) return undefined;
        current = next;
        return next;
      },
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
        awaitsLarge: true,
        received(bytes, start, end) {
          const text = bytes.toString('latin1', start, end);
          // Once more, where the wider view has to have taken over.
          if (bytes === shared && text === 'probe') {
            socket.write('go on');
            return true;
          }
          socket.end();
          resolve(bytes === shared && text === 'again');
          return true;
        },
      }),
      1,
    );
    const address = server.address();
    if (address === null || typeof address === 'string') return false;
    probe.on('error', () => resolve(false));
    probe.on('data', () => probe.end('again'));
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
