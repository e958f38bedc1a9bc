/** The event log in one JetStream stream; DESIGN.md section 2 says why it is so. */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { eventBytesMax } from '@respool/contracts/events';
import { liveSubjects, logStream } from '@respool/contracts/subjects';
import { readBatch, storedBytes, Turnstile } from './direct-read.ts';
import { type LinkOptions, NatsLink } from './link.ts';
import {
  type AppendOutcome,
  type AppendRequest,
  type EventLog,
  LogGap,
  type StoredBytes,
} from './log.ts';
import { causeOf, pause, persist, within } from './patience.ts';
import { UnfitServer } from './server-check.ts';
import { refuseUnfitStream, streamConfig, UnfitStream } from './stream-config.ts';

/** One try; an election takes 4 to 9 s, so several fit into a sensible deadline. */
const answerMsMax = 1_500;
/** Looks at expected+1 before a log that ends below `expected` is believed. */
const shorterLooksMax = 5;
const batchesAtOnceMax = 8;
const messageIdHeader = 'Nats-Msg-Id';

export interface JetStreamLogOptions extends LinkOptions {
  /**
   * Replicas of the stream when it has to be created; an existing one must have at least as many.
   */
  readonly replicas: number;
}

/** What one publish came to, before an ambiguous outcome is resolved. */
type Sent =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'refused'; readonly head: number }
  | { readonly kind: 'unknown'; readonly cause: unknown };

export class JetStreamLog implements EventLog {
  readonly #link: NatsLink;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #turnstile = new Turnstile(batchesAtOnceMax);

  private constructor(link: NatsLink, client: JetStreamClient, manager: JetStreamManager) {
    this.#link = link;
    this.#client = client;
    this.#manager = manager;
  }

  /**
   * Connects, checks the servers, creates the stream or checks the one that is there. Tries until
   * the signal fires (LogUnreachable); throws UnfitServer or UnfitStream where trying again cannot
   * help.
   */
  static async open(options: JetStreamLogOptions, signal: AbortSignal): Promise<JetStreamLog> {
    const link = await NatsLink.open(options, signal);
    try {
      const manager = await jetstreamManager(link.connection, {
        checkAPI: false,
        timeout: answerMsMax,
      });
      const isUnfit = (error: unknown) =>
        error instanceof UnfitServer || error instanceof UnfitStream;
      await persist(signal, () => openStream(link, manager, options.replicas), isUnfit);
      return new JetStreamLog(link, jetstream(link.connection, { timeout: answerMsMax }), manager);
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** For what else travels over NATS: heads, acks, buckets. Closed by {@link close}. */
  get connection(): NatsConnection {
    return this.#link.connection;
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const { bytes, expected, signal } = request;
    if (bytes.length > eventBytesMax) throw new RangeError('event is larger than allowed');
    let head = 0;
    let cause: unknown;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        await this.#link.ready(signal);
        const sent = await this.#send(request);
        if (sent.kind === 'stored') return { kind: 'appended', sequence: sent.sequence };
        if (sent.kind === 'refused') head = sent.head;
        else cause = sent.cause;
        // Both ways the truth stands at expected+1: mine (a retry), another's, or nothing yet.
        const found = await within(signal, this.#leaderMessage(expected + 1));
        if (found !== null) return outcomeOf(found, request, head);
        const isShorter = sent.kind === 'refused' && head < expected;
        if (isShorter && tries >= shorterLooksMax) return { kind: 'conflict', head };
      } catch (error) {
        if (!signal.aborted) cause = error;
        cause ??= error;
      }
      await pause(tries, signal);
    }
    return { kind: 'unreachable', cause: causeOf(cause) };
  }

  async *read(after: number, signal: AbortSignal, limit = Infinity): AsyncIterable<StoredBytes> {
    const end = Math.min(await this.head(signal), after + limit);
    for (let next = after + 1; next <= end; ) {
      const from = next;
      for (const stored of await this.#readFrom(from, end - from + 1, signal)) {
        if (stored.sequence > end) return;
        if (stored.sequence > next) yield* this.#fill(next, stored.sequence - 1, signal);
        yield stored;
        next = stored.sequence + 1;
      }
      if (next > from) continue;
      // The replica that answered is behind the leader.
      yield await this.#leaderEvent(next, signal);
      next++;
    }
  }

  async head(signal: AbortSignal): Promise<number> {
    const info = await this.#ask(signal, () => this.#manager.streams.info(logStream));
    return info.state.last_seq;
  }

  watch(wake: () => void): () => void {
    const subscription = this.connection.subscribe(liveSubjects, { callback: () => wake() });
    const stop = this.#link.onReturn(wake);
    return () => {
      stop();
      if (!this.connection.isClosed()) subscription.unsubscribe();
    };
  }

  reachable(): boolean {
    return this.#link.reachable();
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  async #send(request: AppendRequest): Promise<Sent> {
    const { bytes, expected, requestId, subject, signal } = request;
    const options = {
      msgID: requestId,
      expect: { lastSequence: expected, streamName: logStream },
      timeout: answerMsMax,
    };
    try {
      const published = this.#link.whileUp(this.#client.publish(subject, bytes, options));
      const ack = await within(signal, published);
      this.#link.heard(true);
      return { kind: 'stored', sequence: ack.seq };
    } catch (error) {
      const isConflict =
        error instanceof JetStreamApiError &&
        error.code === JetStreamApiCodes.StreamWrongLastSequence;
      if (!signal.aborted) this.#link.heard(isConflict);
      if (!isConflict) return { kind: 'unknown', cause: error };
      return { kind: 'refused', head: Number(/\d+$/.exec(error.message)?.[0] ?? 0) };
    }
  }

  /** STREAM.MSG.GET is answered by the leader alone, unlike a direct get. */
  #leaderMessage(sequence: number): Promise<StoredMsg | null> {
    return this.#link.whileUp(this.#manager.streams.getMessage(logStream, { seq: sequence }));
  }

  /** An event that must exist; looked for twice, because a new leader may still be catching up. */
  async #leaderEvent(sequence: number, signal: AbortSignal): Promise<StoredBytes> {
    for (let looks = 0; looks < 2; looks++) {
      const message = await this.#ask(signal, () => this.#leaderMessage(sequence));
      if (message !== null) return storedBytes(message);
      await pause(looks, signal);
    }
    throw new LogGap(sequence, await this.head(signal));
  }

  async *#fill(from: number, to: number, signal: AbortSignal): AsyncIterable<StoredBytes> {
    for (let next = from; next <= to; next++) yield await this.#leaderEvent(next, signal);
  }

  #readFrom(from: number, limit: number, signal: AbortSignal): Promise<StoredBytes[]> {
    return this.#turnstile.pass(() =>
      this.#ask(signal, () => readBatch(this.#manager, logStream, from, limit, signal)),
    );
  }

  #ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T> {
    const attempt = async () => {
      await this.#link.ready(signal);
      try {
        const answer = await this.#link.whileUp(question());
        this.#link.heard(true);
        return answer;
      } catch (error) {
        if (!signal.aborted) this.#link.heard(false);
        throw error;
      }
    };
    return persist(signal, attempt, () => false);
  }
}

function outcomeOf(found: StoredMsg, request: AppendRequest, head: number): AppendOutcome {
  if (found.header.get(messageIdHeader) === request.requestId) {
    return { kind: 'appended', sequence: found.seq };
  }
  return { kind: 'conflict', head: Math.max(head, found.seq) };
}

async function openStream(
  link: NatsLink,
  manager: JetStreamManager,
  replicas: number,
): Promise<void> {
  // Creating a stream that exists with the same configuration is no error, so replicas may race.
  const info = await manager.streams.info(logStream).catch((error: unknown) => {
    const isAbsent =
      error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
    if (!isAbsent) throw error;
    return manager.streams.add(streamConfig(replicas));
  });
  refuseUnfitStream(info.config, replicas);
  const { leader, replicas: followers } = info.cluster ?? {};
  // A replica that is down acknowledges nothing; it is checked when it is the one we talk to.
  const online = (followers ?? []).filter((follower) => follower.offline !== true);
  const names = [leader ?? '', ...online.map((follower) => follower.name)];
  await link.refuseUnknownReplicas(names.filter((name) => name !== ''));
}
