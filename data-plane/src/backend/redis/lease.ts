/** One dedicated connection: lent to a session, then kept for the next or closed. */
import { setTimeout as pause } from 'node:timers/promises';
import { CommandError } from '../../command/backing.ts';
import type { Lease, LeaseReader } from '../../command/lease.ts';
import { freeRun, type ReplyTaker, type Run, type RunOrigin } from '../../command/run.ts';
import type { Meter } from '../../observe/meter.ts';
import { encodeRequest } from '../../resp/encoder.ts';
import { ReplyDecoder } from '../../resp/reply-decoder.ts';
import type { Resp } from '../../resp/resp.ts';
import type { Protocol } from '../../state.ts';
import type { Turn } from '../../turn.ts';
import { type ConnectionOwner, RedisConnection } from './connection.ts';
import type { Dial } from './wire.ts';

/** What a lease needs of the pool it belongs to. */
export interface LeaseHome {
  readonly turn: Turn;
  readonly ownMeter: Meter;
  /** How long the server may take to end a command it blocks in. */
  readonly unblockMsMax: number;
  dial(address: string, protocol: Protocol, database: number): Dial;
  /** Asks the node over a connection shared by all. */
  askNode(address: string, args: readonly string[]): Promise<Resp>;
  /** `lease` is lent no more; `keep` says whether it may be lent again. */
  returned(lease: RedisLease, keep: boolean): void;
}

const unblockPauseMsFirst = 2;
const unblockPauseMsMax = 100;

export class RedisLease implements Lease, ReplyTaker, ConnectionOwner {
  readonly node: string;
  readonly protocol: Protocol;
  readonly database: number;
  readonly origin: RunOrigin = { address: 'proxy', name: '' };
  readonly last = null;
  /** Since when nobody has it, in the turn's microseconds. */
  idleUs = 0;
  /** The server's CLIENT ID of it; 0 while unknown. */
  #id = 0;
  readonly #home: LeaseHome;
  readonly #connection: RedisConnection;
  readonly #opened = Promise.withResolvers<void>();
  #reader: LeaseReader | null = null;
  #blocks = false;
  #lent = true;

  constructor(home: LeaseHome, node: string, protocol: Protocol, database: number) {
    this.node = node;
    this.protocol = protocol;
    this.database = database;
    this.#home = home;
    this.#opened.promise.catch(() => {});
    const dial = home.dial(node, protocol, database);
    this.#connection = new RedisConnection(node, this, home.turn, dial);
  }

  get usable(): boolean {
    return this.#connection.state === 'ready';
  }

  /** Whether the server may let it wait for ever. */
  get blocks(): boolean {
    return this.#blocks;
  }

  /** Connected and known by its id; rejects with the reason why not. */
  async open(): Promise<void> {
    this.#connection.connect();
    await this.#opened.promise;
    const reply = await this.ask(['CLIENT', 'ID']);
    // A server that does not tell serves nevertheless: then it is closed where it must not block.
    if (reply.type === 'integer') this.#id = Number(reply.value);
  }

  lend(): void {
    this.#lent = true;
  }

  send(request: Buffer, commands: number, reader: LeaseReader, blocks = false): void {
    if (this.#reader !== null) throw new Error('invariant: one thing at a time on a lease');
    if (!this.usable) {
      reader.broke(false, `${this.node}: ${this.#connection.lastError || 'closed'}`);
      return;
    }
    this.#reader = reader;
    this.#blocks = blocks;
    const { ownMeter } = this.#home;
    this.#connection.send(this, 0, ownMeter, request, 0, request.length, commands);
  }

  ask(args: readonly (string | Buffer)[]): Promise<Resp> {
    const { promise, resolve, reject } = Promise.withResolvers<Resp>();
    const decoder = new ReplyDecoder();
    this.send(encodeRequest(args), 1, {
      read(bytes, start, end): boolean {
        const [value] = decoder.feed(bytes.subarray(start, end));
        if (value !== undefined) resolve(value);
        return false;
      },
      broke: (_sent, reason) => reject(new CommandError(`ERR backend unavailable: ${reason}`)),
    });
    return promise;
  }

  async unblock(error: boolean): Promise<void> {
    const { askNode } = this.#home;
    const reader = this.#reader;
    const deadline = performance.now() + this.#home.unblockMsMax;
    const mode = error ? 'ERROR' : 'TIMEOUT';
    if (this.#id === 0) this.break('the server does not tell CLIENT ID, so it cannot unblock');
    // It may not have reached the server yet, which then says 0: nobody is blocked.
    for (
      let ms = unblockPauseMsFirst;
      this.#reader === reader;
      ms = Math.min(unblockPauseMsMax, ms * 2)
    ) {
      const args = ['CLIENT', 'UNBLOCK', String(this.#id), mode];
      const reply = await askNode(this.node, args).catch((reason: Error) => reason);
      if (this.#reader !== reader) return;
      const refused = reply instanceof Error || reply.type === 'error';
      if (refused || performance.now() > deadline) {
        this.break('the server does not end the command');
        return;
      }
      if (reply.type === 'integer' && reply.value === 1) return;
      await pause(ms);
      ms = Math.min(unblockPauseMsMax, ms * 2);
    }
  }

  release(clean: boolean): void {
    if (!this.#lent) return;
    this.#lent = false;
    const keep = clean && this.usable && this.#reader === null && !this.#connection.owes;
    if (!keep) this.close();
    this.#home.returned(this, keep);
  }

  /** Its server is gone, or it must not be waited for any more. */
  break(reason: string): void {
    this.#connection.fail(reason);
  }

  /** Whoever still waits for it to open waits no more. */
  close(): void {
    this.#connection.close();
    this.#opened.reject(new CommandError('ERR backend unavailable: removed'));
  }

  /** A command that does not block and gets no answer: the connection is broken. */
  tick(silenceUsMax: number): void {
    if (this.#reader !== null && !this.#blocks) this.#connection.tick(silenceUsMax);
  }

  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    _replies: number,
    done: boolean,
  ): boolean {
    const reader = this.#reader as LeaseReader;
    if (done) {
      this.#reader = null;
      freeRun(run);
    }
    return reader.read(bytes, start, end, done);
  }

  readonly lost = (run: Run, sent: boolean, reason: string): void => {
    const reader = this.#reader as LeaseReader;
    this.#reader = null;
    freeRun(run);
    reader.broke(sent, reason);
  };

  changed(connection: RedisConnection): void {
    if (connection.state === 'ready') {
      this.#opened.resolve();
      return;
    }
    this.#opened.reject(new CommandError(`ERR backend unavailable: ${connection.lastError}`));
    connection.close();
  }

  redirected(): void {
    throw new Error('invariant: redirects on a lease come as plain replies');
  }
  unanswered(): void {
    throw new Error('invariant: what broke on a lease was told to its reader');
  }
  owe(): void {}
  add(): void {}
  split(): void {}
  delay(): void {}
  tear(): void {}
  place(run: Run): Run {
    return run;
  }
}
