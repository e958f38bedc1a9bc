/** Finds out where a unit stands in Kafka, and moves it where an operator wants it. */
import type { SeekTarget } from '@respool/contracts/queues';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { Committer } from './committer.ts';
import { isUnsure, search } from './found.ts';
import type { Holding } from './holding.ts';
import { UnitPartition } from './partition.ts';
import { type Found, type Place, placesOf, seekOf } from './places.ts';

/** Logs that seem too short are looked at so often, each time by the word of another broker. */
const looksMax = 3;

export class Loader {
  readonly #holding: Holding;
  readonly #committer: Committer;
  /** At logs that seemed too short, one after the other. */
  #looks = 0;

  constructor(holding: Holding, committer: Committer) {
    this.#holding = holding;
    this.#committer = committer;
  }

  /**
   * Reads the committed offsets and begins there. What had none is committed before anything is
   * given out, or "latest" would be another place for the next owner; while a consumer outside
   * holds the group, all that the next owner finds at the same place is given out all the same.
   * Throws a KafkaError.
   */
  async load(): Promise<void> {
    const holding = this.#holding;
    await this.#committer.quiet();
    holding.dropPartitions();
    const { log, topic, kafkaName } = holding;
    const isReplaced = holding.replacement();
    const as = this.#looks > 0 ? 'now' : 'known';
    const { topicId, partitions } = await log.topic(kafkaName, holding.host.limits.askMsMax, as);
    const numbers = partitions.map(({ partition }) => partition);
    const found = await this.#find(topicId, numbers);
    if (holding.isFenced) return;
    if (isReplaced()) throw replaced();
    this.#doubt(found, topicId);
    const places = placesOf(found, topicId, topic.startAt);
    // Kafka forgets what was committed in a topic that is deleted, a little later than the topic.
    const isOther = holding.topicId !== '' && holding.topicId !== topicId;
    holding.topicId = topicId;
    holding.seek = Math.max(holding.seek, seekOf(found, topicId) ?? 0);
    const unsaid = places.filter(({ kind }) => kind !== 'committed' && kind !== 'overtaken');
    const isSaid = unsaid.length === 0 || (await this.#begin(unsaid));
    if (holding.isFenced) return;
    holding.partitions = places.map((place) => this.#partition(place));
    // They are due from now on, until the group is free.
    if (!isSaid) for (const { partition } of unsaid) holding.partition(partition)?.expire();
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
    const isReplaced = holding.replacement();
    const places = await this.#sought(to);
    if (holding.isFenced) return;
    if (isReplaced()) throw replaced();
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

  /**
   * Partitions that were not known when the unit was loaded: from their first record on, unless an
   * owner before us knew them.
   */
  async grow(numbers: readonly number[]): Promise<void> {
    const holding = this.#holding;
    const known = new Set(holding.partitions.map(({ number }) => number));
    const added = numbers.filter((number) => !known.has(number));
    if (added.length === 0) return;
    const found = await this.#find(holding.topicId, added);
    const isStale = holding.isFenced || !holding.isLoaded;
    if (isStale || holding.partitions.length !== known.size) return;
    const places = placesOf(found, holding.topicId, 'earliest').map((place): Place => {
      return place.kind === 'begins' ? { ...place, kind: 'new' } : place;
    });
    const partitions = places.map((place) => this.#partition(place));
    holding.partitions = [...holding.partitions, ...partitions];
    this.#tell(places);
  }

  #find(topicId: string, partitions: readonly number[]): Promise<Found[]> {
    const { log, kafkaName: topic, group, host } = this.#holding;
    const { askMsMax } = host.limits;
    return search({ log, group, topic, topicId, partitions, askMsMax });
  }

  /** What may be no more than the word of an ex-leader is asked for again. */
  #doubt(found: readonly Found[], topicId: string): void {
    const short = found.find((one) => isUnsure(one, topicId));
    if (short !== undefined && ++this.#looks < looksMax) {
      const message = `partition ${short.partition} seems to end before what was committed`;
      throw new KafkaError('leader-moved', message);
    }
    this.#looks = 0;
  }

  /** False: it is refused for now, which costs no record. */
  async #begin(places: readonly Place[]): Promise<boolean> {
    try {
      await this.#commit(places);
      return true;
    } catch (error) {
      const isRefused = error instanceof KafkaError && error.code === 'group-in-use';
      if (isRefused && places.every(({ isLasting }) => isLasting)) return false;
      throw error;
    }
  }

  async #commit(places: readonly Place[]): Promise<void> {
    const { kafkaName: topic, note } = this.#holding;
    const positions = places.map(({ partition, position: offset, leaderEpoch }) => {
      return { topic, partition, offset, note, leaderEpoch };
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
    for (const { partition, position, lostFrom, lostTo } of places) {
      if (lostTo !== null) {
        const cut = { partition, from: position, to: lostTo - 1, count: lostTo - position };
        holding.notice('log-truncated', cut);
      }
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
    const all = partitions.map(({ number: partition, epochs }) => {
      return { topic, partition, leaderEpochMin: epochs.last ?? -1 };
    });
    const ask = async (time: number | 'earliest' | 'latest') => {
      const queries = all.map((one) => ({ ...one, time }));
      return await log.listOffsets(queries, host.limits.askMsMax);
    };
    const time = typeof to === 'object' && 'time' in to ? Date.parse(to.time) : null;
    const [starts, ends, found] = await Promise.all([
      ask('earliest'),
      ask('latest'),
      time === null ? [] : ask(time),
    ]);
    const named = typeof to === 'object' && 'offsets' in to ? to.offsets : [];
    return partitions.map(({ number: partition, ledger, epochs }, at) => {
      const start = starts[at]?.offset ?? 0;
      const end = Math.max(start, ends[at]?.offset ?? 0);
      let offset = named.find((one) => one.partition === partition)?.offset ?? null;
      if (to === 'earliest') offset = start;
      else if (to === 'latest') offset = end;
      // No record is that young: the next one is the first.
      else if (time !== null) offset = found[at]?.offset ?? end;
      const kind = offset === null ? 'committed' : 'begins';
      const position = offset === null ? ledger.watermark : Math.min(end, Math.max(start, offset));
      const met = ends[at]?.leaderEpoch ?? null;
      const leaderEpoch = offset === null ? epochs.before(position) : met;
      const more = { lostFrom: null, lostTo: null, isLasting: false };
      return { partition, position, end, leaderEpoch, kind, ...more };
    });
  }
}

/** What was found in one log says nothing of another. */
function replaced(): KafkaError {
  return new KafkaError('closed', 'the topic was moved while it was looked at');
}
