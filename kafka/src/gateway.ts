/** What the proxy asks of a Kafka cluster: the port; two adapters pass one conformance suite. */

// A leader epoch numbers the terms of a partition's leaders; a later leader has a larger one. An
// ex-leader that was frozen or cut off goes on answering from its old log until it hears of the
// next. So a gateway names the epoch it knows in all it asks of a leader, which refuses any other
// (KIP-320), and never goes back to an epoch older than one it met in the same topic.

// Offsets are whole numbers up to 2^53 - 1: at a million records a second a partition gets there
// in 285 years. Adapters refuse a larger one instead of rounding it.

export interface TopicPartition {
  readonly topic: string;
  /** From 0. */
  readonly partition: number;
}

export interface RecordHeader {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** A record to be written. The bytes are read until the write has ended; nobody may change them. */
export interface NewRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

/** A record as the log holds it. Key and value are views of the answer they came with. */
export interface KafkaRecord {
  readonly offset: number;
  /** Milliseconds since 1970: the writer's, or the broker's where the topic says LogAppendTime. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/**
 * Records of one partition that become neighbours in its log, or are not written at all. The
 * broker knows a batch by producer, epoch and sequence (KIP-98): sent again it is not stored
 * again, as long as no later batch of that epoch was sent before.
 */
export interface ProduceBatch extends TopicPartition {
  /** At least one. */
  readonly records: readonly NewRecord[];
  readonly producerId: bigint;
  /** 0…32,767. A higher one shuts out what is still under way with a lower one (KIP-360). */
  readonly epoch: number;
  /** How many records of this epoch were written to this partition before. */
  readonly sequence: number;
}

export interface Produced {
  /** Offset of the first record. */
  readonly baseOffset: number;
}

export interface FetchRequest extends TopicPartition {
  readonly offset: number;
  /** Asked of the broker, which sends one whole batch even if that is larger. */
  readonly bytesMax: number;
  /** Records are handed out up to this size, keys, values and a share for each; at least one. */
  readonly recordBytesMax: number;
  /** How long the broker may wait for a record when there is none; 0 answers at once. */
  readonly waitMs: number;
}

/** Committed records only (isolation `read_committed`), none below the offset asked for. */
export interface Fetched {
  /** Id of the topic it was read from: another one may have its name meanwhile. */
  readonly topicId: string;
  /** Of the leader it was read from. */
  readonly leaderEpoch: number;
  /** In order. Their offsets may have gaps: compaction, transactions. */
  readonly records: readonly KafkaRecord[];
  /** Where to go on, also when everything up to there was no record for a reader. */
  readonly nextOffset: number;
  /** One past the last record that could be read at the time of the answer. */
  readonly endOffset: number;
  /** First offset still stored. */
  readonly startOffset: number;
  /** Memory that the records keep alive, in bytes. */
  readonly heldBytes: number;
}

/** A time in milliseconds since 1970, or one end of what is stored and can be read. */
export type OffsetTime = number | 'earliest' | 'latest';

export interface OffsetQuery extends TopicPartition {
  readonly time: OffsetTime;
  /** Met before, in this very topic: the word of a leader before that one is not taken. */
  readonly leaderEpochMin?: number;
}

export interface OffsetAnswer {
  /** Of the first record at that time or later; null when there is none. */
  readonly offset: number | null;
  /** Of that record; null for the ends, which are no records. */
  readonly timestampMs: number | null;
  /** Of the leader that says so. */
  readonly leaderEpoch: number;
}

export interface EpochQuery extends TopicPartition {
  readonly leaderEpoch: number;
}

export interface TopicPartitionState {
  readonly partition: number;
  /** Broker id; null while the partition has no leader. */
  readonly leader: number | null;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface TopicState {
  readonly name: string;
  /** Another one when a topic is deleted and created again under its name. */
  readonly topicId: string;
  /** In the order of their numbers. */
  readonly partitions: readonly TopicPartitionState[];
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Kafka's own names: `retention.ms`, `cleanup.policy`. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface TopicSetting {
  /** Null where the broker does not tell it. */
  readonly value: string | null;
  /** Set for this topic; otherwise it is what the brokers have for all. */
  readonly isOwn: boolean;
}

export interface Committed {
  /** Of the next record to be read. */
  readonly offset: number;
  /** Kept with it, for whoever commits to read again: up to 200 characters; empty from others. */
  readonly note: string;
  /** Of the leader that had what lies before it; null where whoever committed did not say. */
  readonly leaderEpoch: number | null;
}

export interface Position extends TopicPartition, Committed {}

/**
 * Every call ends within `deadlineMs` and throws nothing but a KafkaError. What is of passing
 * nature (a leader that moves, a broker that restarts) is tried again until then, with pauses.
 */
export interface KafkaGateway {
  /**
   * Stored by every replica in sync (acks=all) when it resolves. A rejection says whether the
   * batch may be in the log; `producer-stale` wants another epoch, from sequence 0.
   */
  produce(batch: ProduceBatch, deadlineMs: number): Promise<Produced>;
  /** A producer id nobody else has; its epochs start at 0. */
  newProducerId(deadlineMs: number): Promise<bigint>;
  /**
   * Throws `offset-out-of-range` below the first offset stored and above the end. At the end it
   * gives no record. Any number of calls may ask for the same place at once.
   */
  fetchAt(request: FetchRequest, deadlineMs: number): Promise<Fetched>;
  /** One answer for each query, in their order. */
  listOffsets(queries: readonly OffsetQuery[], deadlineMs: number): Promise<OffsetAnswer[]>;
  /**
   * Where in the log as it is now what leaders up to that epoch wrote ends: what lies behind it a
   * later leader wrote. Null when the log does not reach back to that epoch.
   */
  endOfEpoch(query: EpochQuery, deadlineMs: number): Promise<number | null>;
  /**
   * `known` may be some seconds old, never older than the last error that spoke of another leader;
   * `now` is asked of a broker.
   */
  topic(name: string, deadlineMs: number, as?: 'known' | 'now'): Promise<TopicState>;
  /** Names of all topics but Kafka's own, sorted. */
  topics(deadlineMs: number): Promise<string[]>;
  /** Resolves once each partition has a leader. */
  createTopic(topic: NewTopic, deadlineMs: number): Promise<TopicState>;
  /**
   * Grows the topic to so many partitions in all; as many as it has, or fewer, are
   * `topic-invalid`. Resolves once each partition has a leader.
   */
  addPartitions(name: string, partitions: number, deadlineMs: number): Promise<TopicState>;
  /** With all its records. The name is free again a moment after it resolved. */
  deleteTopic(name: string, deadlineMs: number): Promise<void>;
  /** Those of `names` that the broker knows, by Kafka's own names. */
  topicSettings(
    name: string,
    names: readonly string[],
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, TopicSetting>>;
  /** Changes those that are named; null gives one back to what the brokers have for all. */
  alterTopic(
    name: string,
    settings: Readonly<Record<string, string | null>>,
    deadlineMs: number,
  ): Promise<void>;
  /**
   * Positions of a group without members; they may go backwards. Throws `group-in-use` while a
   * consumer is a member of it.
   */
  commit(group: string, positions: readonly Position[], deadlineMs: number): Promise<void>;
  /** One for each partition, in their order; null where the group has none. */
  committed(
    group: string,
    partitions: readonly TopicPartition[],
    deadlineMs: number,
  ): Promise<(Committed | null)[]>;
  /** Ends what is under way with `closed`, and every connection. Does nothing the second time. */
  close(): Promise<void>;
}
