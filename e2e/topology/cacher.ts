/** A client that caches what it reads until it is told otherwise, in the order of what comes. */
import { connect, type Socket } from 'node:net';
import { encode } from './raw-client.ts';
import { decodeReply, isPush, scanReply, type Value } from './reply.ts';
import { until } from './until.ts';

export class Cacher {
  /** What it would answer without asking. */
  readonly cache = new Map<string, Value>();
  readonly #socket: Socket;
  /** Keys asked for, in order; null where the reply is not kept. */
  readonly #asked: (string | null)[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  invalidations = 0;
  flushes = 0;
  isClosed = false;
  lastReply: Value = null;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
  }

  get owed(): number {
    return this.#asked.length;
  }

  send(...args: readonly string[]): void {
    this.#asked.push(null);
    this.#socket.write(encode(...args));
  }

  /** Sends and waits for the reply to everything sent so far. */
  async ask(...args: readonly string[]): Promise<Value> {
    this.send(...args);
    await until(() => this.owed === 0 || this.isClosed, {
      what: `the reply to ${args[0]}`,
      everyMs: 2,
    });
    return this.lastReply;
  }

  /** Asks for `keys` in one write; what comes is kept. */
  read(keys: readonly string[]): void {
    this.#asked.push(...keys);
    this.#socket.write(Buffer.concat(keys.map((key) => encode('GET', key))));
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const scan = { cursor: 0, open: 1 };
      if (this.#bytes.length === 0 || !scanReply(this.#bytes, this.#bytes.length, scan)) return;
      const piece = this.#bytes.subarray(0, scan.cursor);
      this.#bytes = this.#bytes.subarray(scan.cursor);
      if (isPush(piece)) this.#pushed(decodeReply(piece) as readonly Value[]);
      else this.#replied(decodeReply(piece));
    }
  }

  #replied(value: Value): void {
    const key = this.#asked.shift();
    this.lastReply = value;
    if (typeof key === 'string') this.cache.set(key, value);
  }

  #pushed([word, keys]: readonly Value[]): void {
    if (word !== 'invalidate') return;
    if (Array.isArray(keys)) {
      this.invalidations += 1;
      for (const key of keys) this.cache.delete(String(key));
    } else {
      this.flushes += 1;
      this.cache.clear();
    }
  }
}
