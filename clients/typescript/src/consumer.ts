/** Records one after the other, settled as they are done with: each is delivered at least once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Commands } from './command.ts';
import { QueueError, TryAgainError } from './errors.ts';
import type { Message } from './message.ts';
import { type Client, send } from './send.ts';

export interface MessagesOptions {
  /**
   * `manual` (the default) is for topics with `ack: manual`: records are acknowledged when they are
   * done with, and delivered again if this process dies before. `auto` is for the others, where the
   * proxy acknowledges what it delivered: nothing is sent, and a crash loses what was in hand.
   */
  readonly ack?: 'manual' | 'auto';
  /** Records fetched at once (1). More is faster; all are out while the first is worked on. */
  readonly count?: number;
  /** How long one pop waits, in ms (1,000), and so how long ending may take. */
  readonly blockMs?: number;
  /** Ends the iteration before the next record. */
  readonly signal?: AbortSignal;
}

export interface ConsumeOptions<Content> extends Omit<MessagesOptions, 'signal'> {
  /**
   * Told of a handler that rejected; its record was given back, and the next one is taken after a
   * pause. Without it the consumer ends with that error.
   */
  readonly onError?: (error: unknown, message: Message<Content>) => void;
}

export type Handler<Content> = (message: Message<Content>) => unknown;
/** What becomes of the record in hand when the next one is asked for; `ack` if nothing is said. */
export type Verdict = 'ack' | 'nack';
export type Messages<Content> = AsyncGenerator<Message<Content>, void, Verdict | undefined>;

const blockMsDefault = 1_000;
const pauseMs = { first: 50, max: 2_000 } as const;

/**
 * The records of `topic` on a connection of their own. A pop that failed and may be repeated is
 * repeated after a pause: positions are moving between proxies, or the connection is made anew.
 */
export async function* messagesOf<Content>(
  client: Client,
  commands: Commands<Content>,
  topic: string,
  { ack = 'manual', count = 1, blockMs = blockMsDefault, signal }: MessagesOptions = {},
): Messages<Content> {
  // A pop that waits would hold up every other command of the client's own connection.
  const own = duplicateOf(client);
  own.on('error', ignore);
  let inHand: Message<Content>[] = [];
  const refusals: unknown[] = [];
  try {
    for (let failures = 0; !isOver(signal); ) {
      try {
        inHand = await send(own, commands.popMany(topic, count, { blockMs }));
        failures = 0;
      } catch (error) {
        if (!mayRepeat(error, own)) throw error;
        await pause(failures++, signal);
      }
      if (refusals.length > 0) throw refusals[0];
      for (let [message] = inHand; message !== undefined; [message] = inHand) {
        if (isOver(signal)) break;
        const verdict = (yield message) ?? 'ack';
        inHand = inHand.slice(1);
        if (ack === 'auto') continue;
        // Not waited for: a settlement that is lost has the record delivered again, no more.
        send(own, commands[verdict](topic, message)).catch((error: unknown) => {
          if (!mayRepeat(error, own)) refusals.push(error);
        });
      }
    }
  } finally {
    // Left by `break`, by an error in the loop, or ended: what is in hand was fetched for nothing.
    if (inHand.length > 0 && ack === 'manual') {
      await send(own, commands.nack(topic, ...inHand)).catch(ignore);
    }
    if (own.status === 'ready') await own.quit().catch(ignore);
    own.disconnect();
  }
}

/** A handler that is called with one record after the other. */
export class Consumer {
  /** Resolves once the consumer was stopped; rejects with what ended it before. */
  readonly finished: Promise<void>;
  readonly #leaving: AbortController;

  /** `leaving` is what ends `messages`. */
  constructor(leaving: AbortController, finished: Promise<void>) {
    this.#leaving = leaving;
    this.finished = finished;
    // Whoever awaits `finished` or `stop()` is told; nobody has to.
    finished.catch(ignore);
  }

  /** Resolves when the handler at work is through and what else was fetched is given back. */
  async stop(): Promise<void> {
    this.#leaving.abort();
    await this.finished;
  }
}

/** Calls `handler` with each of `messages` until they end. */
export async function handleEach<Content>(
  messages: Messages<Content>,
  handler: Handler<Content>,
  { onError }: ConsumeOptions<Content>,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let verdict: Verdict = 'ack';
  for (;;) {
    const { value: message } = await messages.next(verdict);
    if (message === undefined) return;
    try {
      await handler(message);
      [verdict, failures] = ['ack', 0];
    } catch (error) {
      if (onError === undefined) {
        await messages.return();
        throw error;
      }
      onError(error, message);
      verdict = 'nack';
      // It would come back at once, and go wrong at once.
      await pause(failures++, signal);
    }
  }
}

/** Both kinds of client have it, with other arguments; neither needs any. */
function duplicateOf(client: Client): Client {
  return (client as Redis).duplicate();
}

function isOver(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function mayRepeat(error: unknown, client: Client): boolean {
  if (error instanceof QueueError) return error instanceof TryAgainError;
  return client.status !== 'end';
}

/** Twice as long at each failure in a row, and up to half as long again, so that many spread. */
async function pause(failures: number, signal: AbortSignal | undefined): Promise<void> {
  const ms = Math.min(pauseMs.first * 2 ** failures, pauseMs.max) * (1 + Math.random() / 2);
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(ignore);
}

function ignore(): void {}
