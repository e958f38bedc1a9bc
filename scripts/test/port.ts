/** Free loopback ports for servers that must be told theirs. */

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the kernel's range for outgoing connections (32768 and up by default), so that a client
 * socket of a busy test cannot take the port between this probe and the server's own bind, nor
 * while the server is down and its clients dial.
 */
const lowest = 10_100;
const highest = 31_900;
const given = new Set<number>();

/** A port nothing listens on, never given twice by this process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(lowest, highest);
    if (given.has(port)) continue;
    given.add(port);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest}`);
}

/** As many different ones. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
