/** Inline commands: one line of words, as a person types it into telnet; turned into a RESP array. */
import { encodeRequest } from './encoder.ts';
import type { RequestLimits } from './request-scanner.ts';

export type InlineResult =
  /** `request` is the same command as a RESP array, `*0` for a blank line; `end` follows its LF. */
  | { readonly kind: 'request'; readonly end: number; readonly request: Buffer }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'error'; readonly error: string };

const LF = 10;
const CR = 13;
const SPACE = 32;
const DOUBLE = 34;
const SINGLE = 39;
const BACKSLASH = 92;

/**
 * Reads the line at `bytes[cursor..end)`; `request` is a copy. Errors are Redis's own words.
 * Source: RESP specification, "Inline commands"; limits as Redis 7.0 `processInlineBuffer`.
 */
export function parseInline(
  bytes: Buffer,
  cursor: number,
  end: number,
  limits: RequestLimits,
): InlineResult {
  const line = bytes.subarray(cursor, Math.min(end, cursor + limits.inlineBytesMax + 1));
  const length = line.indexOf(LF);
  if (length < 0) {
    if (line.length <= limits.inlineBytesMax) return { kind: 'incomplete' };
    return { kind: 'error', error: 'Protocol error: too big inline request' };
  }
  const bare = length > 0 && line[length - 1] === CR ? length - 1 : length;
  const words = splitWords(line.subarray(0, bare));
  if (words === null) {
    return { kind: 'error', error: 'Protocol error: unbalanced quotes in request' };
  }
  return { kind: 'request', end: cursor + length + 1, request: encodeRequest(words) };
}

/**
 * Splits a line into words; null when a quote is not closed, or is closed in the middle of a word.
 * Inside "…" a backslash escapes (\n \r \t \b \a \xHH); inside '…' only \' is special.
 * Source: the quoting rules of redis-cli and redis.conf, `sdssplitargs`.
 */
export function splitWords(line: Uint8Array): Buffer[] | null {
  const words: Buffer[] = [];
  const scratch = Buffer.allocUnsafe(line.length);
  let i = 0;
  for (;;) {
    while (i < line.length && isSpace(line[i]!)) i++;
    if (i >= line.length) return words;
    let used = 0;
    while (i < line.length && !endsWord(line[i]!)) {
      const byte = line[i++]!;
      if (byte !== DOUBLE && byte !== SINGLE) {
        scratch[used++] = byte;
        continue;
      }
      const quoted = byte === DOUBLE ? unquoteDouble(line, i) : unquoteSingle(line, i);
      if (quoted === null) return null;
      used += quoted.text.copy(scratch, used);
      i = quoted.end;
      break;
    }
    words.push(Buffer.from(scratch.subarray(0, used)));
  }
}

interface Quoted {
  readonly text: Buffer;
  /** Behind the closing quote; the line ends there or a blank follows. */
  readonly end: number;
}

function unquoteDouble(line: Uint8Array, start: number): Quoted | null {
  const text = Buffer.allocUnsafe(line.length - start);
  let used = 0;
  for (let i = start; i < line.length; i++) {
    const byte = line[i]!;
    if (byte === DOUBLE) return closed(line, text.subarray(0, used), i + 1);
    if (byte !== BACKSLASH || i + 1 >= line.length) {
      text[used++] = byte;
      continue;
    }
    const hex = hexEscape(line, i + 1);
    if (hex >= 0) {
      text[used++] = hex;
      i += 3;
    } else {
      i++;
      text[used++] = escapes.get(line[i]!) ?? line[i]!;
    }
  }
  return null;
}

function unquoteSingle(line: Uint8Array, start: number): Quoted | null {
  const text = Buffer.allocUnsafe(line.length - start);
  let used = 0;
  for (let i = start; i < line.length; i++) {
    const byte = line[i]!;
    if (byte === SINGLE) return closed(line, text.subarray(0, used), i + 1);
    if (byte === BACKSLASH && line[i + 1] === SINGLE) i++;
    text[used++] = line[i]!;
  }
  return null;
}

function closed(line: Uint8Array, text: Buffer, end: number): Quoted | null {
  const follows = line[end];
  return follows === undefined || isSpace(follows) ? { text, end } : null;
}

/** What \n, \r, \t, \b and \a stand for. */
const escapes: ReadonlyMap<number, number> = new Map([
  [110, 10],
  [114, 13],
  [116, 9],
  [98, 8],
  [97, 7],
]);

/** The byte that `xHH` at `i` stands for, or -1. */
function hexEscape(line: Uint8Array, i: number): number {
  if (line[i] !== 120) return -1;
  const digits = Buffer.from(line.subarray(i + 1, i + 3)).toString('latin1');
  return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= CR);
}

/** Vertical tab and form feed separate words but do not end an unquoted one: Redis's own oddity. */
function endsWord(byte: number): boolean {
  return byte === SPACE || byte === 9 || byte === LF || byte === CR;
}
