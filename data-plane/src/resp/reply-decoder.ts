/** Bytes → values, fed in chunks of any size: backend handshakes, topology, slow paths, tests. */
import { ReplyScanner } from './reply-scanner.ts';
import { ProtocolViolation, type Resp } from './resp.ts';

/** Aggregates inside aggregates; Redis itself sends about five levels at most (COMMAND DOCS). */
const depthMax = 64;
const CR = 13;

/**
 * Keeps the bytes of the reply that is not whole yet and nothing else. Attributes are dropped: a
 * client that does not ask for them may ignore them (RESP3 specification, "Attribute type").
 * Throws {@link ProtocolViolation} on anything that is not RESP and on a reply larger than
 * `replyBytesMax`; the decoder is of no use afterwards.
 */
export class ReplyDecoder {
  readonly #replyBytesMax: number;
  readonly #scanner = new ReplyScanner();
  #kept: Buffer = Buffer.alloc(0);
  #keptBytes = 0;
  /** How far the scanner has come in the kept bytes. */
  #scanned = 0;

  constructor(replyBytesMax = 64 * 1024 * 1024) {
    this.#replyBytesMax = replyBytesMax;
  }

  /** Takes a chunk (it is copied) and returns the values that are now whole, pushes among them. */
  feed(chunk: Uint8Array): Resp[] {
    this.#keep(chunk);
    const bytes = this.#kept;
    const end = this.#keptBytes;
    const values: Resp[] = [];
    let start = 0;
    for (;;) {
      this.#scanned = this.#scanner.next(bytes, this.#scanned, end);
      if (!this.#scanner.done) break;
      values.push(decodeReply(bytes, start, this.#scanned));
      start = this.#scanned;
    }
    if (end - start > this.#replyBytesMax) throw new ProtocolViolation('reply too large');
    bytes.copyWithin(0, start, end);
    this.#keptBytes = end - start;
    this.#scanned -= start;
    return values;
  }

  /** Bytes kept of a reply that is not whole yet. */
  get unfinishedBytes(): number {
    return this.#keptBytes;
  }

  #keep(chunk: Uint8Array): void {
    const total = this.#keptBytes + chunk.length;
    if (total > this.#kept.length) {
      const grown = Buffer.allocUnsafe(Math.max(total, Math.min(total * 2, total + 1_048_576)));
      this.#kept.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    this.#kept.set(chunk, this.#keptBytes);
    this.#keptBytes = total;
  }
}

/**
 * The value of one whole reply at `bytes[start..end)`, as a {@link ReplyScanner} delimits it. Bulk
 * bytes are copied, so the caller may reuse the buffer.
 */
export function decodeReply(bytes: Buffer, start: number, end: number): Resp {
  const reader = new Reader(bytes, start);
  const value = reader.value(0);
  if (reader.at !== end) throw new ProtocolViolation('a reply of another length than scanned');
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.at = start;
  }

  value(depth: number): Resp {
    if (depth > depthMax) throw new ProtocolViolation('reply nested too deep');
    const mark = String.fromCharCode(this.#bytes[this.at]!);
    switch (mark) {
      case '+':
        return { type: 'simple', text: this.#line() };
      case '-':
        return { type: 'error', text: this.#line(), bulk: false };
      case '!':
        return { type: 'error', text: this.#body()?.toString('latin1') ?? '', bulk: true };
      case ':':
        return { type: 'integer', value: integer(this.#line()) };
      case '$': {
        const body = this.#body();
        return body === null ? { type: 'null', aggregate: false } : { type: 'bulk', bytes: body };
      }
      case '=':
        return this.#verbatim();
      case '*': {
        const items = this.#items(depth);
        return items === null ? { type: 'null', aggregate: true } : { type: 'array', items };
      }
      case '~':
        return { type: 'set', items: this.#items(depth) ?? [] };
      case '>':
        return { type: 'push', items: this.#items(depth) ?? [] };
      case '%':
        return { type: 'map', entries: this.#pairs(depth) };
      case '|':
        this.#pairs(depth);
        return this.value(depth + 1);
      default:
        return this.#small(mark);
    }
  }

  #small(mark: string): Resp {
    const text = this.#line();
    if (mark === '_' && text === '') return { type: 'null', aggregate: false };
    if (mark === '#' && (text === 't' || text === 'f')) {
      return { type: 'boolean', value: text === 't' };
    }
    if (mark === ',') return { type: 'double', value: double(text) };
    if (mark === '(' && /^[+-]?\d+$/.test(text)) {
      return { type: 'big-number', value: BigInt(text.replace(/^\+/, '')) };
    }
    throw new ProtocolViolation(`cannot read '${mark}${text.slice(0, 32)}'`);
  }

  #line(): string {
    const start = this.at + 1;
    let end = start;
    while (this.#bytes[end] !== CR) end++;
    this.at = end + 2;
    return this.#bytes.toString('latin1', start, end);
  }

  #body(): Buffer | null {
    const length = Number(this.#line());
    if (length < 0) return null;
    const start = this.at;
    this.at = start + length + 2;
    return Buffer.from(this.#bytes.subarray(start, start + length));
  }

  #verbatim(): Resp {
    const body = this.#body() ?? Buffer.alloc(0);
    if (body.length < 4 || body[3] !== 58) throw new ProtocolViolation('bad verbatim string');
    return { type: 'verbatim', format: body.toString('latin1', 0, 3), bytes: body.subarray(4) };
  }

  #items(depth: number): Resp[] | null {
    const count = Number(this.#line());
    if (count < 0) return null;
    const items: Resp[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1));
    return items;
  }

  #pairs(depth: number): [Resp, Resp][] {
    const count = Number(this.#line());
    const entries: [Resp, Resp][] = [];
    for (let i = 0; i < count; i++) entries.push([this.value(depth + 1), this.value(depth + 1)]);
    return entries;
  }
}

function integer(text: string): number | bigint {
  if (!/^[+-]?\d+$/.test(text)) throw new ProtocolViolation(`not an integer: ${text.slice(0, 32)}`);
  const value = Number(text);
  return Number.isSafeInteger(value) ? value + 0 : BigInt(text.replace(/^\+/, ''));
}

function double(text: string): number {
  const named = new Map([
    ['inf', Infinity],
    ['-inf', -Infinity],
    ['nan', Number.NaN],
    ['-nan', Number.NaN],
  ]).get(text.toLowerCase());
  const value = named ?? (/^[+-]?[\d.]+(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined);
  if (value === undefined || (named === undefined && Number.isNaN(value))) {
    throw new ProtocolViolation(`not a double: ${text.slice(0, 32)}`);
  }
  return value;
}
