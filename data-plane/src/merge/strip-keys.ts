/** Replies that name keys, on their way to a tenant with a prefix: the prefix is cut off, the rest passes. */
import { writeBulkHeader } from '../command/prefix.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';

/**
 * `head`: an array whose first item is the key, or nil: BLPOP, LMPOP and their like.
 * `streams`: a key before each stream's entries, or nil: XREAD and XREADGROUP.
 */
export type KeyShape = 'head' | 'streams';

const shapes: ReadonlyMap<string, KeyShape> = new Map([
  ...['lmpop', 'zmpop', 'blpop', 'brpop', 'bzpopmin', 'bzpopmax', 'blmpop', 'bzmpop'].map(
    (name) => [name, 'head'] as const,
  ),
  ...['xread', 'xreadgroup'].map((name) => [name, 'streams'] as const),
]);

/** How the reply of a command names keys; null when it does not. `name` in lower case. */
export function keyShapeOf(name: string): KeyShape | null {
  return shapes.get(name) ?? null;
}

/** Takes what is to be said to the client: `bytes[start, end)`, valid during the call. */
export type Say = (bytes: Buffer, start: number, end: number) => void;

const bulk = 36;
const minus = 45;
const map = 37;
const array = 42;

type State = 'begin' | 'pair' | 'key' | 'body' | 'rest';

/**
 * Follows one reply at a time; resumable wherever {@link ReplyScanner} is, so a large value is
 * never gathered. The keys are those the client's command named, all of them with the prefix: it is
 * counted off, not looked for.
 */
export class KeyStripper {
  /** The last call of {@link next} ended the reply. */
  done = false;
  readonly #shape: KeyShape;
  readonly #prefix: Buffer;
  readonly #scanner = new ReplyScanner();
  readonly #header = Buffer.allocUnsafe(16);
  #state: State = 'begin';
  /** Keys still to come, with their values. */
  #pairs = 0;
  /** RESP2 wraps each stream and its entries in an array. */
  #wrapped = false;
  /** Values behind the key. */
  #values = 0;
  /** Bytes of the key still to cut, and then to pass, its CRLF included. */
  #cut = 0;
  #pass = 0;

  constructor(shape: KeyShape, prefix: Buffer) {
    this.#shape = shape;
    this.#prefix = prefix;
  }

  /** Consumes what is there of the reply in `bytes[start, end)`; returns where the next one starts. */
  next(bytes: Buffer, start: number, end: number, say: Say): number {
    this.done = false;
    let at = start;
    while (at < end && !this.done) {
      switch (this.#state) {
        case 'begin':
          at = this.#begin(bytes, at, end, say);
          break;
        case 'pair':
          at = lineEnd(bytes, at);
          say(bytes, at - 4, at);
          this.#state = 'key';
          break;
        case 'key':
          at = this.#key(bytes, at, say);
          break;
        case 'body':
          at = this.#body(bytes, at, end, say);
          break;
        default:
          at = this.#rest(bytes, at, end, say);
      }
    }
    return at;
  }

  #begin(bytes: Buffer, at: number, end: number, say: Say): number {
    const type = bytes[at];
    const to = lineEnd(bytes, at);
    const count = type === array || type === map ? Number(bytes.toString('latin1', at + 1, to)) : 0;
    if (type === minus) {
      // XREADGROUP quotes the key for which there is no group.
      const text = bytes.toString('latin1', at, to);
      const own = text.replace(`'${this.#prefix.toString('latin1')}`, "'");
      say(Buffer.from(own, 'latin1'), 0, own.length);
      this.done = true;
      return to;
    }
    if (count <= 0) {
      this.#values = 1;
      this.#pairs = 1;
      this.#state = 'rest';
      return this.#rest(bytes, at, end, say);
    }
    say(bytes, at, to);
    const streams = this.#shape === 'streams';
    this.#pairs = streams ? count : 1;
    this.#wrapped = streams && type === array;
    this.#values = streams ? 1 : count - 1;
    this.#state = this.#wrapped ? 'pair' : 'key';
    return to;
  }

  #key(bytes: Buffer, at: number, say: Say): number {
    const to = lineEnd(bytes, at);
    const length = Number(bytes.toString('latin1', at + 1, to));
    if (bytes[at] !== bulk || length < this.#prefix.length) {
      throw new Error('invariant: a key in a reply has the prefix of its tenant');
    }
    const left = length - this.#prefix.length;
    say(this.#header, 0, writeBulkHeader(this.#header, 0, left));
    this.#cut = this.#prefix.length;
    this.#pass = left + 2;
    this.#state = 'body';
    return to;
  }

  #body(bytes: Buffer, start: number, end: number, say: Say): number {
    const at = start + Math.min(this.#cut, end - start);
    this.#cut -= at - start;
    const to = at + Math.min(this.#pass, end - at);
    if (to > at) say(bytes, at, to);
    this.#pass -= to - at;
    if (this.#cut === 0 && this.#pass === 0) this.#state = 'rest';
    return to;
  }

  #rest(bytes: Buffer, start: number, end: number, say: Say): number {
    const at = this.#scanner.next(bytes, start, end);
    if (at > start) say(bytes, start, at);
    if (!this.#scanner.done) return end;
    this.#values--;
    if (this.#values > 0) return at;
    this.#pairs--;
    if (this.#pairs > 0) {
      this.#values = 1;
      this.#state = this.#wrapped ? 'pair' : 'key';
      return at;
    }
    this.#state = 'begin';
    this.done = true;
    return at;
  }
}

/** Behind the line that starts at `at`; it is whole, for whoever scanned it consumes whole lines. */
function lineEnd(bytes: Buffer, at: number): number {
  return bytes.indexOf(10, at) + 1;
}
