/** What clients wish of the control plane, carried there over NATS: KSEEK. */
import type { NatsConnection } from '@nats-io/transport-node';
import { errors } from '@respool/contracts/errors';
import type { SeekTarget } from '@respool/contracts/queues';
import { wishSubject } from '@respool/contracts/subjects';
import { type WishAnswer, wishAnswer } from '@respool/contracts/wishes';

/** A seek as a command asks for it; names that break their rules are refused by the other side. */
export interface Seek {
  readonly tenant: string;
  /** Who asks, and is the consumer that is sent. */
  readonly user: string;
  /** As clients call it. */
  readonly topic: string;
  readonly to: SeekTarget;
}

export interface Wishes {
  /** Sequence of the event that was appended. Rejects with a {@link WishError}. */
  seek(wish: Seek): Promise<number>;
}

/**
 * `seek-refused`: the control plane said no. `seek-in-doubt`: nobody answered in time; the message
 * says whether it was sent. `proxy-overloaded`: too many wait, it was not sent.
 */
export type WishErrorCode =
  | 'seek-refused'
  | 'seek-in-doubt'
  | 'proxy-overloaded'
  | 'topic-unknown'
  | 'topic-disabled'
  | 'topic-not-granted';

export class WishError extends Error {
  override name = 'WishError';
  readonly code: WishErrorCode;

  constructor(code: WishErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

export interface WishLimits {
  /** The control plane reads the log's head, decides and appends, perhaps more than once. */
  readonly askMsMax: number;
  readonly inFlightMax: number;
}

export const wishLimits: WishLimits = { askMsMax: 5_000, inFlightMax: 64 };

/** The connection to NATS, as far as it is needed here. */
export type Asking = Pick<NatsConnection, 'request'>;

export class NatsWishes implements Wishes {
  readonly #subject: string;
  /** Null while NATS is away. */
  readonly #connection: () => Asking | null;
  readonly #limits: WishLimits;
  #inFlight = 0;

  constructor(proxyId: string, connection: () => Asking | null, limits = wishLimits) {
    this.#subject = wishSubject(proxyId);
    this.#connection = connection;
    this.#limits = limits;
  }

  async seek(wish: Seek): Promise<number> {
    const answer = await this.#ask(JSON.stringify(wish));
    if (answer.ok) return answer.sequence;
    const { code, message } = answer;
    if (isSaidAlike(code)) throw new WishError(code, message);
    // The log could not be reached, or others were always first: it may be so no longer.
    if (errors[code].retrySafe) throw new WishError('seek-in-doubt', message);
    throw new WishError('seek-refused', message);
  }

  async #ask(body: string): Promise<WishAnswer> {
    const { askMsMax, inFlightMax } = this.#limits;
    const connection = this.#connection();
    if (connection === null) throw new WishError('seek-in-doubt', 'NATS is away; it was not sent');
    if (this.#inFlight >= inFlightMax) {
      throw new WishError('proxy-overloaded', `${inFlightMax} seeks wait already`);
    }
    this.#inFlight++;
    try {
      const { data } = await connection.request(this.#subject, body, { timeout: askMsMax });
      return wishAnswer.parse(JSON.parse(Buffer.from(data).toString()));
    } catch (cause) {
      const sent = 'no control plane answered; the seek may be done all the same';
      throw new WishError('seek-in-doubt', sent, { cause });
    } finally {
      this.#inFlight--;
    }
  }
}

/** Codes that proxies say themselves, in the same sense. */
function isSaidAlike(
  code: string,
): code is 'topic-unknown' | 'topic-disabled' | 'topic-not-granted' {
  return ['topic-unknown', 'topic-disabled', 'topic-not-granted'].includes(code);
}
