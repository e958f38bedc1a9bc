/** Deleting a topic in Kafka, once the event that took it from the configuration is durable. */
import type { Purged } from '@respool/contracts/api-answers';
import type { KafkaBackend } from '@respool/contracts/entities';
import type { EntityChange } from '@respool/contracts/events';
import type { Topic } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import { asKafkaError } from '@respool/kafka/kafka-error';
import type { ChangeOutcome, Stage } from './change.ts';
import { KafkaFailure } from './kafka/kafka.ts';

/**
 * What became of the Kafka topic; null when the outcome deleted none. A failure is told and not
 * thrown, because the change is made. The same request again, under its key, tries again.
 */
export async function purgeTopic(
  stage: Stage,
  outcome: ChangeOutcome,
  signal: AbortSignal,
): Promise<Purged | null> {
  const topic = deletedTopic(await changesOf(stage, outcome, signal));
  if (topic === null) return null;
  const { kafkaName } = topic;
  const { snapshot } = stage.follower.state();
  const backend = backendToPurge(snapshot, topic);
  if (typeof backend === 'string') {
    return { kafkaName, done: false, error: { code: 'conflict-topic', message: backend } };
  }
  try {
    await stage.kafka.with(snapshot, backend, signal, async (gateway, timeLeft) => {
      await gateway.deleteTopic(kafkaName, timeLeft()).catch((thrown: unknown) => {
        const error = asKafkaError(thrown);
        if (error.code !== 'topic-unknown') throw error;
      });
    });
    return { kafkaName, done: true };
  } catch (error) {
    if (!(error instanceof KafkaFailure)) throw error;
    const { code, message } = error;
    const stays = `topic ${kafkaName} may still be in Kafka: ${message}`;
    return { kafkaName, done: false, error: { code, message: stays } };
  }
}

async function changesOf(
  { follower }: Stage,
  outcome: ChangeOutcome,
  signal: AbortSignal,
): Promise<readonly EntityChange[]> {
  if (outcome.kind === 'changed') return outcome.changes;
  if (outcome.kind !== 'replayed') return [];
  const [stored] = await follower.eventsBetween(outcome.sequence - 1, 1, signal);
  return stored?.event.type === 'ConfigurationChanged' ? stored.event.changes : [];
}

function deletedTopic(changes: readonly EntityChange[]): Topic | null {
  for (const change of changes) {
    if (change.kind === 'topic' && change.op === 'delete') return change.before;
  }
  return null;
}

/** Or why the topic is not ours to delete. */
function backendToPurge(snapshot: Snapshot, topic: Topic): KafkaBackend | string {
  const { kafkaName, origin } = topic;
  if (origin === 'adopted') return `topic ${kafkaName} was adopted, so it stays in Kafka`;
  const isUsed = Object.values(snapshot.tenants)
    .flatMap(({ topics }) => Object.values(topics))
    .some(({ value }) => value.backend === topic.backend && value.kafkaName === kafkaName);
  if (isUsed) return `topic ${kafkaName} stays in Kafka: another topic uses it by now`;
  const backend = own(snapshot.backends, topic.backend)?.value;
  if (backend?.kind === 'kafka') return backend;
  return `topic ${kafkaName} stays in Kafka: its backend ${topic.backend} is gone`;
}
