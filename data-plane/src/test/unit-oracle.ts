/** What must hold of an owned unit whatever befalls it: held against every commit and every loan. */
import assert from 'node:assert/strict';
import type { MemoryKafka } from '@respool/kafka/memory';
import type { Loan } from '../positions/exchange.ts';
import { group, kafkaName } from './unit-rig.ts';

/** What one owner gave out for the first time, in the order of its loans. */
interface Given {
  id: number;
  readonly offset: number;
}

export class Oracle {
  readonly #kafka: MemoryKafka;
  readonly #window: number;
  /** Offsets of records that exist, in order, by partition. */
  readonly #records: number[][];
  /** Of those, how many from the first on are done. */
  readonly #doneTo: number[];
  /** As `partition:offset`. */
  readonly #done = new Set<string>();
  readonly #delivered = new Set<string>();
  /** By `epoch:partition`. */
  readonly #first = new Map<string, Given[]>();
  /** As `epoch:partition:offset`: what was given back without having been shown. */
  readonly #unseen = new Set<string>();
  /** False where commits may be undone by late ones: then repeats have no bound. */
  boundsRepeats = true;
  /** Records that an owner gave out again which owners before it had given out. */
  repeatsMax = 0;
  /** What did not hold, where a throw would only be an error of Kafka to whoever asked it. */
  readonly failures: string[] = [];

  constructor(kafka: MemoryKafka, partitions: number, window: number) {
    this.#kafka = kafka;
    this.#window = window;
    this.#records = Array.from({ length: partitions }, () => []);
    this.#doneTo = Array.from({ length: partitions }, () => 0);
    this.#watch();
  }

  /** Records that wait for somebody to be done with them. */
  get open(): number {
    return this.#records.reduce(
      (sum, records, partition) => sum + records.length - this.#firstOpen(partition),
      0,
    );
  }

  get delivered(): number {
    return this.#delivered.size;
  }

  pushed(partition: number, offset: number): void {
    this.#records[partition]?.push(offset);
  }

  /** Retention deletes what lies below `offset`: nobody needs to be done with that. */
  trimmed(partition: number, offset: number): void {
    for (const one of this.#records[partition] ?? []) {
      if (one < offset) this.#done.add(`${partition}:${one}`);
    }
  }

  lent(epoch: number, { id, partition, offset, deliveries, value }: Loan): void {
    const name = `${partition}:${offset}`;
    assert(this.#records[partition]?.includes(offset), `${name} was never pushed`);
    assert.equal(`${value}`, name, 'a record has its own content');
    this.#delivered.add(name);
    const key = `${epoch}:${partition}`;
    if (deliveries > 1 || this.#unseen.has(`${key}:${offset}`)) return;
    const given = this.#first.get(key) ?? [];
    this.#first.set(key, given);
    given.push({ id, offset });
  }

  /** Somebody is done with it, and says so from now on. */
  done({ partition, offset }: Loan): void {
    this.#done.add(`${partition}:${offset}`);
  }

  /** It is given back and was shown to nobody: the next delivery is its first one again. */
  unseen(epoch: number, { id, partition, offset }: Loan): void {
    const key = `${epoch}:${partition}`;
    this.#unseen.add(`${key}:${offset}`);
    const given = this.#first.get(key) ?? [];
    this.#first.set(
      key,
      given.filter((one) => one.id !== id),
    );
  }

  /** Of every owner there was. */
  checkOrder(): void {
    for (const [key, given] of this.#first) {
      const offsets = given.toSorted((one, other) => one.id - other.id).map((one) => one.offset);
      const inOrder = offsets.toSorted((one, other) => one - other);
      assert.deepEqual(offsets, inOrder, `first deliveries of ${key} are in order`);
      assert.equal(new Set(offsets).size, offsets.length, `none of ${key} is a first one twice`);
    }
  }

  #watch(): void {
    const [commit, committed] = [
      this.#kafka.commit.bind(this.#kafka),
      this.#kafka.committed.bind(this.#kafka),
    ];
    this.#kafka.commit = (name, positions) => {
      for (const { partition, offset } of positions) this.#mayCommit(partition, offset);
      commit(name, positions);
    };
    this.#kafka.committed = (name, partitions) => {
      const found = committed(name, partitions);
      for (const [at, { partition }] of partitions.entries()) {
        this.#countRepeats(partition, found[at]?.offset ?? 0);
      }
      return found;
    };
  }

  #mayCommit(partition: number, offset: number): void {
    const open = this.#records[partition]?.[this.#firstOpen(partition)];
    const what = `${offset} of partition ${partition} is committed`;
    if (open !== undefined && offset > open) this.failures.push(`${what}, and ${open} is not done`);
    const end = this.#kafka.log({ topic: kafkaName, partition }).endOffset;
    if (offset > end) this.failures.push(`${what}, and lies behind the end ${end}`);
  }

  /** Somebody loads the position: what was given out behind it comes again. */
  #countRepeats(partition: number, committed: number): void {
    const { startOffset } = this.#kafka.log({ topic: kafkaName, partition });
    const from = Math.max(committed, startOffset);
    const repeated = (this.#records[partition] ?? []).filter(
      (offset) => offset >= from && this.#delivered.has(`${partition}:${offset}`),
    );
    this.repeatsMax = Math.max(this.repeatsMax, repeated.length);
    if (!this.boundsRepeats || repeated.length <= this.#window) return;
    const what = `${repeated.length} of partition ${partition} from ${from} come again`;
    this.failures.push(`${what}, more than the window of ${this.#window}`);
  }

  #firstOpen(partition: number): number {
    const records = this.#records[partition] ?? [];
    let at = this.#doneTo[partition] ?? 0;
    while (at < records.length && this.#done.has(`${partition}:${records[at]}`)) at++;
    this.#doneTo[partition] = at;
    return at;
  }
}

/** Committed offsets as they are, without anybody noticing that they were looked at. */
export function committedNow(kafka: MemoryKafka, partitions: number): number[] {
  const all = Array.from({ length: partitions }, (_, partition) => {
    return { topic: kafkaName, partition };
  });
  const found = Object.getPrototypeOf(kafka).committed.call(kafka, group, all);
  return found.map((one: { offset: number } | null) => one?.offset ?? 0);
}
