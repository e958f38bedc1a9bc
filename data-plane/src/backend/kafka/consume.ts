/** KPOP at an offset of the application's own: many readers near one place cost one fetch. */
import type { Clock } from '@respool/contracts/clock';
import type { KafkaGateway, KafkaRecord, TopicPartition } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import { FetchWindow, type Run, type WindowLimits } from './fetch-window.ts';

export interface ReadRequest extends TopicPartition {
  readonly offset: number;
  /** Bytes of content, all records together; at least one record. Null: one record. */
  readonly bytesMax: number | null;
}

export interface ReadLimits extends WindowLimits {
  /** Asked of the broker even for one record: the next ones are there when they are asked for. */
  readonly aheadBytes: number;
  /** Asked of the broker at most. */
  readonly fetchBytesMax: number;
  /** What one call gives at most, whatever it asks for. */
  readonly recordsMax: number;
  readonly readMsMax: number;
}

export const defaultReadLimits: ReadLimits = {
  windowBytesMax: 32 * 2 ** 20,
  windowMsMax: 500,
  aheadBytes: 64 * 2 ** 10,
  fetchBytesMax: 2 ** 20,
  recordsMax: 10_000,
  readMsMax: 10_000,
};

interface UnderWay {
  /** Counts fetches of this reader: who came after one began must not take its "nothing". */
  readonly number: number;
  readonly from: number;
  readonly run: Promise<Run>;
}

/** A fetch under way may bring records this far behind its start; worth waiting for. */
const nearOffsets = 1_000;
/** Unpacked, records may be this much larger than what was asked of the broker. */
const unpackedFactor = 4;

export class OffsetReader {
  readonly #gateway: KafkaGateway;
  readonly #clock: Clock;
  readonly #limits: ReadLimits;
  readonly #window: FetchWindow;
  readonly #underWay = new Map<string, Set<UnderWay>>();
  #fetches = 0;

  constructor(gateway: KafkaGateway, clock: Clock, limits: ReadLimits) {
    this.#gateway = gateway;
    this.#clock = clock;
    this.#limits = limits;
    this.#window = new FetchWindow(clock, limits);
  }

  /** Memory that records read a moment ago take. */
  get windowBytes(): number {
    return this.#window.bytes;
  }

  /**
   * Records from `offset` on, in order; the first may have a higher offset where some are gone.
   * None at the end of the log. Throws `offset-out-of-range`, with the range in its message.
   */
  async read(request: ReadRequest): Promise<KafkaRecord[]> {
    const deadlineAtMs = this.#clock.now() + this.#limits.readMsMax;
    const cameAt = this.#fetches;
    let { offset } = request;
    for (;;) {
      const run = await this.#runAt(request, offset, cameAt, deadlineAtMs);
      const found = this.#pick(run, { ...request, offset });
      // Without records it may still lead on: markers, aborted transactions, compaction.
      if (found.length > 0 || run.nextOffset <= offset) return found;
      offset = run.nextOffset;
    }
  }

  async #runAt(
    request: ReadRequest,
    offset: number,
    cameAt: number,
    deadlineAtMs: number,
  ): Promise<Run> {
    const known = this.#window.find(request, offset);
    if (known !== null) return known;
    const near = this.#nearest(request, offset);
    if (near !== null) {
      const run = await near.run.catch(() => null);
      const holds = run !== null && run.from <= offset && offset < run.nextOffset;
      // "Nothing there" counts for those only who came before it was asked.
      const isEnd = run !== null && run.from === offset && run.nextOffset === offset;
      if (holds || (isEnd && near.number > cameAt)) return run;
    }
    return await this.#fetch(request, offset, deadlineAtMs);
  }

  #nearest(where: TopicPartition, offset: number): UnderWay | null {
    const all = [...(this.#underWay.get(keyOf(where)) ?? [])];
    const near = all.filter(({ from }) => from <= offset && offset - from < nearOffsets);
    return near.toSorted((one, other) => other.from - one.from)[0] ?? null;
  }

  /** Whoever asks for the same place meanwhile waits for this one. */
  #fetch(request: ReadRequest, offset: number, deadlineAtMs: number): Promise<Run> {
    const key = keyOf(request);
    const same = [...(this.#underWay.get(key) ?? [])].find(({ from }) => from === offset);
    if (same !== undefined) return same.run;
    const leftMs = deadlineAtMs - this.#clock.now();
    const run = this.#fetchOnce(request, offset, leftMs).finally(() => {
      all.delete(mine);
      if (all.size === 0) this.#underWay.delete(key);
    });
    const all = this.#underWay.get(key) ?? new Set<UnderWay>();
    this.#underWay.set(key, all);
    const mine = { number: ++this.#fetches, from: offset, run };
    all.add(mine);
    return run;
  }

  async #fetchOnce(request: ReadRequest, offset: number, leftMs: number): Promise<Run> {
    const { topic, partition } = request;
    const { aheadBytes, fetchBytesMax } = this.#limits;
    const bytesMax = Math.min(fetchBytesMax, Math.max(aheadBytes, request.bytesMax ?? 0));
    const recordBytesMax = bytesMax * unpackedFactor;
    const fetch = { topic, partition, offset, bytesMax, recordBytesMax, waitMs: 0 };
    try {
      const fetched = await this.#gateway.fetchAt(fetch, leftMs);
      return this.#window.keep(request, offset, fetched);
    } catch (thrown) {
      const error = asKafkaError(thrown);
      throw error.code === 'offset-out-of-range' ? await this.#withRange(error, fetch) : error;
    }
  }

  async #withRange(
    error: KafkaError,
    { topic, partition, offset }: TopicPartition & { readonly offset: number },
  ): Promise<KafkaError> {
    const { readMsMax } = this.#limits;
    const ends = (['earliest', 'latest'] as const).map((time) =>
      this.#gateway.listOffsets([{ topic, partition, time }], readMsMax),
    );
    const found = await Promise.all(ends).catch(() => []);
    const [first, last] = found.map(([answer]) => answer?.offset ?? null);
    if (first === undefined || last === undefined) return error;
    const message = `${topic} partition ${partition} has offsets ${first} to ${last}, not ${offset}`;
    return new KafkaError('offset-out-of-range', message, { cause: error });
  }

  #pick(run: Run, { offset, bytesMax }: ReadRequest): KafkaRecord[] {
    const start = firstAtLeast(run.records, offset);
    const found: KafkaRecord[] = [];
    let bytes = 0;
    for (let at = start; at < run.records.length; at++) {
      const record = run.records[at];
      if (record === undefined) break;
      bytes += record.value?.length ?? 0;
      const isMore = found.length > 0;
      if (isMore && (bytesMax === null || bytes > bytesMax)) break;
      if (found.push(record) >= this.#limits.recordsMax) break;
    }
    return found;
  }
}

/** Index of the first record at `offset` or behind it; offsets grow, with gaps. */
function firstAtLeast(records: readonly KafkaRecord[], offset: number): number {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`;
}
