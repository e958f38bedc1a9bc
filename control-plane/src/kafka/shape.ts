/** Brings one topic of Kafka to the shape a change wishes, or says why it cannot have it. */
import type { Topic } from '@respool/contracts/queues';
import type { KafkaGateway, TopicState } from '@respool/kafka/gateway';
import { asKafkaError } from '@respool/kafka/kafka-error';
import type { TopicNeed } from './needs.ts';
import type { KafkaRefusal } from './refusal.ts';

/** Time that is left for one question, in ms; never below 1. */
export type TimeLeft = () => number;

const retention = 'retention.ms';
/** The brokers' own number of replicas: KIP-464. */
const brokersOwn = -1;

/**
 * Null once Kafka has the topic as it is wished. Doing it again does no harm, so neither an earlier
 * try whose end nobody knows nor another control plane at the same work is in the way. Throws a
 * KafkaError when Kafka does not do its part.
 */
export async function shapeTopic(
  gateway: KafkaGateway,
  need: TopicNeed,
  timeLeft: TimeLeft,
): Promise<KafkaRefusal | null> {
  const { topic, before } = need;
  const { kafkaName } = topic;
  // Only the controller knows for sure that there is no such topic: a broker may not have heard yet
  // that one of that name was deleted. So what is new is created without a look.
  const isNew = before === null && topic.origin === 'created';
  const state = isNew ? null : await lookUp(gateway, kafkaName, timeLeft);
  if (topic.origin === 'adopted') return state === null ? refuseUnknown(topic) : null;
  if (state !== null) return await reshape(gateway, need, state, timeLeft);
  const standing = await create(gateway, topic, timeLeft);
  return standing === null ? null : await reshape(gateway, need, standing, timeLeft);
}

async function lookUp(
  gateway: KafkaGateway,
  name: string,
  timeLeft: TimeLeft,
): Promise<TopicState | null> {
  return await gateway.topic(name, timeLeft(), 'now').catch((thrown: unknown) => {
    const error = asKafkaError(thrown);
    if (error.code === 'topic-unknown') return null;
    throw error;
  });
}

/**
 * Null when it was created as it is wished; the topic as it stands when it was there: made by
 * somebody else, by another control plane, or by an earlier try. That needs no right to create.
 */
async function create(
  gateway: KafkaGateway,
  topic: Topic,
  timeLeft: TimeLeft,
): Promise<TopicState | null> {
  const { kafkaName: name, partitions, replication, retentionMs } = topic;
  const settings: Record<string, string> =
    retentionMs === null ? {} : { [retention]: String(retentionMs) };
  const shape = { partitions: partitions ?? 1, replicationFactor: replication ?? brokersOwn };
  try {
    await gateway.createTopic({ name, ...shape, settings }, timeLeft());
    return null;
  } catch (thrown) {
    const error = asKafkaError(thrown);
    if (error.code === 'topic-exists') return await gateway.topic(name, timeLeft(), 'now');
    const standing = error.code === 'not-authorized' ? await lookUp(gateway, name, timeLeft) : null;
    if (standing === null) throw error;
    return standing;
  }
}

async function reshape(
  gateway: KafkaGateway,
  { topic, before }: TopicNeed,
  state: TopicState,
  timeLeft: TimeLeft,
): Promise<KafkaRefusal | null> {
  const refusal = replicationRefusal(topic, state) ?? partitionsRefusal(topic, state);
  if (refusal !== null) return refusal;
  const { kafkaName: name, partitions, retentionMs } = topic;
  if (partitions !== null && state.partitions.length < partitions) {
    await grow(gateway, name, partitions, timeLeft);
  }
  if (retentionMs === null && (before?.retentionMs ?? null) === null) return null;
  const wanted = retentionMs === null ? null : String(retentionMs);
  const found = (await gateway.topicSettings(name, [retention], timeLeft())).get(retention);
  const has = found?.isOwn === true ? found.value : null;
  if (has !== wanted) await gateway.alterTopic(name, { [retention]: wanted }, timeLeft());
  return null;
}

/** An earlier try may have done it already, which Kafka says by refusing the same number again. */
async function grow(
  gateway: KafkaGateway,
  name: string,
  partitions: number,
  timeLeft: TimeLeft,
): Promise<void> {
  try {
    await gateway.addPartitions(name, partitions, timeLeft());
  } catch (thrown) {
    const error = asKafkaError(thrown);
    if (error.code !== 'topic-invalid') throw error;
    const state = await gateway.topic(name, timeLeft(), 'now');
    if (state.partitions.length !== partitions) throw error;
  }
}

function refuseUnknown({ tenant, name, backend, kafkaName }: Topic): KafkaRefusal {
  const message =
    `topic ${tenant}/${name} is to be adopted, and Kafka backend ${backend} has no topic ` +
    `${kafkaName}: create it there first, or leave out origin to have it created`;
  return {
    kind: 'refused',
    code: 'kafka-topic-unknown',
    message,
    fields: [{ field: 'kafkaName', message }],
  };
}

function partitionsRefusal(topic: Topic, { partitions }: TopicState): KafkaRefusal | null {
  if (topic.partitions === null || partitions.length <= topic.partitions) return null;
  const more = `${partitions.length} partitions, more than the ${topic.partitions} wished`;
  return conflict(topic, 'partitions', `${more}: wish at least as many, or adopt it as it is`);
}

function replicationRefusal(topic: Topic, { partitions }: TopicState): KafkaRefusal | null {
  const has = partitions[0]?.replicas.length ?? null;
  if (topic.replication === null || has === null || has === topic.replication) return null;
  const other = `${has} replicas, not ${topic.replication}`;
  return conflict(topic, 'replication', `${other}: leave out replication to take it as it is`);
}

function conflict(topic: Topic, field: string, what: string): KafkaRefusal {
  const there = `topic ${topic.kafkaName} is on Kafka backend ${topic.backend} already`;
  const message = `topic ${topic.tenant}/${topic.name}: ${there} and has ${what}`;
  return { kind: 'refused', code: 'conflict-topic', message, fields: [{ field, message }] };
}
