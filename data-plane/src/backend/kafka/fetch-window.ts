/** What was read of partitions a moment ago: neighbours of a record are asked for next. */
import type { Clock } from '@respool/contracts/clock';
import type { Fetched, KafkaRecord, TopicPartition } from '@respool/kafka/gateway';

/** Everything a partition holds from `from` up to `nextOffset`; committed, so it cannot change. */
export interface Run {
  readonly from: number;
  readonly nextOffset: number;
  readonly records: readonly KafkaRecord[];
}

interface KeptRun extends Run {
  readonly key: string;
  readonly heldBytes: number;
  readonly keptUntilMs: number;
}

export interface WindowLimits {
  /** All runs together. */
  readonly windowBytesMax: number;
  /** A topic that is deleted and created anew may be read as it was for so long. */
  readonly windowMsMax: number;
}

/** Runs per partition that are looked through; the oldest are forgotten. */
const runsMax = 16;

export class FetchWindow {
  readonly #clock: Clock;
  readonly #limits: WindowLimits;
  readonly #byPartition = new Map<string, KeptRun[]>();
  /** All of them, the oldest first. */
  readonly #kept = new Set<KeptRun>();
  #bytes = 0;

  constructor(clock: Clock, limits: WindowLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The run that `offset` lies in, if there is one. */
  find(where: TopicPartition, offset: number): Run | null {
    this.#forgetOld();
    const runs = this.#byPartition.get(keyOf(where)) ?? [];
    return runs.findLast(({ from, nextOffset }) => from <= offset && offset < nextOffset) ?? null;
  }

  /** Takes what a fetch at `from` brought, for as long as there is room for it. */
  keep(where: TopicPartition, from: number, fetched: Fetched): Run {
    const { nextOffset, records, heldBytes } = fetched;
    const { windowBytesMax, windowMsMax } = this.#limits;
    const key = keyOf(where);
    const keptUntilMs = this.#clock.now() + windowMsMax;
    const run: KeptRun = { from, nextOffset, records, key, heldBytes, keptUntilMs };
    if (nextOffset === from || heldBytes > windowBytesMax) return run;
    const runs = this.#byPartition.get(key) ?? [];
    this.#byPartition.set(key, runs);
    runs.push(run);
    this.#kept.add(run);
    this.#bytes += heldBytes;
    const [first] = runs;
    if (runs.length > runsMax && first !== undefined) this.#forget(first);
    this.#forgetOld();
    return run;
  }

  #forgetOld(): void {
    const nowMs = this.#clock.now();
    for (const run of this.#kept) {
      if (run.keptUntilMs > nowMs && this.#bytes <= this.#limits.windowBytesMax) return;
      this.#forget(run);
    }
  }

  #forget(run: KeptRun): void {
    this.#kept.delete(run);
    this.#bytes -= run.heldBytes;
    const runs = this.#byPartition.get(run.key) ?? [];
    runs.splice(runs.indexOf(run), 1);
    if (runs.length === 0) this.#byPartition.delete(run.key);
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`;
}
