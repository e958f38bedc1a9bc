/** What was pushed and what was popped, line by line as the workers wrote it, and what follows. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** One sight of a record: who got it, in the order of that worker's connection. */
interface Sight {
  readonly connection: string;
  readonly partition: number;
  readonly offset: number;
}

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
  /** Deliveries whose client reset its connection right after writing them down: they come again. */
  readonly givenBack: number;
  /** Records seen once by a connection that had seen a later one of the partition before. */
  readonly inversions: number;
}

const shownMax = 10;
const readBytes = 1 << 20;

export class Ledger {
  readonly #files = new Map<string, { at: number; rest: string }>();
  /** Content → `partition offset`, as the push was answered. */
  readonly #pushed = new Map<string, string>();
  readonly #doubtful = new Set<string>();
  readonly #sights = new Map<string, Sight[]>();
  /** In the order of each file: content by connection. */
  readonly #order = new Map<string, string[]>();
  #deliveries = 0;
  #resets = 0;
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

  get pushed(): number {
    return this.#pushed.size;
  }

  get delivered(): number {
    return this.#sights.size;
  }

  get owed(): number {
    return this.#owed;
  }

  get duplicates(): number {
    return this.#deliveries - this.#sights.size;
  }

  verdict(): LedgerVerdict {
    const lost = [...this.#pushed.keys()].filter((content) => !this.#sights.has(content));
    const strange = [...this.#sights].filter(([content, sights]) => {
      const place = this.#pushed.get(content);
      if (place === undefined) return !/^[a-z]+-\d+-\d+-\d+$/.test(content);
      return sights.some(({ partition, offset }) => place !== `${partition} ${offset}`);
    });
    return {
      pushed: this.#pushed.size,
      doubtful: this.#doubtful.size,
      delivered: this.#sights.size,
      deliveries: this.#deliveries,
      duplicates: this.duplicates,
      lost: lost.slice(0, shownMax),
      lostCount: lost.length,
      strange: strange.slice(0, shownMax).map(([content, sights]) => {
        return `${content}: pushed ${this.#pushed.get(content)}, popped ${JSON.stringify(sights)}`;
      }),
      givenBack: this.#resets,
      inversions: this.#inversions(),
    };
  }

  #inversions(): number {
    let count = 0;
    for (const [connection, contents] of this.#order) {
      const last = new Map<number, number>();
      for (const content of contents) {
        const sights = this.#sights.get(content) ?? [];
        const [sight] = sights;
        // What came twice was given back in between, and comes when it comes.
        if (sights.length !== 1 || sight?.connection !== connection) continue;
        if ((last.get(sight.partition) ?? -1) > sight.offset) count++;
        last.set(sight.partition, Math.max(last.get(sight.partition) ?? -1, sight.offset));
      }
    }
    return count;
  }

  #take(line: string): void {
    const [what, connection, partition, offset, content] = line.split(' ');
    if (content === undefined) throw new Error(`the ledger holds a line that is none: ${line}`);
    if (what === 'pushed') this.#push(content, `${partition} ${offset}`);
    else if (what === 'doubt') this.#doubtful.add(content);
    else if (what === 'reset') this.#resets += Number(content);
    else if (what === 'popped')
      this.#pop(content, { connection: connection ?? '', ...place(partition, offset) });
  }

  #push(content: string, where: string): void {
    if (!this.#sights.has(content)) this.#owed++;
    this.#pushed.set(content, where);
  }

  #pop(content: string, sight: Sight): void {
    this.#deliveries++;
    const sights = this.#sights.get(content);
    if (sights !== undefined) {
      sights.push(sight);
      return;
    }
    this.#sights.set(content, [sight]);
    if (this.#pushed.has(content)) this.#owed--;
    const order = this.#order.get(sight.connection);
    if (order === undefined) this.#order.set(sight.connection, [content]);
    else order.push(content);
  }
}

function place(partition: string | undefined, offset: string | undefined) {
  return { partition: Number(partition), offset: Number(offset) };
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
