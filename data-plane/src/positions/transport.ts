/** Questions between proxies and their answers, over NATS: each proxy listens under its session alone. */
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import { queueSubject } from '@respool/contracts/subjects';
import type { Logger } from 'pino';
import type { Hint, SessionId } from './exchange.ts';
import type { Probed } from './sessions.ts';
import {
  type Question,
  type Reply,
  readHeard,
  readReply,
  writeHint,
  writePing,
  writeReply,
} from './wire.ts';

/** `away`: nobody listens there, or nothing could be sent; it was not heard. `late`: nobody knows. */
export type Unanswered = 'away' | 'late';

/** Whoever asked. An answer may come after all when it was told `late`. */
export interface Asker {
  answered(reply: Reply): void;
  unanswered(why: Unanswered): void;
}

export interface TransportOptions {
  readonly clock: Clock;
  readonly nowMs: () => number;
  /** The connection while the server answers. */
  readonly connection: () => NatsConnection | null;
  readonly logger: Pick<Logger, 'warn'>;
  /** Answers what others ask; never rejects. */
  readonly serve: (question: Question) => Promise<Reply> | Reply;
  readonly hinted: (hint: Hint) => void;
}

interface UnderWay {
  readonly asker: Asker;
  readonly deadlineAtMs: number;
}

const underWayMax = 10_000;
/** Late answers may hold loans, which must go back: they are still expected for so long. */
const lateMsMax = 30_000;
const servedMax = 10_000;
/** Answers that were handed to NATS and may not have left yet. */
const unsentBytesMax = 32 * 2 ** 20;
const probeMsMax = 1_000;
const sayAgainMs = 10_000;
const noResponders = 503;

/**
 *     asker                                    owner
 *       respool.queue.<owner>.q        ─────►  serve
 *       respool.queue.<asker>.r.<n>    ◄─────  reply
 *       respool.queue.<asker>.q        ◄─────  hint
 */
export class Transport {
  readonly #options: TransportOptions;
  #session: SessionId | null = null;
  #nc: NatsConnection | null = null;
  #stopListening: () => void = () => {};
  /** What every subject of ours begins with. */
  #base = '';
  #number = 0;
  readonly #underWay = new Map<number, UnderWay>();
  readonly #late = new Map<number, UnderWay>();
  #served = 0;
  #unsentBytes = 0;
  #flushing = false;
  #saidMs = Number.NEGATIVE_INFINITY;
  /** Messages that were thrown away, ours and others'. */
  dropped = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** From now on others reach this proxy under `session`, and nothing else. */
  listen(session: SessionId): void {
    this.#stopListening();
    this.#session = session;
    this.#base = queueSubject(session, '');
    this.#nc = null;
    this.#attached();
  }

  /** Does nothing when another session is listened under. */
  close(session: SessionId): void {
    if (this.#session !== session) return;
    this.#stopListening();
    this.#stopListening = () => {};
    this.#session = null;
    this.#nc = null;
    this.#giveUp([...this.#underWay.keys()], 'late');
  }

  /** `asker` is told one thing, later than this call returns. */
  ask(to: SessionId, bytes: Uint8Array, msMax: number, asker: Asker): void {
    const number = this.#publish(to, bytes);
    if (number === null) queueMicrotask(() => asker.unanswered('away'));
    else this.#underWay.set(number, { asker, deadlineAtMs: this.#options.nowMs() + msMax });
  }

  request(to: SessionId, bytes: Uint8Array, msMax: number): Promise<Reply | Unanswered> {
    return new Promise((resolve) => {
      this.ask(to, bytes, msMax, { answered: resolve, unanswered: resolve });
    });
  }

  /** Asked under the session that is listened under, which others need not know yet. */
  async probe(session: SessionId): Promise<Probed> {
    const own = this.#session;
    if (own === null || this.#attached() === null) return 'silent';
    const reply = await this.request(session, writePing(own), probeMsMax);
    if (typeof reply !== 'string') return 'there';
    return reply === 'away' && this.#attached() !== null ? 'nobody' : 'silent';
  }

  hint(to: SessionId, hint: Hint): void {
    try {
      this.#attached()?.publish(queueSubject(to, 'q'), writeHint(hint));
    } catch {
      this.dropped++;
    }
  }

  /** Called some ten times a second: questions whose time is over. */
  tick(): void {
    this.#attached();
    const nowMs = this.#options.nowMs();
    const over: number[] = [];
    for (const [number, { deadlineAtMs }] of this.#underWay) {
      if (deadlineAtMs <= nowMs) over.push(number);
    }
    if (over.length > 0) this.#giveUp(over, 'late');
    for (const [number, { deadlineAtMs }] of this.#late) {
      if (deadlineAtMs + lateMsMax <= nowMs) this.#late.delete(number);
    }
  }

  #giveUp(numbers: readonly number[], why: Unanswered): void {
    for (const number of numbers) {
      const one = this.#underWay.get(number);
      if (one === undefined) continue;
      this.#underWay.delete(number);
      if (why === 'late' && this.#late.size < underWayMax) this.#late.set(number, one);
      one.asker.unanswered(why);
    }
  }

  /** The number its answer comes under; null when it did not leave. */
  #publish(to: SessionId, bytes: Uint8Array): number | null {
    const nc = this.#attached();
    if (nc === null || this.#underWay.size >= underWayMax) return null;
    const number = ++this.#number;
    try {
      nc.publish(queueSubject(to, 'q'), bytes, { reply: `${this.#base}r.${number}` });
      return number;
    } catch {
      return null;
    }
  }

  /** The live connection, listened on. */
  #attached(): NatsConnection | null {
    const nc = this.#options.connection();
    if (nc === null || this.#session === null) return null;
    if (nc === this.#nc) return nc;
    this.#nc = nc;
    try {
      const taken = nc.subscribe(`${this.#base}>`, {
        callback: (error, message) => {
          if (error === null) this.#take(nc, message);
          else this.#say(error.message);
        },
      });
      this.#stopListening = () => {
        if (!nc.isClosed()) taken.unsubscribe();
      };
    } catch {
      this.#nc = null;
      return null;
    }
    return nc;
  }

  #take(nc: NatsConnection, message: Msg): void {
    const token = message.subject.slice(this.#base.length);
    try {
      if (token === 'q') this.#hear(nc, message);
      else this.#receive(Number(token.slice(2)), message);
    } catch (error) {
      // What a broken or a later build says must not end the connection for all.
      this.dropped++;
      this.#say((error as Error).message);
    }
  }

  #receive(number: number, message: Msg): void {
    const one = this.#underWay.get(number) ?? this.#late.get(number);
    if (one === undefined) return;
    if (message.data.length === 0 && message.headers?.code === noResponders) {
      this.#giveUp([number], 'away');
      return;
    }
    const reply = readReply(message.data);
    this.#underWay.delete(number);
    this.#late.delete(number);
    one.asker.answered(reply);
  }

  #hear(nc: NatsConnection, { data, reply }: Msg): void {
    const heard = readHeard(data);
    if (heard.kind === 'hint') {
      this.#options.hinted(heard.hint);
      return;
    }
    const from = heard.kind === 'ask' ? heard.ask.from : heard.from;
    // Nobody may have us say anything where we may and they may not.
    if (reply?.startsWith(queueSubject(from, 'r.')) !== true) {
      this.dropped++;
      return;
    }
    if (this.#served >= servedMax || this.#unsentBytes >= unsentBytesMax) {
      this.#answer(nc, reply, overloaded);
      return;
    }
    const answer = this.#options.serve(heard);
    if (!(answer instanceof Promise)) {
      this.#answer(nc, reply, answer);
      return;
    }
    this.#served++;
    void answer.then((given) => {
      this.#served--;
      this.#answer(nc, reply, given);
    });
  }

  #answer(nc: NatsConnection, reply: string, answer: Reply): void {
    const bytes = writeReply(answer);
    try {
      nc.publish(reply, bytes);
    } catch {
      this.dropped++;
      return;
    }
    this.#unsentBytes += bytes.length;
    if (!this.#flushing && this.#unsentBytes > unsentBytesMax / 32) void this.#flush(nc);
  }

  /** The client queues without a bound: the server's answer to a ping says what has left. */
  async #flush(nc: NatsConnection): Promise<void> {
    this.#flushing = true;
    const bytes = this.#unsentBytes;
    await nc.flush().catch(() => {});
    this.#unsentBytes -= bytes;
    this.#flushing = false;
  }

  #say(why: string): void {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#saidMs < sayAgainMs) return;
    this.#saidMs = nowMs;
    this.#options.logger.warn({ why }, 'a message of another proxy was dropped');
  }
}

const overloaded: Reply = {
  kind: 'failed',
  code: 'overloaded',
  message: 'the owner has too much to answer',
};
