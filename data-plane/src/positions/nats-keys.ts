/** A key-value bucket on NATS by requests alone: direct gets and conditional writes, no consumer. */
import { type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import {
  errors,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  headers as newHeaders,
} from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import { type KeyStore, StoreAway, type StoredKey } from './key-store.ts';

export interface NatsKeysOptions {
  readonly bucket: string;
  readonly clock: Clock;
  /** The connection while the server answers, so that nothing is queued in it meanwhile. */
  readonly connection: () => NatsConnection | null;
}

/** Leases are renewed each two seconds: an answer that takes longer is of no use. */
const answerMsMax = 1_500;
/** Source: JSStreamWrongLastSequence… in nats-server's errors.json. */
const wrongSequenceCodes: ReadonlySet<number> = new Set([10071, 10164]);
const notFound = 404;
const nothing = new Uint8Array();

export class NatsKeys implements KeyStore {
  readonly #options: NatsKeysOptions;
  /** KV streams take this prefix, and their subjects that one (ADR-8 of the NATS architecture). */
  readonly #stream: string;
  readonly #prefix: string;
  #manager: { readonly nc: NatsConnection; readonly jsm: JetStreamManager } | null = null;

  constructor(options: NatsKeysOptions) {
    this.#options = options;
    this.#stream = `KV_${options.bucket}`;
    this.#prefix = `$KV.${options.bucket}.`;
  }

  async read(key: string): Promise<StoredKey | null> {
    const found = await this.#ask(`$JS.API.DIRECT.GET.${this.#stream}.${this.#prefix}${key}`);
    const code = found.headers?.code ?? 0;
    if (code === notFound) return null;
    if (code !== 0 || found.headers === undefined) {
      throw this.#refused(`${code} ${found.headers?.description ?? ''}`);
    }
    return storedKey(found.headers, found.data);
  }

  /** Source: ADR-31 of the NATS architecture, `multi_last`; more than 1,024 keys are refused. */
  async readAll(keys: readonly string[] | null): Promise<ReadonlyMap<string, StoredKey>> {
    const jsm = await this.#open();
    const subjects = (keys ?? ['>']).map((key) => `${this.#prefix}${key}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const found = new Map<string, StoredKey>();
    // Neither the client's iterator nor its callback notices a server that stops half-way.
    const late = () => reject(new StoreAway('late', `${this.#stream} stopped inside an answer`));
    const cancel = this.#options.clock.after(answerMsMax, late);
    const callback = (done: { err?: Error } | null, message: StoredMsg): void => {
      if (done === null) {
        const key = message.subject.slice(this.#prefix.length);
        found.set(key, storedKey(message.header, message.data));
      } else if (isEnd(done.err)) resolve();
      else reject(this.#away(done.err));
    };
    const asked = { multi_last: subjects, callback } as Parameters<
      typeof jsm.direct.getLastMessagesFor
    >[1];
    try {
      const reading = await jsm.direct.getLastMessagesFor(this.#stream, asked);
      await promise.finally(() => reading.stop());
      return found;
    } catch (error) {
      // The connection may have been closed a moment ago.
      throw this.#away(error);
    } finally {
      cancel();
    }
  }

  async write(key: string, value: Uint8Array | null, expected: number): Promise<number | null> {
    const headers = newHeaders();
    headers.set('Nats-Expected-Last-Subject-Sequence', `${expected}`);
    if (value === null) headers.set('KV-Operation', 'DEL');
    const answer = await this.#ask(`${this.#prefix}${key}`, value ?? nothing, headers);
    const { seq, error } = answer.json<{
      readonly seq?: number;
      readonly error?: { readonly err_code: number; readonly description: string };
    }>();
    if (error === undefined && typeof seq === 'number') return seq;
    if (error !== undefined && wrongSequenceCodes.has(error.err_code)) return null;
    throw this.#refused(error?.description ?? 'no sequence in the answer');
  }

  async #ask(subject: string, data?: Uint8Array, headers?: MsgHdrs): Promise<Msg> {
    const nc = this.#connected();
    try {
      const options = { timeout: answerMsMax, ...(headers === undefined ? {} : { headers }) };
      return await nc.request(subject, data ?? nothing, options);
    } catch (error) {
      throw this.#away(error);
    }
  }

  #connected(): NatsConnection {
    const nc = this.#options.connection();
    if (nc === null) throw new StoreAway('away', 'NATS is away');
    return nc;
  }

  async #open(): Promise<JetStreamManager> {
    const nc = this.#connected();
    if (this.#manager?.nc === nc) return this.#manager.jsm;
    // The check of the API would ask for account facts, which a proxy has no right to.
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: answerMsMax });
    this.#manager = { nc, jsm };
    return jsm;
  }

  #refused(words: string): StoreAway {
    return new StoreAway('refused', `${this.#options.bucket}: ${words}`);
  }

  #away(cause: unknown): StoreAway {
    if (cause instanceof StoreAway) return cause;
    // No stream of that name listens: there is no such bucket.
    if (isUnanswered(cause)) {
      return new StoreAway('absent', `there is no bucket ${this.#options.bucket}`, { cause });
    }
    const message = cause instanceof Error ? cause.message : String(cause);
    const reason = cause instanceof errors.TimeoutError ? 'late' : 'refused';
    return new StoreAway(reason, `${this.#options.bucket}: ${message}`, { cause });
  }
}

function storedKey(headers: MsgHdrs, data: Uint8Array): StoredKey {
  const isDeleted = headers.get('KV-Operation') !== '';
  return { value: isDeleted ? null : data, sequence: Number(headers.get('Nats-Sequence')) };
}

function isUnanswered(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof errors.NoRespondersError) return true;
    if ('code' in at && at.code === 503) return true;
  }
  return false;
}

/** 404: none of the keys is there. */
function isEnd(error: Error | undefined): boolean {
  return error === undefined || ('code' in error && error.code === notFound);
}
