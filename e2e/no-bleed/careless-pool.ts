/** A proxy that hands the server's connections on without cleaning them: what must be caught. */
import { connect, createServer, type Socket } from 'node:net';

export interface CarelessPool {
  readonly port: number;
  stop(): Promise<void>;
}

/** Whoever connects next gets the connection of whoever left last, as it is. */
export async function startCarelessPool(port: number): Promise<CarelessPool> {
  const idle: Socket[] = [];
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((client) => {
    track(client);
    const backend = idle.pop() ?? track(connect({ port, host: '127.0.0.1' }));
    const pass = (chunk: Buffer): void => void (client.destroyed || client.write(chunk));
    backend.on('data', pass);
    client.on('data', (chunk: Buffer) => backend.write(chunk));
    client.once('close', () => {
      backend.off('data', pass);
      backend.resume();
      if (!backend.destroyed) idle.push(backend);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
