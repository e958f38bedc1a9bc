/** Which topics of Kafka must be looked at, made or changed before a change may be appended. Pure. */
import type { KafkaBackend } from '@respool/contracts/entities';
import type { EntityChange } from '@respool/contracts/events';
import type { Topic } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';

export interface TopicNeed {
  readonly backend: KafkaBackend;
  /** As it is to be. */
  readonly topic: Topic;
  /** As it stands; null when it is new, or brought back. */
  readonly before: Topic | null;
}

/** In the order of the changes. A topic that stays what it is in Kafka needs nothing of it. */
export function topicNeeds(
  snapshot: Snapshot,
  changes: readonly EntityChange[],
): readonly TopicNeed[] {
  const needs: TopicNeed[] = [];
  for (const change of changes) {
    if (change.kind !== 'topic' || change.op !== 'put') continue;
    const { after: topic, before = null } = change;
    if (before !== null && isAlikeInKafka(before, topic)) continue;
    const backend = backendOf(snapshot, changes, topic.backend);
    if (backend?.kind !== 'kafka') throw new Error('invariant: a topic names a Kafka backend');
    needs.push({ backend, topic, before });
  }
  return needs;
}

/** The same key for whatever comes to the same in Kafka. */
export function needKey({ backend, topic, before }: TopicNeed): string {
  const { kafkaName, origin, partitions, replication, retentionMs } = topic;
  const had = before?.retentionMs ?? null;
  return JSON.stringify([backend, kafkaName, origin, partitions, replication, retentionMs, had]);
}

/** Name, backend, origin and replicas of a known topic never change (decide/topic.ts). */
function isAlikeInKafka(before: Topic, after: Topic): boolean {
  return before.partitions === after.partitions && before.retentionMs === after.retentionMs;
}

/** A backend may come with the same change. */
function backendOf(snapshot: Snapshot, changes: readonly EntityChange[], id: string) {
  for (const change of changes) {
    if (change.kind === 'backend' && change.op === 'put' && change.id === id) return change.after;
  }
  return own(snapshot.backends, id)?.value;
}
