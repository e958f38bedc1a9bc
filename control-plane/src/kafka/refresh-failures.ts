/** Positions that could not be committed anew: what else is passed over for that, and what is told. */
import type { KafkaBackend } from '@respool/contracts/entities';
import type { ConsumerName } from '@respool/contracts/ids';
import type { Topic } from '@respool/contracts/queues';

export interface Unit {
  readonly topic: Topic;
  readonly backend: KafkaBackend;
  readonly consumer: ConsumerName;
  /** Kafka's name of the group that holds the position. */
  readonly group: string;
}

/** What would fail for the same reason; a group has one broker that keeps all its positions. */
export type Extent = 'all' | 'backend' | 'group' | 'unit';

export class NotRefreshed extends Error {
  override name = 'NotRefreshed';
  readonly extent: Extent;

  constructor(extent: Extent, cause: unknown) {
    super('the position was not committed anew', { cause });
    this.extent = extent;
  }
}

/** Each takes a deadline of its own: after so many the backend is what fails. */
const groupsMax = 10;

interface Heap {
  readonly what: string;
  readonly cause: unknown;
  /** Passed over, besides the one that failed first. */
  more: number;
}

export class WrittenOff {
  readonly #warn: (message: string, cause: unknown) => void;
  readonly #backends = new Map<string, Heap>();
  /** By backend, then by group. */
  readonly #groups = new Map<string, Map<string, Heap>>();
  #failed = 0;

  constructor(warn: (message: string, cause: unknown) => void) {
    this.#warn = warn;
  }

  /** Counts it as failed when it is. */
  passesOver({ backend, group }: Unit): boolean {
    const heap = this.#backends.get(backend.id) ?? this.#groups.get(backend.id)?.get(group);
    if (heap === undefined) return false;
    heap.more++;
    this.#failed++;
    return true;
  }

  /** `error` is a NotRefreshed; any other one is thrown. */
  add(unit: Unit, error: unknown): NotRefreshed {
    if (!(error instanceof NotRefreshed)) throw error;
    const { topic, backend, consumer, group } = unit;
    const { cause, extent } = error;
    this.#failed++;
    this.#warn(
      `the position ${topic.tenant}/${topic.name}/${consumer} was not committed anew`,
      cause,
    );
    if (extent === 'group') this.#addGroup(backend.id, group, cause);
    if (extent === 'backend') this.#addBackend(backend.id, cause);
    return error;
  }

  /** Nobody got to them. */
  rest(count: number, cause: unknown): void {
    this.#failed += count;
    this.#tell({ what: 'that came after', cause, more: count });
  }

  /** Tells what was passed over; how many failed, those included. */
  end(): number {
    for (const heap of this.#backends.values()) this.#tell(heap);
    for (const groups of this.#groups.values()) {
      for (const heap of groups.values()) this.#tell(heap);
    }
    return this.#failed;
  }

  #addGroup(backend: string, group: string, cause: unknown): void {
    const groups = this.#groups.get(backend) ?? new Map<string, Heap>();
    this.#groups.set(backend, groups);
    groups.set(group, { what: `of the group ${group} at the backend ${backend}`, cause, more: 0 });
    if (groups.size >= groupsMax) this.#addBackend(backend, cause);
  }

  #addBackend(backend: string, cause: unknown): void {
    this.#backends.set(backend, { what: `at the backend ${backend}`, cause, more: 0 });
  }

  #tell({ what, cause, more }: Heap): void {
    if (more > 0) this.#warn(`${more} more positions ${what} were not committed anew`, cause);
  }
}
