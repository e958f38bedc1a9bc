/** Finds out where a unit stands in Kafka, and moves it where an operator wants it. */
import type { SeekTarget } from '@respool/contracts/queues';
import type { KafkaLog } from '../state.ts';
import type { Committer } from './committer.ts';
import type { Holding } from './holding.ts';
import { UnitPartition } from './partition.ts';
import { type Found, type Place, placesOf, seekOf } from './places.ts';

export class Loader {
  readonly #holding: Holding;
  readonly #committer: Committer;

  constructor(holding: Holding, committer: Committer) {
    this.#holding = holding;
    this.#committer = committer;
  }

  /**
   * Reads the committed offsets and begins there; what had none is committed before anything is
   * given out, or "latest" would be another place for the next owner. Throws a KafkaError.
   */
  async load(): Promise<void> {
    const holding = this.#holding;
    await this.#committer.quiet();
    holding.dropPartitions();
    const { log, topic, kafkaName } = holding;
    const { topicId, partitions } = await log.topic(kafkaName, holding.host.limits.askMsMax);
    const numbers = partitions.map(({ partition }) => partition);
    const found = await this.#find(log, numbers);
    if (holding.isFenced) return;
    const places = placesOf(found, topicId, topic.startAt);
    // Kafka forgets what was committed in a topic that is deleted, a little later than the topic.
    const isOther = holding.topicId !== '' && holding.topicId !== topicId;
    holding.topicId = topicId;
    holding.seek = Math.max(holding.seek, seekOf(found, topicId) ?? 0);
    const unsaid = places.filter(({ kind }) => kind !== 'committed' && kind !== 'overtaken');
    if (unsaid.length > 0) await this.#commit(unsaid);
    if (holding.isFenced) return;
    holding.partitions = places.map((place) => this.#partition(place));
    this.#committer.expectLate();
    if (isOther || places.some(({ kind }) => kind === 'recreated')) {
      holding.notice('topic-recreated');
    }
    this.#tell(places);
  }

  /** Sends the consumer where it was last told to go, with every partition that is named. */
  async seek(): Promise<void> {
    const holding = this.#holding;
    const sought = holding.topic.seeks.get(holding.unit.consumer);
    if (sought === undefined) return;
    const { generation, to } = sought;
    await this.#committer.quiet();
    const places = await this.#sought(to);
    if (holding.isFenced) return;
    const before = holding.seek;
    holding.seek = generation;
    try {
      // All of them: whoever loads this next sees by every note that it was done.
      await this.#commit(places);
    } catch (error) {
      holding.seek = before;
      throw error;
    }
    const moved = new Map(places.map((place) => [place.partition, place]));
    holding.partitions = holding.partitions.map((partition) => {
      const place = moved.get(partition.number);
      if (place === undefined || place.kind === 'committed') return partition;
      partition.drop(holding.loans);
      return this.#partition(place);
    });
    this.#committer.expectLate();
    holding.notice('sought');
    // The note in Kafka says it too; beside the lease it saves doing it twice.
    await holding.host.noteSeek(holding.unit, generation).catch(() => {});
  }

  /** Partitions that were not there when the unit was loaded: from their first record on. */
  async grow(numbers: readonly number[]): Promise<void> {
    const holding = this.#holding;
    const known = new Set(holding.partitions.map(({ number }) => number));
    const added = numbers.filter((number) => !known.has(number));
    if (added.length === 0) return;
    const found = await this.#find(holding.log, added);
    const isStale = holding.isFenced || !holding.isLoaded;
    if (isStale || holding.partitions.length !== known.size) return;
    const places = found.map(({ partition, start, end }) => {
      return { partition, position: start, end, kind: 'new' as const, lostFrom: null };
    });
    const partitions = places.map((place) => this.#partition(place));
    holding.partitions = [...holding.partitions, ...partitions];
    holding.notice('partitions-added', { count: added.length });
  }

  async #find(log: KafkaLog, numbers: readonly number[]): Promise<Found[]> {
    const { kafkaName: topic, group, host } = this.#holding;
    const all = numbers.map((partition) => ({ topic, partition }));
    const ends = (['earliest', 'latest'] as const).map((time) =>
      log.listOffsets(
        all.map((one) => ({ ...one, time })),
        host.limits.askMsMax,
      ),
    );
    const asked = log.committed(group, all, host.limits.askMsMax);
    const [committed, starts = [], lasts = []] = await Promise.all([asked, ...ends]);
    return numbers.map((partition, at) => {
      const start = starts[at]?.offset ?? 0;
      const end = Math.max(start, lasts[at]?.offset ?? 0);
      return { partition, committed: committed[at] ?? null, start, end };
    });
  }

  async #commit(places: readonly Place[]): Promise<void> {
    const { kafkaName: topic, note } = this.#holding;
    const positions = places.map(({ partition, position: offset }) => {
      return { topic, partition, offset, note };
    });
    await this.#committer.place(positions);
  }

  #partition(place: Place): UnitPartition {
    const partition = new UnitPartition(place, this.#holding.bytes);
    partition.committedAtMs = this.#holding.nowMs;
    return partition;
  }

  #tell(places: readonly Place[]): void {
    const holding = this.#holding;
    const added = places.filter(({ kind }) => kind === 'new').length;
    if (added > 0) holding.notice('partitions-added', { count: added });
    for (const { partition, position, lostFrom } of places) {
      if (lostFrom === null) continue;
      const count = position - lostFrom;
      holding.counts.skipped += count;
      const lost = { partition, from: lostFrom, to: position - 1, count };
      holding.notice('retention-overtook', lost);
    }
  }

  /** A place for each partition; `committed` is one that stays where it is. */
  async #sought(to: SeekTarget): Promise<Place[]> {
    const { log, kafkaName: topic, host, partitions } = this.#holding;
    const all = partitions.map(({ number: partition }) => ({ topic, partition }));
    const ask = async (time: number | 'earliest' | 'latest') => {
      const queries = all.map((one) => ({ ...one, time }));
      return (await log.listOffsets(queries, host.limits.askMsMax)).map(({ offset }) => offset);
    };
    const time = typeof to === 'object' && 'time' in to ? Date.parse(to.time) : null;
    const [starts, ends, found] = await Promise.all([
      ask('earliest'),
      ask('latest'),
      time === null ? [] : ask(time),
    ]);
    const named = typeof to === 'object' && 'offsets' in to ? to.offsets : [];
    return partitions.map(({ number: partition, ledger }, at) => {
      const start = starts[at] ?? 0;
      const end = Math.max(start, ends[at] ?? 0);
      let offset = named.find((one) => one.partition === partition)?.offset ?? null;
      if (to === 'earliest') offset = start;
      else if (to === 'latest') offset = end;
      // No record is that young: the next one is the first.
      else if (time !== null) offset = found[at] ?? end;
      const kind = offset === null ? 'committed' : 'begins';
      const position = offset === null ? ledger.watermark : Math.min(end, Math.max(start, offset));
      return { partition, position, end, kind, lostFrom: null };
    });
  }
}
