/** Topics of a test's tenant as the log's state has them, and a Kafka backend in memory. */
import { type Clock, systemClock } from '@respool/contracts/clock';
import type { Topic } from '@respool/contracts/queues';
import type { TenantState } from '@respool/contracts/snapshot';
import type { KafkaGateway } from '@respool/kafka/gateway';
import { MemoryGateway, type MemoryKafka } from '@respool/kafka/memory';
import type { ReadLimits } from '../backend/kafka/consume.ts';
import { KafkaBackend } from '../backend/kafka/kafka.ts';
import type { PushLimits } from '../backend/kafka/produce.ts';
import { readSettings } from '../settings.ts';

export interface TestTopic {
  readonly backend: string;
  /** Of the user `default`; both without. */
  readonly grant?: {
    readonly produce: boolean;
    readonly consume: boolean;
    readonly seek?: boolean;
  };
  readonly enabled?: boolean;
  readonly ack?: Topic['ack'];
}

/** What Kafka calls them: `<tenant>.<name>`. */
export function topicStates(
  tenant: string,
  topics: Readonly<Record<string, TestTopic>>,
): TenantState['topics'] {
  const states = Object.entries(topics).map(([name, given]) => {
    const { backend, grant = { produce: true, consume: true }, enabled = true } = given;
    const { ack = 'auto' } = given;
    const inKafka = { backend, kafkaName: `${tenant}.${name}`, origin: 'adopted' };
    const shape = { partitions: null, replication: null, retentionMs: null };
    const rules = { ack, startAt: 'earliest', window: 1_000, ackMs: 30_000 };
    const letters = { maxDeliveries: 0, deadLetter: null };
    const grants = [{ user: 'default', seek: false, ...grant }];
    const value = { tenant, name, ...inKafka, ...shape, ...rules, ...letters, grants, enabled };
    return [name, { revision: 1, value: value as unknown as Topic }] as const;
  });
  return Object.fromEntries(states) as TenantState['topics'];
}

const { kafka: limits } = readSettings({
  RESPOOL_MASTER_KEY: Buffer.alloc(32).toString('base64'),
});

/** The backend `queues`, with the limits of a proxy nobody configured save those given. */
export function kafkaOver(
  gateway: KafkaGateway,
  given: {
    readonly push?: Partial<PushLimits>;
    readonly read?: Partial<ReadLimits>;
    readonly clock?: Clock;
  } = {},
  topics: readonly string[] = [],
): KafkaBackend {
  const { clock = systemClock } = given;
  const push = { ...limits.push, ...given.push };
  const read = { ...limits.read, ...given.read };
  const all = { ...limits, push, read };
  return new KafkaBackend('queues', { gateway, clock, limits: all, topics });
}

/** A gateway to `kafka` that answers after a moment: of real time, unless a clock is given. */
export function memoryGateway(kafka: MemoryKafka, clock: Clock = systemClock): MemoryGateway {
  return new MemoryGateway(kafka, { clock, random: Math.random, answerMs: 2 });
}
