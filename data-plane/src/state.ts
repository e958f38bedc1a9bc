/** The configuration as the hot path reads it: names resolved to objects, nothing to look up twice. */
import type { CrossSlot, ReadFrom, Verifier } from '@respool/contracts/entities';
import type { Position, Topic } from '@respool/contracts/queues';
import type { KafkaGateway, KafkaRecord, OffsetTime, TopicPartition } from '@respool/kafka/gateway';
import type { ReadRequest } from './backend/kafka/consume.ts';
import type { LagQuestion, PartitionLag } from './backend/kafka/lag.ts';
import type { PushEnd } from './backend/kafka/lane.ts';
import type { FoundOffset } from './backend/kafka/offsets.ts';
import type { PushRequest } from './backend/kafka/topic-lanes.ts';
import type { Backing, Purse } from './command/backing.ts';
import type { ForeignCommands } from './command/foreign.ts';
import type { Lease, LeaseTarget } from './command/lease.ts';
import type { SubscriptionHub } from './command/subscription.ts';
import type { TrackingHub } from './command/tracking.ts';
import type { Unit, UnitReader } from './command/unit.ts';
import type { Upstream } from './command/upstream.ts';
import type { Meter } from './observe/meter.ts';
import type { Scripts } from './script/scripts.ts';

/** RESP version of a session, and of the backend connections that serve it. */
export type Protocol = 2 | 3;

export interface BackendView {
  readonly id: string;
  readonly kind: 'standalone' | 'cluster';
  /** How long one command may take, retries included. */
  readonly deadlineMs: number;
  /** Databases a session may select; 1 for a cluster. */
  readonly databases: number;
  /** The lowest Redis version among its servers, `major.minor.patch`; null while none is known. */
  readonly serverVersion: string | null;
  /** Commands of its servers that the proxy's own table lacks. */
  readonly foreign: ForeignCommands;
  /** What its servers were given to run. */
  readonly scripts: Scripts;
  /** Shared by every session with the same protocol and database; cheap, kept by the backend. */
  upstream(protocol: Protocol, database: number): Upstream;
  /** The same on a cluster whose reads may go to replicas; clients are dealt out by `share`. */
  reading(protocol: Protocol, readFrom: ReadFrom, share: number): Upstream;
  /** For one command of several steps; `prefix` is the tenant's, `purse` pays for what it gathers. */
  backing(protocol: Protocol, database: number, prefix: Buffer | null, purse: Purse): Backing;
  readonly listeners: {
    readonly subscriptions: SubscriptionHub;
    readonly tracking: TrackingHub;
  };
  /** A connection of one's own; rejects with a `CommandError`. Whoever has it must release it. */
  lease(target: LeaseTarget): Promise<Lease>;
  /** Executes a transaction over a connection shared by all, where nothing comes between. */
  transact(unit: Unit, reader: UnitReader): void;
  /** A node said that `slot` lives at `address` (`host:port`) now. */
  moved(slot: number, address: string): void;
}

/** A Kafka cluster that topics name, open as long as one does. */
export interface KafkaView {
  readonly id: string;
  readonly kind: 'kafka';
  /** False while so much waits to be stored that callers do well to wait for {@link room}. */
  readonly hasRoom: boolean;
  room(): Promise<void>;
  /** Topics by Kafka's name, as everywhere here; it may end at once. */
  push(request: PushRequest, end: PushEnd): void;
  /** Rejections are of class KafkaError, as everywhere here. */
  read(request: ReadRequest): Promise<KafkaRecord[]>;
  find(where: TopicPartition, time: OffsetTime): Promise<FoundOffset>;
  partitions(topic: string): Promise<number[]>;
  lag(question: LagQuestion): Promise<PartitionLag[]>;
  /** What positions are kept with; ends with the backend, with `closed`. */
  readonly log: KafkaLog;
}

/** The part of the gateway that reads ahead for consumers and keeps where they are. */
export type KafkaLog = Pick<
  KafkaGateway,
  'fetchAt' | 'listOffsets' | 'endOfEpoch' | 'topic' | 'commit' | 'committed'
>;

/** A tenant's way to one backend. `database` is fixed in `db` mode, null where SELECT may choose. */
export interface RouteView {
  /** As the control plane's API names it. */
  readonly id: string;
  readonly backend: BackendView;
  readonly database: number | null;
  /** Which nodes of a cluster its reads go to; `primary` on a standalone backend. */
  readonly readFrom: ReadFrom;
}

export interface TenantView {
  readonly id: string;
  readonly enabled: boolean;
  /** Put in front of every key; null in `db` and `dedicated` mode. */
  readonly prefix: Buffer | null;
  /** What becomes of a command whose keys lie in several slots of a cluster. */
  readonly crossSlot: CrossSlot;
  readonly meter: Meter;
  readonly users: ReadonlyMap<string, UserView>;
  readonly routes: ReadonlyMap<string, RouteView>;
  readonly defaultRoute: RouteView | null;
  /** By the name that clients use. */
  readonly topics: ReadonlyMap<string, TopicView>;
}

/** What an operator set of a topic, as it is served. */
type TopicRules = Pick<
  Topic,
  'kafkaName' | 'enabled' | 'ack' | 'startAt' | 'window' | 'ackMs' | 'maxDeliveries'
>;

export interface TopicView extends TopicRules {
  readonly tenant: TenantView;
  readonly name: string;
  /** Null in a proxy that opens no Kafka backends. */
  readonly backend: KafkaView | null;
  readonly deadLetter: TopicView | null;
  /** Names of the users who may push, who may pop, and who may send themselves elsewhere. */
  readonly producers: ReadonlySet<string>;
  readonly consumers: ReadonlySet<string>;
  readonly seekers: ReadonlySet<string>;
  /** Where an operator sent a consumer, by its name; to be done once for each generation. */
  readonly seeks: ReadonlyMap<string, Pick<Position, 'generation' | 'to'>>;
}

export interface UserView {
  readonly tenant: TenantView;
  readonly name: string;
  readonly enabled: boolean;
  readonly readOnly: boolean;
  /** Dangerous commands go to a standalone backend as they are; in a dedicated tenant only. */
  readonly passThrough: boolean;
  readonly verifier: Verifier;
  /** Changes when the secret does; never the secret. */
  readonly credential: string;
  /** Backends `USE` may choose; null allows all the tenant has a route to. */
  readonly backends: ReadonlySet<string> | null;
}

/** One sequence of the log, whole. The hot path reads the reference to it once per read. */
export interface ProxyState {
  readonly logId: string;
  readonly sequence: number;
  readonly hash: string;
  readonly tenants: ReadonlyMap<string, TenantView>;
  /** Users with a generated token, by its digest: `AUTH <token>` names nobody. */
  readonly tokens: ReadonlyMap<string, UserView>;
}
