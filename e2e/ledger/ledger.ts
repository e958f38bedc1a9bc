/** What was pushed and what was popped, line by line as the workers wrote it, and what follows. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { Sights, type SpanOfSights } from './sights.ts';

export interface LedgerVerdict {
  readonly pushed: number;
  /** Pushes nobody can tell the end of: their client or its proxy died, or it was told INDOUBT. */
  readonly doubtful: number;
  readonly delivered: number;
  readonly deliveries: number;
  readonly duplicates: number;
  /** Pushed, acknowledged, and never popped; the first few. */
  readonly lost: readonly string[];
  readonly lostCount: number;
  /** Popped where it was not pushed, or never pushed by anybody. */
  readonly strange: readonly string[];
  /** Out of the order of its partition within one answer; nothing is ever. */
  readonly disorder: readonly string[];
  /** Of {@link spans} together. */
  readonly repeats: number;
  readonly late: number;
  readonly unread: number;
}

const shownMax = 10;
const readBytes = 1 << 20;

export class Ledger {
  readonly #files = new Map<string, { at: number; rest: string }>();
  /** Content → `partition offset`, as the push was answered. */
  readonly #pushed = new Map<string, string>();
  readonly #doubtful = new Set<string>();
  readonly #sights = new Sights();
  #span = 0;
  /** Acknowledged pushes not popped yet. */
  #owed = 0;

  /** Workers append to it, for as long as they live and in each of their lives. */
  watch(file: string): void {
    this.#files.set(file, { at: 0, rest: '' });
  }

  /** Takes in what was written since. A line that is not whole yet waits. */
  read(): void {
    for (const [file, mark] of this.#files) {
      const text = mark.rest + readFrom(file, mark);
      const end = text.lastIndexOf('\n') + 1;
      mark.rest = text.slice(end);
      for (const line of text.slice(0, end).split('\n')) if (line !== '') this.#take(line);
    }
  }

  /** What is written from now on belongs to the next span. */
  turn(): void {
    this.read();
    this.#span++;
  }

  get pushed(): number {
    return this.#pushed.size;
  }

  get delivered(): number {
    return this.#sights.delivered;
  }

  get owed(): number {
    return this.#owed;
  }

  get duplicates(): number {
    return this.#sights.deliveries - this.#sights.delivered;
  }

  verdict(): LedgerVerdict {
    const lost = [...this.#pushed.keys()].filter((content) => !this.#sights.has(content));
    const strange = [...this.#sights.all()].filter(([content, sights]) => {
      const place = this.#pushed.get(content);
      if (place === undefined) return !/^[a-z]+-\d+-\d+-\d+$/.test(content);
      return sights.some(({ partition, offset }) => place !== `${partition} ${offset}`);
    });
    const spans = this.spans();
    return {
      pushed: this.#pushed.size,
      doubtful: this.#doubtful.size,
      delivered: this.delivered,
      deliveries: this.#sights.deliveries,
      duplicates: this.duplicates,
      lost: lost.slice(0, shownMax),
      lostCount: lost.length,
      strange: strange.slice(0, shownMax).map(([content, sights]) => {
        const places = sights.map(({ partition, offset }) => `${partition} ${offset}`);
        return `${content}: pushed ${this.#pushed.get(content)}, popped ${places.join(', ')}`;
      }),
      disorder: this.#sights.disorder.slice(0, shownMax),
      repeats: spans.reduce((sum, { repeats }) => sum + repeats, 0),
      late: spans.reduce((sum, { late }) => sum + late, 0),
      unread: spans.reduce((sum, { unread }) => sum + unread, 0),
    };
  }

  /** Each span as far as it is known; right once the workers have ended. */
  spans(): readonly SpanOfSights[] {
    return this.#sights.spans(this.#span + 1);
  }

  #take(line: string): void {
    const [what, connection = '', partition, offset, content] = line.split(' ');
    if (content === undefined) throw new Error(`the ledger holds a line that is none: ${line}`);
    if (what === 'pushed') this.#push(content, `${partition} ${offset}`);
    else if (what === 'doubt') this.#doubtful.add(content);
    else if (what === 'asked') this.#sights.asked(connection, Number(content), this.#span);
    else if (what === 'nothing') this.#sights.nothing(connection, content);
    else if (what === 'settled') this.#sights.settled(connection);
    else if (what === 'popped') this.#pop(connection, content, Number(partition), Number(offset));
  }

  #push(content: string, where: string): void {
    if (!this.#sights.has(content)) this.#owed++;
    this.#pushed.set(content, where);
  }

  #pop(connection: string, content: string, partition: number, offset: number): void {
    const span = this.#span;
    const isFirst = this.#sights.popped(connection, { content, partition, offset, span });
    if (isFirst && this.#pushed.has(content)) this.#owed--;
  }
}

function readFrom(file: string, mark: { at: number }): string {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= mark.at) return '';
  const handle = openSync(file, 'r');
  try {
    const parts: Buffer[] = [];
    while (mark.at < size) {
      const part = Buffer.alloc(Math.min(readBytes, size - mark.at));
      const length = readSync(handle, part, 0, part.length, mark.at);
      parts.push(part.subarray(0, length));
      mark.at += length;
    }
    return Buffer.concat(parts).toString('latin1');
  } finally {
    closeSync(handle);
  }
}
