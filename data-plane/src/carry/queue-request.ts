/** What KPUSH, KPOP and KOFFSET ask for, read from their arguments: pure. */
import type { OffsetTime } from '@respool/kafka/gateway';
import { offsetTimeOf } from '../backend/kafka/offsets.ts';
import type { Command } from '../command/request.ts';
import { wireError } from './queue-error.ts';

/** Numbers of the arguments that hold content and key; the partition itself. */
export interface PushWords {
  readonly partition: number | null;
  readonly content: number;
  readonly key: number | null;
}

export interface PopWords {
  readonly partition: number;
  readonly offset: number;
  /** Bytes of content, from 1; null asks for one record. */
  readonly bytesMax: number | null;
}

export interface OffsetWords {
  readonly partition: number;
  readonly time: OffsetTime;
}

/** Kafka counts partitions in 32 bits, signed. */
const partitionMax = 2 ** 31 - 1;

const pushSyntax = wireError(
  'argument-invalid',
  'syntax error: KPUSH topic [partition] content [KEY key]',
);
const popSyntax = wireError(
  'argument-invalid',
  'syntax error: KPOP topic partition offset [maxBytes]',
);
const unmanaged = wireError(
  'command-refused',
  'KPOP without a position is not served yet by this proxy: name a partition and an offset',
);
const noPartition = wireError('argument-invalid', 'partition is not a whole number from 0');
const noOffset = wireError(
  'argument-invalid',
  `offset is not a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
);
const noBytes = wireError('argument-invalid', 'maxBytes is not a whole number from 1');
const noTime = wireError(
  'argument-invalid',
  'time is not a number of milliseconds since 1970, nor -1 for the latest or -2 for the earliest',
);

/**
 * `KPUSH topic content`, `KPUSH topic partition content`, and either with `KEY key` behind it: how
 * many arguments there are says which form it is, so no content is ever taken for a word.
 */
export function pushWords(command: Command): PushWords | Buffer {
  const { argc } = command;
  const named = argc === 4 || argc === 6;
  const content = named ? 3 : 2;
  if (argc > 6 || (argc > 4 && wordAt(command, content + 1) !== 'KEY')) return pushSyntax;
  const partition = named ? wholeAt(command, 2, partitionMax) : null;
  if (named && partition === null) return noPartition;
  return { partition, content, key: argc > 4 ? content + 2 : null };
}

export function popWords(command: Command): PopWords | Buffer {
  const { argc } = command;
  if (argc === 2 || ['BLOCK', 'COUNT'].includes(wordAt(command, 2))) return unmanaged;
  if (argc < 4 || argc > 5) return popSyntax;
  const partition = wholeAt(command, 2, partitionMax);
  if (partition === null) return noPartition;
  const offset = wholeAt(command, 3, Number.MAX_SAFE_INTEGER);
  if (offset === null) return noOffset;
  if (argc === 4) return { partition, offset, bytesMax: null };
  const bytesMax = wholeAt(command, 4, Number.MAX_SAFE_INTEGER);
  if (bytesMax === null || bytesMax === 0) return noBytes;
  return { partition, offset, bytesMax };
}

export function offsetWords(command: Command): OffsetWords | Buffer {
  const partition = wholeAt(command, 2, partitionMax);
  if (partition === null) return noPartition;
  const text = shortText(command, 3);
  const time = /^-?\d+$/.test(text) ? offsetTimeOf(Number(text)) : null;
  return time === null ? noTime : { partition, time };
}

const whole = /^(?:0|[1-9]\d*)$/;

function wholeAt(command: Command, index: number, most: number): number | null {
  const text = shortText(command, index);
  const value = whole.test(text) ? Number(text) : Number.NaN;
  return value <= most ? value : null;
}

function wordAt(command: Command, index: number): string {
  return shortText(command, index).toUpperCase();
}

/** No number or word is longer; content may be, and is not to be copied for a look at it. */
const textBytesMax = 20;

function shortText(command: Command, index: number): string {
  return command.ends[index]! - command.starts[index]! > textBytesMax ? '' : command.text(index);
}
