/** Topics of Kafka by an ioredis client that is connected to respool. */
import {
  type Command,
  Commands,
  type PopOptions,
  type PushOptions,
  type SeekTarget,
  type Word,
} from './command.ts';
import {
  type ConsumeOptions,
  Consumer,
  type Handler,
  handleEach,
  type Messages,
  type MessagesOptions,
  messagesOf,
} from './consumer.ts';
import { QueueError, queueError } from './errors.ts';
import type { Lag, Message, Place, TimedOffset } from './message.ts';
import { type Client, send } from './send.ts';

export type { Command, PopOptions, PushOptions, SeekTarget, Word } from './command.ts';
export { Commands } from './command.ts';
export type {
  ConsumeOptions,
  Consumer,
  Handler,
  Messages,
  MessagesOptions,
  Verdict,
} from './consumer.ts';
export {
  InDoubtError,
  NoPermissionError,
  OutOfRangeError,
  QueueError,
  TryAgainError,
  UnexpectedReplyError,
} from './errors.ts';
export type { Lag, Message, Place, TimedOffset } from './message.ts';
export type { Client } from './send.ts';

/** What a pipeline resolves with: for each command its result, or why it was refused. */
export type Results<Built extends readonly Command<unknown>[]> = {
  -readonly [At in keyof Built]: Built[At] extends Command<infer T> ? T | QueueError : never;
};

/**
 * The topics that the user of `redis` may use. `contents` says what contents are read as: `bytes`
 * (a `Buffer`, and the default) or `text` (UTF-8).
 */
export function queues(redis: Client, options?: { readonly contents?: 'bytes' }): Queues<Buffer>;
export function queues(redis: Client, options: { readonly contents: 'text' }): Queues<string>;
export function queues(
  redis: Client,
  { contents = 'bytes' }: { readonly contents?: 'bytes' | 'text' } = {},
): Queues<Buffer> | Queues<string> {
  if (contents === 'text') return new Queues(redis, (bytes: Buffer) => bytes.toString('utf8'));
  return new Queues(redis, (bytes: Buffer) => bytes);
}

/**
 * Every method rejects with a `QueueError` for what was refused, and with the client's own error
 * when the connection is gone.
 */
export class Queues<Content> {
  readonly #redis: Client;
  readonly #commands: Commands<Content>;

  constructor(redis: Client, readContent: (bytes: Buffer) => Content) {
    this.#redis = redis;
    this.#commands = new Commands(readContent);
  }

  /** Appends a record; resolves with its place once every replica in sync has it. */
  push(topic: string, content: Word, options?: PushOptions): Promise<Place> {
    return send(this.#redis, this.#commands.push(topic, content, options));
  }

  /**
   * The next record of the caller's position, which every connection of its user shares; null when
   * no partition has one. A pop that waits holds up whatever is sent behind it on this connection:
   * `consume` and `messages` take one of their own.
   */
  pop(topic: string, options?: PopOptions): Promise<Message<Content> | null> {
    return send(this.#redis, this.#commands.pop(topic, options));
  }

  /** Up to `count` records at once; an empty list when no partition has one. */
  popMany(topic: string, count: number, options?: PopOptions): Promise<Message<Content>[]> {
    return send(this.#redis, this.#commands.popMany(topic, count, options));
  }

  /**
   * Records from a place on, wherever the caller's position is: one, or as many as have `bytesMax`
   * of content together. An empty list is the end of the log; go on at the last offset plus 1.
   */
  popFrom(topic: string, place: Place, bytesMax?: number): Promise<Message<Content>[]> {
    return send(this.#redis, this.#commands.popFrom(topic, place, bytesMax));
  }

  /** These are done with, in topics with `ack: manual`; resolves with how many were out. */
  ack(topic: string, ...places: readonly Place[]): Promise<number> {
    if (places.length === 0) return Promise.resolve(0);
    return send(this.#redis, this.#commands.ack(topic, ...places));
  }

  /** These are to be delivered again, first in line; resolves with how many were out. */
  nack(topic: string, ...places: readonly Place[]): Promise<number> {
    if (places.length === 0) return Promise.resolve(0);
    return send(this.#redis, this.#commands.nack(topic, ...places));
  }

  /** How far the caller's position is behind, a partition each. */
  lag(topic: string): Promise<Lag[]> {
    return send(this.#redis, this.#commands.lag(topic));
  }

  partitions(topic: string): Promise<number[]> {
    return send(this.#redis, this.#commands.partitions(topic));
  }

  /** The first record of then or later, or an end of the log; null when there is no such record. */
  offsetAt(
    topic: string,
    partition: number,
    at: 'earliest' | 'latest' | Date,
  ): Promise<TimedOffset | null> {
    return send(this.#redis, this.#commands.offsetAt(topic, partition, at));
  }

  /**
   * Moves the caller's position; partitions that a list does not name stay where they are. Resolves
   * with the sequence of the event that says so in respool's log: it is acted on a moment later.
   */
  seek(topic: string, to: SeekTarget): Promise<number> {
    return send(this.#redis, this.#commands.seek(topic, to));
  }

  /**
   * Sends all commands that `build` lists in one write, and resolves with a result for each: one
   * that is refused stops none of the others, so refusals are results here.
   */
  async pipeline<const Built extends readonly Command<unknown>[]>(
    build: (commands: Commands<Content>) => Built,
  ): Promise<Results<Built>> {
    const commands = build(this.#commands);
    const sent = commands.map(({ name, words }) => ['callBuffer', name, ...words]);
    const replies = (await this.#redis.pipeline(sent).exec()) ?? [];
    const results = replies.map(([error, reply], at) => {
      if (error === null) return commands[at]?.read(reply);
      const refusal = queueError(error);
      if (refusal instanceof QueueError) return refusal;
      throw refusal;
    });
    return results as Results<Built>;
  }

  /**
   * Records one after the other for ever, on a connection of their own: for `for await`. A record
   * is acknowledged when the loop asks for the next; what it leaves unfinished by `break`, `return`
   * or an error is given back.
   */
  messages(topic: string, options?: MessagesOptions): Messages<Content> {
    return messagesOf(this.#redis, this.#commands, topic, options);
  }

  /**
   * Calls `handler` with one record after the other, on a connection of their own, until `stop()`.
   * A record is acknowledged when the handler resolves and given back when it rejects.
   */
  consume(
    topic: string,
    handler: Handler<Content>,
    options: ConsumeOptions<Content> = {},
  ): Consumer {
    const leaving = new AbortController();
    const { signal } = leaving;
    const messages = this.messages(topic, { ...options, signal });
    return new Consumer(leaving, handleEach(messages, handler, options, signal));
  }
}
