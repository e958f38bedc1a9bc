/** Positions nobody looks after are committed anew, unchanged, before Kafka lets them expire. */
import { readCommitNote } from '@respool/contracts/commit-note';
import type { KafkaBackend } from '@respool/contracts/entities';
import type { ConsumerName } from '@respool/contracts/ids';
import { consumerGroup, type Topic } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { KafkaGateway } from '@respool/kafka/gateway';
import { consumersOf } from '../views/consumers.ts';
import { type Kafka, KafkaFailure } from './kafka.ts';
import type { TimeLeft } from './shape.ts';
import type { UnitOwners } from './unit-owners.ts';

// Kafka drops the offsets of a group without members after `offsets.retention.minutes` (7 days by
// default) since they were committed. An owner commits them anew each day; what has no owner, since
// no client came for so long, is done here. Every control plane does it: that is harmless, since
// what is committed twice is the same. An owner that comes between our look and our commit may be
// set back by what it committed in that moment, which it delivers again at worst when it crashes
// before its next commit.

export interface Refreshing {
  readonly kafka: Pick<Kafka, 'with'>;
  readonly owners: UnitOwners;
  readonly state: () => Snapshot;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface Refreshed {
  /** Positions that were committed anew. */
  readonly done: number;
  /** Positions of which that is not known. */
  readonly failed: number;
}

interface Unit {
  readonly topic: Topic;
  readonly backend: KafkaBackend;
  readonly consumer: ConsumerName;
}

/**
 * One after the other: there is a day for it. A backend that does not answer is not asked again.
 * Ends early, in good order, when `signal` fires, and when NATS does not tell of owners.
 */
export async function refreshPositions(
  options: Refreshing,
  signal: AbortSignal,
): Promise<Refreshed> {
  const snapshot = options.state();
  const lost = new Set<string>();
  let [done, failed] = [0, 0];
  for (const unit of unitsOf(snapshot)) {
    if (signal.aborted) break;
    if (lost.has(unit.backend.id)) {
      failed++;
      continue;
    }
    try {
      if (await refreshOne(options, snapshot, unit, signal)) done++;
    } catch (error) {
      failed++;
      if (signal.aborted) break;
      options.warn(`the position ${labelOf(unit)} was not committed anew`, error);
      if (!(error instanceof KafkaFailure)) break;
      if (error.code !== 'kafka-refused') lost.add(unit.backend.id);
    }
  }
  return { done, failed };
}

function* unitsOf({ tenants, backends }: Snapshot): Iterable<Unit> {
  for (const state of Object.values(tenants)) {
    for (const { value: topic } of Object.values(state.topics)) {
      const backend = own(backends, topic.backend)?.value;
      if (backend?.kind !== 'kafka') continue;
      for (const { consumer } of consumersOf(state, topic)) yield { topic, backend, consumer };
    }
  }
}

function labelOf({ topic, consumer }: Unit): string {
  return `${topic.tenant}/${topic.name}/${consumer}`;
}

/** Whether there was something to commit. */
async function refreshOne(
  { kafka, owners }: Refreshing,
  snapshot: Snapshot,
  unit: Unit,
  signal: AbortSignal,
): Promise<boolean> {
  const { topic, backend, consumer } = unit;
  const name = { tenant: topic.tenant, topic: topic.name, consumer };
  if (await owners.isOwned(name)) return false;
  try {
    return await kafka.with(snapshot, backend, signal, async (gateway, timeLeft) => {
      const group = consumerGroup(topic.tenant, consumer);
      const positions = await positionsOf(gateway, group, topic, timeLeft);
      // Asked again as late as can be: what an owner commits from now on is newer than ours.
      if (positions.length === 0 || (await owners.isOwned(name))) return false;
      await gateway.commit(group, positions, timeLeft());
      return true;
    });
  } catch (error) {
    if (error instanceof KafkaFailure && isNothingToDo(error)) return false;
    throw error;
  }
}

/** Those that count in the topic as it is now. */
async function positionsOf(
  gateway: KafkaGateway,
  group: string,
  { kafkaName }: Topic,
  timeLeft: TimeLeft,
) {
  const { topicId, partitions } = await gateway.topic(kafkaName, timeLeft());
  const places = partitions.map(({ partition }) => ({ topic: kafkaName, partition }));
  const committed = await gateway.committed(group, places, timeLeft());
  return places.flatMap((place, at) => {
    const held = committed[at] ?? null;
    if (held === null) return [];
    const note = readCommitNote(held.note);
    return note !== null && note.topicId !== topicId ? [] : [{ ...place, ...held }];
  });
}

/** The topic is gone, or the group has members, which keep its offsets alive. */
function isNothingToDo({ cause }: KafkaFailure): boolean {
  const { code } = cause as { code?: string };
  return code === 'topic-unknown' || code === 'group-in-use';
}
