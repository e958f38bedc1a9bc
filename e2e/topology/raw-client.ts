/** A RESP client that sends exact bytes and keeps exact bytes; shares no code with the product. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { decodeReply, isPush, ReplyError, type Scan, scanReply, type Value } from './reply.ts';
import { patienceMs } from './until.ts';

export type Argument = string | number | Buffer;

export interface RawClientOptions {
  readonly host?: string;
  readonly port: number;
  /** PEM of the authority to trust; turns TLS on. */
  readonly authority?: string;
  /** Sent as AUTH before anything else: `[password]` or `[user, password]`. */
  readonly auth?: readonly string[];
  /** 3 says HELLO 3 first. */
  readonly protocol?: 2 | 3;
  /** Fails a wait for replies that takes longer; {@link patienceMs} without. */
  readonly deadlineMs?: number;
}

/** Arguments as one RESP array of bulk strings. */
export function encode(...args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const argument of args) {
    const bytes = Buffer.isBuffer(argument) ? argument : Buffer.from(String(argument));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

interface Waiter {
  count: number;
  resolve(replies: Buffer[]): void;
  reject(error: Error): void;
}

export class RawClient {
  readonly socket: Socket;
  /** RESP3 push messages, kept apart from replies. */
  readonly pushes: Buffer[] = [];
  /** Resolves when the socket is closed, for whatever reason. */
  readonly closed: Promise<void>;
  #isClosed = false;
  #deadlineMs: number;
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #start = 0;
  #end = 0;
  #scan: Scan = { cursor: 0, open: 1 };
  #replies: Buffer[] = [];
  #waiters: Waiter[] = [];
  #failure: Error | undefined;

  constructor(socket: Socket, deadlineMs: number) {
    this.socket = socket;
    this.#deadlineMs = deadlineMs;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error: Error) => this.#fail(error));
    socket.on('close', () => {
      this.#isClosed = true;
      this.#fail(new Error('connection closed'));
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Replies read and not yet taken. */
  get waiting(): number {
    return this.#replies.length;
  }

  send(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** The next `count` replies as raw bytes; rejects when the connection ends first. */
  replies(count: number): Promise<Buffer[]> {
    if (this.#waiters.length === 0 && this.#replies.length >= count) {
      return Promise.resolve(this.#replies.splice(0, count));
    }
    if (this.#failure !== undefined) {
      const have = `${this.#replies.length} of ${count} replies`;
      return Promise.reject(new Error(`${this.#failure.message}, ${have}`));
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(new Error(`nothing more for ${this.#deadlineMs} ms`));
      }, this.#deadlineMs);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          then(value);
        };
      this.#waiters.push({ count, resolve: settle(resolve), reject: settle(reject) });
    });
  }

  /** Sends one command and returns its raw reply. */
  async raw(...args: readonly Argument[]): Promise<Buffer> {
    this.send(encode(...args));
    const [reply] = await this.replies(1);
    if (reply === undefined) throw new Error('no reply');
    return reply;
  }

  /** Sends one command and returns its reply as a value, error replies included. */
  async ask(...args: readonly Argument[]): Promise<Value> {
    return decodeReply(await this.raw(...args));
  }

  /** Like {@link ask}, throwing an error reply. */
  async call(...args: readonly Argument[]): Promise<Value> {
    const value = await this.ask(...args);
    if (value instanceof ReplyError) throw value;
    return value;
  }

  /** Sends all commands in one write and returns their replies in order. */
  async pipeline(commands: readonly (readonly Argument[])[]): Promise<Value[]> {
    this.send(Buffer.concat(commands.map((command) => encode(...command))));
    return (await this.replies(commands.length)).map(decodeReply);
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#append(chunk);
    try {
      for (;;) {
        const view = this.#buffer.subarray(this.#start, this.#end);
        if (view.length === 0 || !scanReply(view, view.length, this.#scan)) break;
        const reply = Buffer.from(view.subarray(0, this.#scan.cursor));
        this.#start += this.#scan.cursor;
        this.#scan = { cursor: 0, open: 1 };
        (isPush(reply) ? this.pushes : this.#replies).push(reply);
      }
    } catch (error) {
      this.#fail(error as Error);
      this.socket.destroy();
    }
    this.#wake();
  }

  #append(chunk: Buffer): void {
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    if (this.#end + chunk.length > this.#buffer.length) {
      const kept = this.#end - this.#start;
      const size = Math.max(this.#buffer.length, (kept + chunk.length) * 2);
      const grown = Buffer.allocUnsafe(size);
      this.#buffer.copy(grown, 0, this.#start, this.#end);
      this.#buffer = grown;
      this.#start = 0;
      this.#end = kept;
    }
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  #wake(): void {
    for (;;) {
      const first = this.#waiters[0];
      if (first === undefined || this.#replies.length < first.count) return;
      this.#waiters.shift();
      first.resolve(this.#replies.splice(0, first.count));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters.splice(0)) {
      const have = `${this.#replies.length} of ${waiter.count} replies`;
      waiter.reject(new Error(`${this.#failure.message}, ${have}`, { cause: this.#failure }));
    }
  }
}

/** Connects, then authenticates and sets the protocol as asked; rejects when the server refuses. */
export async function connectRaw(options: RawClientOptions): Promise<RawClient> {
  const client = new RawClient(await openSocket(options), options.deadlineMs ?? patienceMs);
  try {
    if (options.auth !== undefined) await client.call('AUTH', ...options.auth);
    if (options.protocol === 3) await client.call('HELLO', 3);
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

function openSocket(options: RawClientOptions): Promise<Socket> {
  const { host = '127.0.0.1', port, authority } = options;
  return new Promise((resolve, reject) => {
    const socket =
      authority === undefined
        ? connect({ host, port })
        : connectTls({ host, port, ca: authority, servername: 'localhost' });
    socket.once(authority === undefined ? 'connect' : 'secureConnect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** One command on a connection of its own. */
export async function askOnce(options: RawClientOptions, ...args: Argument[]): Promise<Value> {
  const client = await connectRaw(options);
  try {
    return await client.ask(...args);
  } finally {
    client.close();
  }
}
