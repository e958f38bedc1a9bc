/** A TCP proxy between a NATS client and its server that loses what a test tells it to lose. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Fault = 'lost-ack' | 'lost-send';

export class CuttingProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #faults: Fault[] = [];
  #isOpen = true;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * What befalls the next publications to the log, one each. `lost-ack`: it reaches the server, and
   * the connection breaks before anything comes back. `lost-send`: the connection breaks in front
   * of it.
   */
  failNext(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Closed, it breaks every connection and accepts none. */
  setOpen(isOpen: boolean): void {
    this.#isOpen = isOpen;
    if (!isOpen) for (const pair of this.#pairs) cut(pair);
  }

  async close(): Promise<void> {
    this.setOpen(false);
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    if (!this.#isOpen) {
      client.destroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    let isDeaf = false;
    client.on('data', (chunk) => {
      const fault = chunk.includes('HPUB respool.log') ? this.#faults.shift() : undefined;
      if (fault === 'lost-send') return cut(pair);
      if (fault === 'lost-ack') isDeaf = true;
      server.write(chunk);
    });
    server.on('data', (chunk) => (isDeaf ? cut(pair) : client.write(chunk)));
    for (const socket of pair) {
      socket.on('error', () => cut(pair));
      socket.on('close', () => {
        cut(pair);
        this.#pairs.delete(pair);
      });
    }
  }
}

function cut(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) socket.destroy();
}
