/** What commands about topics ask for, read from their arguments: pure. */
import type { SeekTarget } from '@respool/contracts/queues';
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

/** From a place that the application keeps. */
export interface ReadWords {
  readonly kind: 'place';
  readonly partition: number;
  readonly offset: number;
  /** Bytes of content, from 1; null asks for one record. */
  readonly bytesMax: number | null;
}

/** From the position that is kept for the user. */
export interface PopWords {
  readonly kind: 'managed';
  readonly count: number;
  /** How long to wait for a first record: Infinity is for ever; null without BLOCK. */
  readonly blockMs: number | null;
}

/** A record that is out, as KACK and KNACK name it. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
}

export interface OffsetWords {
  readonly partition: number;
  readonly time: OffsetTime;
}

/** Kafka counts partitions in 32 bits, signed. */
const partitionMax = 2 ** 31 - 1;
/** Records of one KPOP. */
const popCountMax = 10_000;
/** Records of one KACK or KNACK: they travel together to the proxy that gave them out. */
const judgedMax = 1_000;
/** The last that an event of the log can name (contracts/src/queues.ts). */
const soughtPartitionMax = 4_095;
/** No timer is longer, and nobody waits 24 days: that is for ever, too. */
const timerMsMax = 2 ** 31 - 1;
/** The end of the year 9999: ISO 8601 has four digits for it. */
const timeMsMax = 253_402_300_799_999;

const pushSyntax = wireError(
  'argument-invalid',
  'syntax error: KPUSH topic [partition] content [KEY key]',
);
const popSyntax = wireError(
  'argument-invalid',
  'syntax error: KPOP topic [COUNT count] [BLOCK ms], or KPOP topic partition offset [maxBytes]',
);
const noPartition = wireError('argument-invalid', 'partition is not a whole number from 0');
const noOffset = wireError(
  'argument-invalid',
  `offset is not a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
);
const noCount = wireError(
  'argument-invalid',
  `COUNT is not a whole number from 1 to ${popCountMax}`,
);
const noBlock = wireError(
  'argument-invalid',
  'BLOCK is not a whole number of milliseconds from 0, which is for ever',
);
const oddPlaces = wireError('argument-invalid', 'each partition needs an offset behind it');
const tooMany = wireError('argument-invalid', `more than ${judgedMax} records in one command`);
const partitionTwice = wireError('argument-invalid', 'a partition is named twice');
const noTarget = wireError(
  'argument-invalid',
  'a seek goes to earliest, latest, milliseconds since 1970, or to an offset of each partition named',
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

export function popWords(command: Command): PopWords | ReadWords | Buffer {
  const { argc } = command;
  if (argc === 2) return one;
  const word = wordAt(command, 2);
  if (word === 'COUNT' || word === 'BLOCK') return optionWords(command);
  if (argc < 4 || argc > 5) return popSyntax;
  const partition = wholeAt(command, 2, partitionMax);
  if (partition === null) return noPartition;
  const offset = wholeAt(command, 3, Number.MAX_SAFE_INTEGER);
  if (offset === null) return noOffset;
  if (argc === 4) return { kind: 'place', partition, offset, bytesMax: null };
  const bytesMax = wholeAt(command, 4, Number.MAX_SAFE_INTEGER);
  if (bytesMax === null || bytesMax === 0) return noBytes;
  return { kind: 'place', partition, offset, bytesMax };
}

const one: PopWords = { kind: 'managed', count: 1, blockMs: null };

/** `COUNT count` and `BLOCK ms`, each at most once, in any order. */
function optionWords(command: Command): PopWords | Buffer {
  let count: number | null = null;
  let blockMs: number | null = null;
  for (let at = 2; at < command.argc; at += 2) {
    const word = wordAt(command, at);
    if (at + 1 >= command.argc) return popSyntax;
    if (word === 'COUNT' && count === null) {
      count = wholeAt(command, at + 1, popCountMax);
      if (count === null || count === 0) return noCount;
    } else if (word === 'BLOCK' && blockMs === null) {
      blockMs = wholeAt(command, at + 1, Number.MAX_SAFE_INTEGER);
      if (blockMs === null) return noBlock;
      if (blockMs === 0 || blockMs > timerMsMax) blockMs = Infinity;
    } else {
      return popSyntax;
    }
  }
  return { kind: 'managed', count: count ?? 1, blockMs };
}

/** `KACK topic partition offset [partition offset …]`, and KNACK. */
export function judgeWords(command: Command): RecordPlace[] | Buffer {
  const places = placesOf(command, partitionMax);
  if (!Buffer.isBuffer(places) && places.length > judgedMax) return tooMany;
  return places;
}

/** `KSEEK topic earliest|latest|ms`, or pairs of partition and offset. */
export function seekWords(command: Command): SeekTarget | Buffer {
  if (command.argc === 3) {
    const word = wordAt(command, 2);
    if (word === 'EARLIEST') return 'earliest';
    if (word === 'LATEST') return 'latest';
    const ms = wholeAt(command, 2, timeMsMax);
    return ms === null ? noTarget : { time: new Date(ms).toISOString() };
  }
  const offsets = placesOf(command, soughtPartitionMax);
  if (Buffer.isBuffer(offsets)) return offsets;
  const partitions = new Set(offsets.map(({ partition }) => partition));
  return partitions.size < offsets.length ? partitionTwice : { offsets };
}

function placesOf(command: Command, most: number): RecordPlace[] | Buffer {
  if (command.argc % 2 !== 0) return oddPlaces;
  const places: RecordPlace[] = [];
  for (let at = 2; at < command.argc; at += 2) {
    const partition = wholeAt(command, at, most);
    if (partition === null) return noPartition;
    const offset = wholeAt(command, at + 1, Number.MAX_SAFE_INTEGER);
    if (offset === null) return noOffset;
    places.push({ partition, offset });
  }
  return places;
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
