/** Reading stored events by direct get in batches, without creating anything on the server. */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { LogUnreachable, type StoredBytes } from './log.ts';

const batchEventsMax = 256;
const batchBytesMax = 4 * 1024 * 1024;
/** Longest silence inside a batch; the library itself watches only for the first message. */
const silenceMsMax = 2_000;

/**
 * Messages of `stream` from `from` on, at most `limit` and as many as fit one batch; fewer, or
 * none, when the replica that answers is behind. Sequences ascend but may have gaps: the caller
 * checks.
 */
export async function readBatch(
  manager: JetStreamManager,
  stream: string,
  from: number,
  limit: number,
  signal: AbortSignal,
): Promise<StoredBytes[]> {
  return (await readMessages(manager, { stream, from, limit }, signal)).map(storedBytes);
}

export interface Stretch {
  readonly stream: string;
  readonly from: number;
  readonly limit: number;
}

/** The same, with all that is stored of each message. */
export async function readMessages(
  manager: JetStreamManager,
  { stream, from, limit }: Stretch,
  signal: AbortSignal,
): Promise<StoredMsg[]> {
  const messages: StoredMsg[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<StoredMsg[]>();
  // The callback form: the iterator form of 3.4.0 never gives its subscription back.
  const batch = await manager.direct.getBatch(stream, {
    seq: from,
    batch: Math.min(limit, batchEventsMax),
    max_bytes: batchBytesMax,
    callback(done, message) {
      if (done !== null) return done.err === undefined ? resolve(messages) : reject(done.err);
      messages.push(message);
      silence.refresh();
    },
  });
  const giveUp = (why: string) => batch.stop(new LogUnreachable(why));
  const silence = setTimeout(() => giveUp('a batch stopped in the middle'), silenceMsMax);
  const expire = () => giveUp('the deadline passed in the middle of a batch');
  signal.addEventListener('abort', expire, { once: true });
  if (signal.aborted) expire();
  try {
    return await promise;
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', expire);
  }
}

export function storedBytes(message: StoredMsg): StoredBytes {
  return { sequence: message.seq, bytes: message.data };
}

/** At most `width` batches of this process in flight; unbounded parallel direct gets time out. */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(width: number) {
    this.#free = width;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
