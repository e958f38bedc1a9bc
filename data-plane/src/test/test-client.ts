/** A client of one socket: commands out, replies as values or as the bytes they were. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeRequest } from '../resp/encoder.ts';
import { decodeReply } from '../resp/reply-decoder.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';
import type { Resp } from '../resp/resp.ts';

const replyMsMax = 60_000;

interface Waiter {
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class TestClient {
  readonly socket: Socket;
  /** RESP3 pushes, as they came. */
  readonly pushes: Buffer[] = [];
  closed = false;
  readonly #scanner = new ReplyScanner();
  #bytes = Buffer.alloc(0);
  #scanned = 0;
  readonly #replies: Buffer[] = [];
  readonly #waiting: Waiter[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      for (const { reject, timer } of this.#waiting.splice(0)) {
        clearTimeout(timer);
        reject(new Error('connection closed'));
      }
    });
  }

  static async connect(port: number): Promise<TestClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new TestClient(socket);
  }

  /** Replies that came and were not asked for. */
  get unread(): number {
    return this.#replies.length;
  }

  send(...commands: readonly (readonly (string | Buffer)[])[]): void {
    this.socket.write(Buffer.concat(commands.map((args) => encodeRequest(args))));
  }

  /** The next reply's bytes; rejects when the connection ends first, or after a while. */
  next(): Promise<Buffer> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.closed) return Promise.reject(new Error('connection closed'));
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const timer = setTimeout(() => reject(new Error('no reply')), replyMsMax);
    this.#waiting.push({ resolve, reject, timer });
    return promise;
  }

  raw(...args: (string | Buffer)[]): Promise<Buffer> {
    this.send(args);
    return this.next();
  }

  async ask(...args: (string | Buffer)[]): Promise<Resp> {
    const reply = await this.raw(...args);
    return decodeReply(reply, 0, reply.length);
  }

  /** The bytes of the reply as text. */
  async text(...args: (string | Buffer)[]): Promise<string> {
    return (await this.raw(...args)).toString('latin1');
  }

  close(): void {
    this.socket.destroy();
  }

  #received(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      this.#scanned = this.#scanner.next(this.#bytes, this.#scanned, this.#bytes.length);
      if (!this.#scanner.done) return;
      const reply = Buffer.from(this.#bytes.subarray(0, this.#scanned));
      this.#bytes = this.#bytes.subarray(this.#scanned);
      this.#scanned = 0;
      const waiter = this.#scanner.push ? undefined : this.#waiting.shift();
      if (this.#scanner.push) this.pushes.push(reply);
      else if (waiter === undefined) this.#replies.push(reply);
      if (waiter === undefined) continue;
      clearTimeout(waiter.timer);
      waiter.resolve(reply);
    }
  }
}
