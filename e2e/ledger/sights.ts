/** What clients were given, in the order in which each got it, and what they did with it. */

/** One pop of a client, and what came of it. */
interface Batch {
  /** Records it asked for. */
  readonly asked: number;
  readonly span: number;
  /** The client read the answer, and it was one: not that it should try again. */
  isAnswered: boolean;
  /**
   * Whoever gave it out was told that it is done with: the client read the answer to its next word,
   * or to its acknowledgement. Without that it comes again, and that is its client's doing.
   */
  isSettled: boolean;
  /** Of each partition, the last offset. */
  readonly last: Map<number, number>;
}

/** One record in one of them. */
export interface Sight {
  readonly content: string;
  readonly partition: number;
  readonly offset: number;
  readonly span: number;
  readonly batch: Batch;
}

/** Of one stretch of time. */
export interface SpanOfSights {
  /** Deliveries of a record after its first that no client can have caused. */
  repeats: number;
  /** First deliveries to a client that had had a later record of the partition before. */
  late: number;
  /** Records that were asked for by pops nobody read an answer to: what they got comes late. */
  unread: number;
}

export class Sights {
  /** By record, in the order they were read from the files of the workers. */
  readonly #byContent = new Map<string, Sight[]>();
  /** By client, whatever connection it has. */
  readonly #byClient = new Map<string, Sight[]>();
  /** By connection: the last one, and the last one that had records. */
  readonly #batches = new Map<string, Batch>();
  readonly #held = new Map<string, Batch>();
  readonly #unread: number[] = [];
  deliveries = 0;
  /** Records behind a later one of their partition in one and the same answer. */
  readonly disorder: string[] = [];

  get delivered(): number {
    return this.#byContent.size;
  }

  has(content: string): boolean {
    return this.#byContent.has(content);
  }

  all(): IterableIterator<[string, readonly Sight[]]> {
    return this.#byContent.entries();
  }

  asked(connection: string, asked: number, span: number): void {
    const batch = { asked, span, isAnswered: false, isSettled: false, last: new Map() };
    this.#batches.set(connection, batch);
    this.#countUnread(batch, asked);
  }

  /** `connection` heard that there is nothing, or to try again: then some may have been on its way. */
  nothing(connection: string, why: string): void {
    if (why === 'empty') this.#answered(this.#batchOf(connection));
  }

  /** What it had last is done with. */
  settled(connection: string): void {
    const batch = this.#held.get(connection);
    if (batch !== undefined) batch.isSettled = true;
  }

  /** True when nobody had seen it before. */
  popped(connection: string, record: Omit<Sight, 'batch'>): boolean {
    const { content, partition, offset } = record;
    const batch = this.#batchOf(connection);
    const sight = { ...record, batch };
    this.#answered(batch);
    this.#held.set(connection, batch);
    if ((batch.last.get(partition) ?? -1) >= offset) {
      this.disorder.push(
        `${connection}: ${partition} ${offset} after ${batch.last.get(partition)}`,
      );
    }
    batch.last.set(partition, offset);
    this.deliveries++;
    const client = connection.slice(0, connection.lastIndexOf('.'));
    append(this.#byClient, client, sight);
    append(this.#byContent, content, sight);
    return this.#byContent.get(content)?.length === 1;
  }

  /** One for each of `spans`. Right once the workers have ended. */
  spans(spans: number): SpanOfSights[] {
    const told = Array.from({ length: spans }, (_, span) => {
      return { repeats: 0, late: 0, unread: this.#unread[span] ?? 0 };
    });
    for (const sights of this.#byContent.values()) {
      const excused = sights.filter(({ batch }) => !batch.isSettled).length;
      const repeats = Math.max(0, sights.length - 1 - excused);
      for (const { span } of sights.slice(sights.length - repeats)) told[span]!.repeats++;
    }
    for (const sights of this.#byClient.values()) {
      const last = new Map<number, number>();
      for (const { content, partition, offset, span } of sights) {
        // What was seen twice came back in between, and comes when it comes.
        if (this.#byContent.get(content)?.length !== 1) continue;
        if ((last.get(partition) ?? -1) > offset) told[span]!.late++;
        last.set(partition, Math.max(last.get(partition) ?? -1, offset));
      }
    }
    return told;
  }

  #answered(batch: Batch): void {
    if (batch.isAnswered) return;
    batch.isAnswered = true;
    this.#countUnread(batch, -batch.asked);
  }

  #countUnread({ span }: Batch, records: number): void {
    this.#unread[span] = (this.#unread[span] ?? 0) + records;
  }

  #batchOf(connection: string): Batch {
    const batch = this.#batches.get(connection);
    if (batch === undefined) throw new Error(`${connection} was told what it did not ask`);
    return batch;
  }
}

function append(lists: Map<string, Sight[]>, key: string, sight: Sight): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [sight]);
  else list.push(sight);
}
