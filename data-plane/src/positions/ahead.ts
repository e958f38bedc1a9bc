/** Records read ahead of what is given out: small values kept, large ones left where they are. */
import type { Fetched, KafkaRecord } from '@respool/kafka/gateway';
import { recordShareBytes } from '@respool/kafka/record-size';

/** A larger value is lent as `elsewhere`. */
export const valueBytesMax = 64 * 2 ** 10;

/** A value; null is a tombstone; a number: so many bytes, to be read at their offset. */
export type Content = Buffer | null | number;

/** Bytes of a value, wherever it is. */
export function contentBytes(content: Content): number {
  return typeof content === 'number' ? content : (content?.length ?? 0);
}

export function contentOf({ value }: KafkaRecord): Content {
  return value !== null && value.length > valueBytesMax ? value.length : value;
}

/** A copy of its own, which keeps nothing else alive. */
export function copied(content: Content): Content {
  return Buffer.isBuffer(content) ? Buffer.from(content) : content;
}

/** Memory that one content takes, once it is a copy. */
export function heldBy(content: Content): number {
  return recordShareBytes + (Buffer.isBuffer(content) ? content.length : 0);
}

/** Bytes read ahead by one unit, which count in those of the process too. */
export class AheadBytes {
  readonly #process: { bytes: number };
  bytes = 0;

  constructor(process: { bytes: number }) {
    this.#process = process;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    this.#process.bytes += bytes;
  }
}

interface Chunk {
  readonly offsets: readonly number[];
  readonly contents: readonly Content[];
  readonly heldBytes: number;
}

/** What a fetch keeps alive beyond what is read of it, before it is worth a copy. */
const idleBytesMax = 64 * 2 ** 10;

/** Records of one partition that come next, in order. */
export class ReadAhead {
  readonly #bytes: AheadBytes;
  #chunks: Chunk[] = [];
  /** The next record in the first chunk. */
  #at = 0;

  constructor(bytes: AheadBytes) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** More should be on its way when this is true: half of the last chunk was given out. */
  get isLow(): boolean {
    const [chunk] = this.#chunks;
    if (chunk === undefined) return true;
    return this.#chunks.length === 1 && this.#at * 2 >= chunk.offsets.length;
  }

  /** Of the next record; undefined when there is none. */
  get content(): Content | undefined {
    return this.#chunks[0]?.contents[this.#at];
  }

  keep({ records, heldBytes }: Fetched): void {
    if (records.length === 0) return;
    let contents = records.map(contentOf);
    let held = heldBytes;
    const needed = contents.reduce<number>((sum, one) => sum + heldBy(one), 0);
    if (heldBytes > 2 * needed + idleBytesMax) {
      contents = contents.map(copied);
      held = needed;
    }
    const offsets = records.map(({ offset }) => offset);
    this.#chunks.push({ offsets, contents, heldBytes: held });
    this.#bytes.add(held);
  }

  /** Offset of the record that comes next, which it no longer holds then. */
  take(): number {
    const chunk = this.#chunks[0];
    const offset = chunk?.offsets[this.#at];
    if (chunk === undefined || offset === undefined) throw new RangeError('nothing was read ahead');
    if (++this.#at === chunk.offsets.length) {
      this.#chunks.shift();
      this.#at = 0;
      this.#bytes.add(-chunk.heldBytes);
    }
    return offset;
  }

  /** Forgets what it holds. */
  drop(): void {
    for (const { heldBytes } of this.#chunks) this.#bytes.add(-heldBytes);
    this.#chunks = [];
    this.#at = 0;
  }
}
