/** The topics of a Kafka cluster in memory: made, grown, set and removed. */
import { randomUUID } from 'node:crypto';
import type * as port from './gateway.ts';
import { KafkaError } from './kafka-error.ts';
import { MemoryLog } from './memory-log.ts';

interface MemoryTopic {
  readonly topicId: string;
  readonly logs: MemoryLog[];
  readonly replicas: number;
  readonly settings: Map<string, string>;
}

/** What the brokers have for all topics, as far as anybody asks. */
const brokerSettings: ReadonlyMap<string, string> = new Map([['retention.ms', '604800000']]);

export class MemoryTopics {
  readonly #topics = new Map<string, MemoryTopic>();
  /** Leaders that are none any more and do not know it, by what the next one goes on with. */
  readonly #stale = new Map<MemoryLog, MemoryLog>();

  create(topic: Pick<port.NewTopic, 'name' | 'partitions'> & Partial<port.NewTopic>): void {
    const { name, partitions, replicationFactor = 1, settings = {} } = topic;
    if (this.#topics.has(name)) throw new KafkaError('topic-exists', `there is a topic ${name}`);
    if (!/^[\w.-]{1,249}$/.test(name) || partitions < 1) {
      throw new KafkaError('topic-invalid', `no topic can be named ${JSON.stringify(name)}`);
    }
    const logs = Array.from({ length: partitions }, () => new MemoryLog());
    const replicas = replicationFactor < 0 ? 1 : replicationFactor;
    const held = { topicId: randomUUID(), logs, replicas };
    this.#topics.set(name, { ...held, settings: new Map(Object.entries(settings)) });
  }

  grow(name: string, partitions: number): void {
    const { logs } = this.#find(name);
    if (partitions <= logs.length) {
      const message = `topic ${name} has ${logs.length} partitions already`;
      throw new KafkaError('topic-invalid', message);
    }
    while (logs.length < partitions) logs.push(new MemoryLog());
  }

  alter(name: string, settings: Readonly<Record<string, string | null>>): void {
    const held = this.#find(name).settings;
    for (const [key, value] of Object.entries(settings)) {
      if (value === null) held.delete(key);
      else held.set(key, value);
    }
  }

  settings(name: string, names: readonly string[]): ReadonlyMap<string, port.TopicSetting> {
    const { settings } = this.#find(name);
    const found = names.flatMap((key): [string, port.TopicSetting][] => {
      const value = settings.get(key) ?? brokerSettings.get(key);
      return value === undefined ? [] : [[key, { value, isOwn: settings.has(key) }]];
    });
    return new Map(found);
  }

  remove(name: string): void {
    this.#topics.delete(name);
  }

  get names(): string[] {
    return [...this.#topics.keys()].toSorted();
  }

  topic(name: string): port.TopicState {
    const { topicId, logs, replicas } = this.#find(name);
    const brokers = Array.from({ length: replicas }, (_, at) => at + 1);
    const partitions = logs.map(({ leaderEpoch }, partition) => {
      return { partition, leader: 1, leaderEpoch, replicas: brokers, inSyncReplicas: brokers };
    });
    return { name, topicId, partitions };
  }

  log({ topic, partition }: port.TopicPartition): MemoryLog {
    const { logs } = this.#find(topic);
    const log = logs[partition];
    if (log !== undefined) return log;
    const has = `topic ${topic} has partitions 0 to ${logs.length - 1}`;
    throw new KafkaError('partition-unknown', `${has}, not ${partition}`);
  }

  /**
   * Another one leads from now on, and the one before answers whoever knows no better, from the log
   * as it was, until the function that comes back is called.
   */
  isolateLeader(where: port.TopicPartition): () => void {
    const log = this.log(where);
    this.#stale.set(log, log.copy());
    log.elect();
    return () => void this.#stale.delete(log);
  }

  /** What the leader has who answers one that takes nobody earlier than that epoch. */
  atLeader(where: port.TopicPartition, leaderEpochMin: number): MemoryLog {
    const log = this.log(where);
    const stale = this.#stale.get(log);
    if (stale !== undefined && stale.leaderEpoch >= leaderEpochMin) return stale;
    if (log.leaderEpoch >= leaderEpochMin) return log;
    throw new KafkaError('leader-moved', `${where.topic} has no leader of epoch ${leaderEpochMin}`);
  }

  #find(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    throw new KafkaError('topic-unknown', `the backend has no topic ${name}`);
  }
}
