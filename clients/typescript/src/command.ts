/** The queue commands as values: the words that are sent, and how the reply is read. */
import { UnexpectedReplyError } from './errors.ts';
import type { Lag, Message, Place, TimedOffset } from './message.ts';

export type Word = string | Buffer;

export interface Command<T> {
  readonly name: string;
  readonly words: readonly Word[];
  /** Throws `UnexpectedReplyError`. Replies hold their bulk strings as buffers. */
  readonly read: (reply: unknown) => T;
}

/** Contents as the caller wants them. */
export type ReadContent<Content> = (bytes: Buffer) => Content;

export interface PushOptions {
  /** Records with equal keys go to one partition, in their order. */
  readonly key?: Word;
  /** The partition itself; without it and without a key, partitions take turns. */
  readonly partition?: number;
}

export interface PopOptions {
  /** How long to wait for a record, in ms; 0 is for ever. Without it nothing is waited for. */
  readonly blockMs?: number;
}

/** An end of the log, the first record of then or later, or a place in each partition. */
export type SeekTarget = 'earliest' | 'latest' | Date | readonly Place[];

/** Builds the commands; `readContent` says what a content is to become. */
export class Commands<Content> {
  readonly #readContent: ReadContent<Content>;

  constructor(readContent: ReadContent<Content>) {
    this.#readContent = readContent;
  }

  push(topic: string, content: Word, { key, partition }: PushOptions = {}): Command<Place> {
    const place = partition === undefined ? [] : [String(partition)];
    const words = [topic, ...place, content, ...(key === undefined ? [] : ['KEY', key])];
    return { name: 'KPUSH', words, read: readPlace };
  }

  pop(topic: string, options: PopOptions = {}): Command<Message<Content> | null> {
    const read = (reply: unknown) =>
      reply === null ? null : (this.#readMessages(reply)[0] ?? null);
    return { name: 'KPOP', words: [topic, ...blockWords(options)], read };
  }

  popMany(topic: string, count: number, options: PopOptions = {}): Command<Message<Content>[]> {
    const words = [topic, 'COUNT', String(count), ...blockWords(options)];
    const read = (reply: unknown) => (reply === null ? [] : this.#readMessages(reply));
    return { name: 'KPOP', words, read };
  }

  popFrom(
    topic: string,
    { partition, offset }: Place,
    bytesMax?: number,
  ): Command<Message<Content>[]> {
    const bound = bytesMax === undefined ? [] : [String(bytesMax)];
    const words = [topic, String(partition), String(offset), ...bound];
    return { name: 'KPOP', words, read: (reply) => this.#readMessages(reply) };
  }

  ack(topic: string, ...places: readonly Place[]): Command<number> {
    return { name: 'KACK', words: [topic, ...placeWords(places)], read: Number };
  }

  nack(topic: string, ...places: readonly Place[]): Command<number> {
    return { name: 'KNACK', words: [topic, ...placeWords(places)], read: Number };
  }

  lag(topic: string): Command<Lag[]> {
    return { name: 'KLAG', words: [topic], read: readLags };
  }

  partitions(topic: string): Command<number[]> {
    return { name: 'KPARTITIONS', words: [topic], read: (reply) => listOf(reply).map(Number) };
  }

  offsetAt(
    topic: string,
    partition: number,
    at: 'earliest' | 'latest' | Date,
  ): Command<TimedOffset | null> {
    const words = [topic, String(partition), String(timeWord(at))];
    return { name: 'KOFFSET', words, read: (reply) => readTimedOffset(reply, at) };
  }

  seek(topic: string, to: SeekTarget): Command<number> {
    const words = to instanceof Date ? [String(to.getTime())] : to;
    const target = typeof words === 'string' ? [words] : words;
    return {
      name: 'KSEEK',
      words: [
        topic,
        ...target.flatMap((one) => (typeof one === 'string' ? [one] : placeWords([one]))),
      ],
      read: Number,
    };
  }

  #readMessages(reply: unknown): Message<Content>[] {
    return tuplesOf(reply, 3).map(([partition, offset, bytes]) => {
      if (bytes !== null && !Buffer.isBuffer(bytes)) throw new UnexpectedReplyError(reply);
      const content = bytes === null ? null : this.#readContent(bytes);
      return { ...placeOf(partition, offset), content };
    });
  }
}

/** The numbers that KOFFSET has for the ends of a log. */
function timeWord(at: 'earliest' | 'latest' | Date): number {
  if (at === 'latest') return -1;
  return at === 'earliest' ? -2 : at.getTime();
}

function blockWords({ blockMs }: PopOptions): string[] {
  return blockMs === undefined ? [] : ['BLOCK', String(blockMs)];
}

function placeWords(places: readonly Place[]): string[] {
  return places.flatMap(({ partition, offset }) => [String(partition), String(offset)]);
}

function readPlace(reply: unknown): Place {
  const [partition, offset] = listOf(reply);
  return placeOf(partition, offset);
}

function placeOf(partition: unknown, offset: unknown): Place {
  return { partition: Number(partition), offset: integerOf(offset) };
}

function readLags(reply: unknown): Lag[] {
  return tuplesOf(reply, 4).map(([partition, position, end, lag]) => {
    return {
      partition: Number(partition),
      position: integerOf(position),
      end: integerOf(end),
      lag: integerOf(lag),
    };
  });
}

function readTimedOffset(reply: unknown, at: 'earliest' | 'latest' | Date): TimedOffset | null {
  const [found, time] = listOf(reply);
  const offset = integerOf(found);
  if (!(at instanceof Date)) return { offset, time: null };
  return offset < 0n ? null : { offset, time: new Date(Number(time)) };
}

function integerOf(value: unknown): bigint {
  const digits = String(value);
  if (!/^-?\d+$/.test(digits)) throw new UnexpectedReplyError(value);
  return BigInt(digits);
}

function tuplesOf(reply: unknown, size: number): unknown[][] {
  const list = listOf(reply);
  return Array.from({ length: list.length / size }, (_, at) =>
    list.slice(at * size, at * size + size),
  );
}

function listOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new UnexpectedReplyError(reply);
  return reply;
}
