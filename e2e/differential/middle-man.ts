/** A proxy that does one thing wrong, to prove that a comparison notices. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Scan, scanReply } from '../topology/reply.ts';

/** What becomes of one reply: the bytes sent instead of it. */
export interface Fault {
  readonly name: string;
  /** True for the reply to spoil; asked for each, in order, until one is spoiled. */
  applies(reply: Buffer, number: number): boolean;
  spoil(reply: Buffer): readonly Buffer[];
  /** The reply after it goes out before what it was made. */
  readonly isLate?: true;
}

export interface MiddleMan {
  readonly port: number;
  /** Replies spoiled so far, over all connections. */
  spoiled(): number;
  stop(): Promise<void>;
}

/** Listens on a free port and forwards to `port`; on every connection the fault happens once. */
export async function startMiddleMan(port: number, fault: Fault | null): Promise<MiddleMan> {
  let spoiled = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const backend = connect({ port, host: '127.0.0.1' });
    for (const socket of [client, backend]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => sockets.delete(socket));
    }
    client.pipe(backend);
    client.once('close', () => backend.destroy());
    backend.once('close', () => client.destroy());
    const spoiler = new Spoiler(fault, () => {
      spoiled += 1;
    });
    backend.on('data', (chunk: Buffer) => {
      if (!client.destroyed) client.write(spoiler.take(chunk));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    spoiled: () => spoiled,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Finds where replies end, and passes all of them on but for the one that the fault takes. */
class Spoiler {
  readonly #fault: Fault | null;
  readonly #onSpoiled: () => void;
  #rest: Buffer = Buffer.alloc(0);
  #number = 0;
  #isDone = false;
  /** A late reply, until the next one has come. */
  #held: Buffer | null = null;

  constructor(fault: Fault | null, onSpoiled: () => void) {
    this.#fault = fault;
    this.#onSpoiled = onSpoiled;
  }

  take(chunk: Buffer): Buffer {
    const fault = this.#fault;
    if (fault === null || this.#isDone) return chunk;
    const bytes = Buffer.concat([this.#rest, chunk]);
    const out: Buffer[] = [];
    let cursor = 0;
    while (cursor < bytes.length && !this.#isDone) {
      const view = bytes.subarray(cursor);
      const scan: Scan = { cursor: 0, open: 1 };
      if (!scanReply(view, view.length, scan)) break;
      out.push(...this.#pass(fault, view.subarray(0, scan.cursor)));
      cursor += scan.cursor;
    }
    this.#rest = Buffer.from(bytes.subarray(cursor));
    return Buffer.concat(this.#isDone ? [...out, this.#rest] : out);
  }

  #pass(fault: Fault, reply: Buffer): readonly Buffer[] {
    if (this.#held !== null) {
      const held = this.#held;
      this.#isDone = true;
      return [reply, ...fault.spoil(held)];
    }
    this.#number += 1;
    if (!fault.applies(reply, this.#number)) return [reply];
    this.#onSpoiled();
    this.#isDone = fault.isLate !== true;
    if (this.#isDone) return fault.spoil(reply);
    this.#held = Buffer.from(reply);
    return [];
  }
}
