/** The log, the stored snapshots and the keys, read by direct get alone: nothing is made on the server. */

import { type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import type { SnapshotPointer } from '@respool/contracts/follow';
import type { Snapshot } from '@respool/contracts/snapshot';
import {
  decodeSnapshot,
  readSnapshotPointer,
  snapshotPartKey,
  snapshotPointerKey,
} from '@respool/contracts/snapshot-codec';
import { keyBucket, logStream, snapshotBucket } from '@respool/contracts/subjects';
import { pause } from './clock.ts';
import { messageOf } from './link.ts';

/** The server did not answer in time or refused; says nothing about what the log holds. */
export class LogUnreachable extends Error {
  override name = 'LogUnreachable';
}

/** One stored event; `bytes` are exactly what was appended. */
export interface LogEntry {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

const answerMsMax = 5000;
/** Events of one batch, and their bytes: what a proxy takes between two turns of its loop. */
export const batchEventsMax = 256;
const batchBytesMax = 4 * 1024 * 1024;
const readTries = 3;
const retryMs = 100;
/** KV streams take this prefix, and their subjects that one (ADR-8 of the NATS architecture). */
const kvStream = (bucket: string): string => `KV_${bucket}`;
const kvSubject = (bucket: string, key: string): string => `$KV.${bucket}.${key}`;

export class LogReader {
  readonly #clock: Clock;
  readonly #connection: () => NatsConnection | null;
  #manager: { readonly nc: NatsConnection; readonly jsm: JetStreamManager } | null = null;

  /** `connection` gives the live connection or null while there is none. */
  constructor(clock: Clock, connection: () => NatsConnection | null) {
    this.#clock = clock;
    this.#connection = connection;
  }

  /**
   * Events from `from` on, in stored order, at most {@link batchEventsMax}; empty when the log ends
   * before `from`. A batch may be cut short: read on from its end until nothing new comes.
   * Sequences are as the server has them: the caller looks for holes.
   */
  async batch(from: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    return this.#retried(signal, (jsm) => this.#collect(jsm, from, signal));
  }

  /**
   * null when none is stored, or the bucket was never made. Throws UnreadableSnapshot when this
   * build cannot read it.
   */
  async snapshotPointer(signal: AbortSignal): Promise<SnapshotPointer | null> {
    try {
      const bytes = await this.#value(snapshotBucket, snapshotPointerKey, signal);
      return bytes === null ? null : readSnapshotPointer(bytes);
    } catch (error) {
      if (isUnanswered(error)) return null;
      throw error;
    }
  }

  /** null when a part is gone: a newer snapshot took its place meanwhile. */
  async snapshot(pointer: SnapshotPointer, signal: AbortSignal): Promise<Snapshot | null> {
    const parts: Uint8Array[] = [];
    for (let part = 0; part < pointer.parts; part++) {
      const key = snapshotPartKey(pointer.sequence, part);
      const bytes = await this.#value(snapshotBucket, key, signal);
      if (bytes === null) return null;
      parts.push(bytes);
    }
    return decodeSnapshot(pointer, parts);
  }

  /** null when there is no such key, or it was destroyed. */
  async wrappedKey(scope: string, signal: AbortSignal): Promise<Uint8Array | null> {
    return this.#value(keyBucket, scope, signal);
  }

  #value(bucket: string, key: string, signal: AbortSignal): Promise<Uint8Array | null> {
    return this.#retried(signal, async (jsm) => {
      const query = { last_by_subj: kvSubject(bucket, key) };
      const found = await jsm.direct.getMessage(kvStream(bucket), query);
      if (found === null) return null;
      const deleted = found.header.get('KV-Operation') !== '';
      return deleted ? null : found.data.slice();
    });
  }

  async #retried<T>(signal: AbortSignal, read: (jsm: JetStreamManager) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await orAborted(this.#open().then(read), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (attempt === readTries || this.#connection() === null) {
          throw new LogUnreachable(messageOf(error), { cause: error });
        }
        await pause(this.#clock, retryMs * attempt, signal);
        signal.throwIfAborted();
      }
    }
  }

  async #open(): Promise<JetStreamManager> {
    const nc = this.#connection();
    if (nc === null) throw new LogUnreachable('NATS is away');
    if (this.#manager?.nc === nc) return this.#manager.jsm;
    // The check of the API would ask for account facts, which a proxy has no right to.
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: answerMsMax });
    this.#manager = { nc, jsm };
    return jsm;
  }

  /**
   * By callback, not by iterator: nats.js 3.4.0 leaves the iterator's subscription open on both
   * sides, and neither form notices a server that stops in the middle of a batch.
   */
  #collect(jsm: JetStreamManager, from: number, signal: AbortSignal): Promise<LogEntry[]> {
    return new Promise((resolve, reject) => {
      const entries: LogEntry[] = [];
      let stop = (): void => {};
      let settled = false;
      const end = (error: Error | null): void => {
        if (settled) return;
        settled = true;
        late();
        signal.removeEventListener('abort', aborted);
        stop();
        if (error === null) resolve(entries);
        else reject(error);
      };
      const expire = (): void => end(new LogUnreachable('the server stopped inside a batch'));
      const aborted = (): void => end(new LogUnreachable('the reading was called off'));
      let late = this.#clock.after(answerMsMax, expire);
      signal.addEventListener('abort', aborted, { once: true });
      const callback = (done: { err?: Error } | null, message: StoredMsg): void => {
        if (settled) return;
        if (done !== null) {
          end(isEnd(done.err) ? null : (done.err ?? null));
          return;
        }
        entries.push({ sequence: message.seq, bytes: message.data });
        late();
        late = this.#clock.after(answerMsMax, expire);
      };
      const limits = { batch: batchEventsMax, max_bytes: batchBytesMax };
      jsm.direct.getBatch(logStream, { seq: from, ...limits, callback }).then((iterator) => {
        stop = () => iterator.stop();
        if (settled) stop();
      }, end);
    });
  }
}

/** `work`, or an error once `signal` aborts: a request of the client itself can only time out. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new LogUnreachable('the reading was called off'));
  });
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** No stream of that name listens, which for a bucket means that there is none. */
function isUnanswered(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof errors.NoRespondersError) return true;
  }
  return false;
}

/** 404: the log ends before the first sequence asked for (ADR-31 of the NATS architecture). */
function isEnd(error: Error | undefined): boolean {
  return error === undefined || ('code' in error && error.code === 404);
}
