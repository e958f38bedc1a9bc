/** A real server under another version: everything passes as it is but what HELLO says it is. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { RedisServer } from './redis.ts';
import type { Stage } from './stage.ts';

/** The version of a HELLO reply; servers write such a small reply at once, so it comes in one piece. */
const versionField = /(\$7\r\nversion\r\n)\$\d+\r\n[\d.]+\r\n/;

export interface RenamedServer {
  readonly port: number;
  /** Breaks all connections; those made from then on see a server of this version. */
  become(version: string): void;
}

export async function startRenamed(
  stage: Stage,
  server: RedisServer,
  first: string,
): Promise<RenamedServer> {
  const sockets = new Set<Socket>();
  let version = first;
  const listener = createServer((client) => {
    const upstream = connect(server.port, server.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('end', () => to.end());
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      const said = bytes.toString('latin1').replace(versionField, (_all, name: string) => {
        return `${name}$${version.length}\r\n${version}\r\n`;
      });
      client.write(Buffer.from(said, 'latin1'));
    });
  });
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  stage.defer(() => {
    listener.close();
    breakAll();
  });
  return {
    port: (listener.address() as AddressInfo).port,
    become(next) {
      version = next;
      breakAll();
    },
  };
}
