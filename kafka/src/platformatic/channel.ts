/** The way to one broker for one purpose: few connections, one request at a time on each. */
import type { Connection } from '@platformatic/kafka';
import type { Attempt } from '../attempts.ts';
import { asKafkaError, KafkaError } from '../kafka-error.ts';
import { hangUp } from './dial.ts';

// A broker serves one request of a connection after the other, so a second one sent early gains
// nothing: what is asked while a request is under way waits here and leaves together in the next.
//
//   submit ──► waiting ──pick──► request ──► broker
//                ▲  one a connection, `pick` takes as many as fit

/** One thing to ask; whoever submitted it hears of its end by itself. */
export interface Work {
  readonly attempt: Attempt;
  /** It was not sent. */
  fail(error: KafkaError): void;
}

export interface ChannelOptions<W extends Work> {
  readonly dial: () => Promise<Connection>;
  /** Takes out of `waiting`, which is not empty, what goes into one request: at least one. */
  readonly pick: (waiting: W[]) => W[];
  /** Asks, and tells each work its end; resolves whatever that is, and never rejects. */
  readonly send: (connection: Connection, works: readonly W[]) => Promise<void>;
  readonly connectionsMax: number;
  readonly waitingMax: number;
}

export class Channel<W extends Work> {
  readonly #options: ChannelOptions<W>;
  readonly #idle: Connection[] = [];
  readonly #busy = new Set<Connection>();
  #dialling = 0;
  #waiting: W[] = [];
  #isClosed = false;

  constructor(options: ChannelOptions<W>) {
    this.#options = options;
  }

  /** Nothing waits and nothing is under way. */
  get isQuiet(): boolean {
    return this.#waiting.length === 0 && this.#busy.size === 0 && this.#dialling === 0;
  }

  submit(work: W): void {
    if (this.#waiting.length >= this.#options.waitingMax) this.#forgetLate();
    if (this.#isClosed) {
      work.fail(new KafkaError('closed', 'the connection was closed'));
    } else if (this.#waiting.length >= this.#options.waitingMax) {
      work.fail(new KafkaError('overloaded', 'too much is waiting for this broker'));
    } else {
      this.#waiting.push(work);
      this.#pump();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#failWaiting(new KafkaError('closed', 'the connection was closed'));
    for (const connection of [...this.#idle.splice(0), ...this.#busy]) hangUp(connection);
  }

  #pump(): void {
    if (this.#waiting.length === 0) return;
    const connection = this.#takeIdle();
    if (connection !== null) void this.#serve(connection);
    else if (this.#busy.size + this.#dialling < this.#options.connectionsMax) void this.#open();
  }

  #takeIdle(): Connection | null {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      if (one.isConnected()) return one;
      hangUp(one);
    }
    return null;
  }

  async #open(): Promise<void> {
    this.#dialling++;
    try {
      const connection = await this.#options.dial();
      if (this.#isClosed) return hangUp(connection);
      this.#idle.push(connection);
    } catch (error) {
      // With another connection at work what waits still has a way.
      if (this.#busy.size === 0) this.#failWaiting(asKafkaError(error));
    } finally {
      this.#dialling--;
    }
    this.#pump();
  }

  async #serve(connection: Connection): Promise<void> {
    this.#busy.add(connection);
    while (connection.isConnected()) {
      this.#forgetLate();
      if (this.#waiting.length === 0) break;
      const works = this.#options.pick(this.#waiting);
      // More waits than fits in: it may take another connection.
      this.#pump();
      await this.#options.send(connection, works);
    }
    this.#busy.delete(connection);
    if (connection.isConnected() && !this.#isClosed) this.#idle.push(connection);
    else hangUp(connection);
    this.#pump();
  }

  /** Drops what nobody waits for any more. */
  #forgetLate(): void {
    if (this.#waiting.every(({ attempt }) => !attempt.isOver)) return;
    this.#waiting = this.#waiting.filter(({ attempt }) => !attempt.isOver);
  }

  #failWaiting(error: KafkaError): void {
    for (const work of this.#waiting.splice(0)) work.fail(error);
  }
}
