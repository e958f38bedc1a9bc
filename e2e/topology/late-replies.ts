/** A way to a server that keeps replies back for a while and lets what nobody asked for pass at once. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Stage } from './stage.ts';

/**
 * A port on loopback that leads to `port`. Connections that ask for CLIENT TRACKING are not delayed;
 * on all others each piece of the server's waits up to `msMax`, in order. `random` gives 0…1.
 */
export async function startLateReplies(
  stage: Stage,
  port: number,
  msMax: number,
  random: () => number,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let isPrompt = false;
    let last = Promise.resolve();
    client.on('data', (bytes: Buffer) => {
      isPrompt ||= bytes.includes('TRACKING');
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => {
      const waited = new Promise<void>((resolve) => {
        if (isPrompt) resolve();
        else setTimeout(resolve, random() * msMax);
      });
      last = last.then(() => waited).then(() => void client.write(bytes));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
