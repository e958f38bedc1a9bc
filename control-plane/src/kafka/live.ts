/** Topics and positions as Kafka has them at the moment, for the API. */
import type { ConsumerAnswer, LiveTopicAnswer, PartitionPlace } from '@respool/contracts/api-live';
import { isPositionIn, readCommitNote } from '@respool/contracts/commit-note';
import type { ConsumerName } from '@respool/contracts/ids';
import { consumerGroup, type Position, type Topic } from '@respool/contracts/queues';
import type { Versioned } from '@respool/contracts/snapshot';
import type { Committed, KafkaGateway, TopicState } from '@respool/kafka/gateway';
import { asKafkaError } from '@respool/kafka/kafka-error';
import type { TimeLeft } from './shape.ts';

export interface ConsumersQuestion {
  readonly topic: Topic;
  readonly consumers: readonly {
    readonly consumer: ConsumerName;
    readonly wish: Versioned<Position> | null;
  }[];
  /** Partitions of all answers together; one consumer is answered for in any case. */
  readonly placesMax: number;
}

interface Edges {
  readonly partition: number;
  readonly start: number | null;
  readonly end: number | null;
}

/** Groups asked about at once. */
const groupsAtOnce = 8;
const retention = 'retention.ms';

export async function liveTopic(
  gateway: KafkaGateway,
  { tenant, name, kafkaName }: Topic,
  timeLeft: TimeLeft,
): Promise<LiveTopicAnswer> {
  const state = await gateway.topic(kafkaName, timeLeft(), 'now');
  const [edges, retentionMs] = await Promise.all([
    edgesOf(gateway, state, timeLeft),
    retentionOf(gateway, kafkaName, timeLeft),
  ]);
  const partitions = state.partitions.map((one, at) => {
    const { leader, replicas, inSyncReplicas: inSync } = one;
    const { partition, start, end } = edges[at] as Edges;
    return { partition, leader, replicas: [...replicas], inSync: [...inSync], start, end };
  });
  return { tenant, topic: name, kafkaName, topicId: state.topicId, retentionMs, partitions };
}

/** One answer for each consumer, in their order, as many as fit; a group is one request. */
export async function liveConsumers(
  gateway: KafkaGateway,
  { topic, consumers, placesMax }: ConsumersQuestion,
  timeLeft: TimeLeft,
): Promise<ConsumerAnswer[]> {
  const { tenant, name, kafkaName } = topic;
  const state = await gateway.topic(kafkaName, timeLeft(), 'now');
  const edges = await edgesOf(gateway, state, timeLeft);
  const places = edges.map(({ partition }) => ({ topic: kafkaName, partition }));
  const answers: ConsumerAnswer[] = [];
  const fit = Math.max(1, Math.floor(placesMax / edges.length));
  const waiting = consumers.slice(0, fit).entries();
  const worker = async () => {
    for (const [at, { consumer, wish }] of waiting) {
      const group = consumerGroup(tenant, consumer);
      const committed = await gateway.committed(group, places, timeLeft());
      const partitions = edges.map((one, index) =>
        placeOf(one, committed[index] ?? null, state.topicId),
      );
      answers[at] = {
        ...{ tenant, topic: name, consumer, group },
        wish: wish === null ? null : wishOf(wish, partitions),
        ...{ total: totalOf(partitions), partitions },
      };
    }
  };
  await Promise.all(Array.from({ length: groupsAtOnce }, worker));
  return answers;
}

async function edgesOf(
  gateway: KafkaGateway,
  { name, partitions }: TopicState,
  timeLeft: TimeLeft,
): Promise<Edges[]> {
  const led = partitions.filter(({ leader }) => leader !== null);
  const at = (time: 'earliest' | 'latest') =>
    led.map(({ partition }) => ({ topic: name, partition, time }));
  const [starts, ends] = await Promise.all([
    gateway.listOffsets(at('earliest'), timeLeft()),
    gateway.listOffsets(at('latest'), timeLeft()),
  ]);
  const found = new Map(led.map(({ partition }, index) => [partition, index]));
  return partitions.map(({ partition }) => {
    const index = found.get(partition) ?? -1;
    const [start, end] = [starts[index]?.offset ?? null, ends[index]?.offset ?? null];
    return { partition, start, end };
  });
}

/** Null where the user may see the topic and not its settings. */
async function retentionOf(
  gateway: KafkaGateway,
  name: string,
  timeLeft: TimeLeft,
): Promise<number | null> {
  try {
    const value = (await gateway.topicSettings(name, [retention], timeLeft())).get(
      retention,
    )?.value;
    return value === undefined || value === null ? null : Number(value);
  } catch (thrown) {
    const error = asKafkaError(thrown);
    if (error.code === 'not-authorized') return null;
    throw error;
  }
}

/** Beyond the end nothing is to come yet. */
function placeOf(edges: Edges, held: Committed | null, topicId: string): PartitionPlace {
  const { start, end } = edges;
  if (held === null || !isPositionIn(topicId, held, end)) {
    return { ...edges, committed: null, lag: null, seek: null };
  }
  const lag = end === null ? null : Math.max(0, end - Math.max(held.offset, start ?? 0));
  return { ...edges, committed: held.offset, lag, seek: readCommitNote(held.note)?.seek ?? null };
}

/** Partitions that a wish does not name stay where they are. */
function wishOf(
  { revision, value: { generation, to } }: Versioned<Position>,
  partitions: readonly PartitionPlace[],
): NonNullable<ConsumerAnswer['wish']> {
  const named =
    typeof to === 'object' && 'offsets' in to
      ? new Set(to.offsets.map(({ partition }) => partition))
      : null;
  const meant = partitions.filter(({ partition }) => named?.has(partition) ?? true);
  const done = meant.length > 0 && meant.every(({ seek }) => (seek ?? 0) >= generation);
  return { generation, to, revision, done };
}

function totalOf(partitions: readonly PartitionPlace[]): ConsumerAnswer['total'] {
  const placed = partitions.filter(({ committed }) => committed !== null);
  const known = placed.flatMap(({ lag }) => (lag === null ? [] : [lag]));
  const lag = known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0);
  return { lag, withoutPosition: partitions.length - placed.length };
}
