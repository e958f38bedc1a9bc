/** What a story of the gateway's conformance suite stands on: a cluster, and the means to hurt it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type {
  Fetched,
  FetchRequest,
  KafkaGateway,
  NewRecord,
  NewTopic,
  ProduceBatch,
  TopicPartition,
} from '../gateway.ts';
import { KafkaError, type KafkaErrorCode } from '../kafka-error.ts';

/** Somebody else's transaction, with records in it; each end resolves once its marker is stored. */
export interface OpenTransaction {
  commit(): Promise<void>;
  abort(): Promise<void>;
}

export interface GatewayRig {
  readonly gateway: KafkaGateway;
  /** A gateway to a cluster that is not there. */
  readonly lost: KafkaGateway;
  /** Writes one batch as another client would. */
  write(where: TopicPartition, values: readonly string[]): Promise<void>;
  begin(where: TopicPartition, values: readonly string[]): Promise<OpenTransaction>;
  /** Deletes what is stored before `offset`, as retention does. */
  trim(where: TopicPartition, offset: number): Promise<void>;
  removeTopic(name: string): Promise<void>;
  /** A consumer joins the group and stays until the function that comes back is called. */
  join(group: string, topic: string): Promise<() => Promise<void>>;
  /** Every partition loses its leader for a while; resolves when that has begun. */
  interrupt(): Promise<void>;
}

export type Story = (rig: GatewayRig) => Promise<void>;
export type Stories = Readonly<Record<string, Story>>;

/** How long a read waits that something else is to end. */
export const longWait = 15_000;

/** Patience of a call that is expected to succeed, also when a broker is slow to start its work. */
export const soon = 60_000;

export async function newTopic(
  gateway: KafkaGateway,
  given: Partial<Omit<NewTopic, 'name'>> = {},
): Promise<string> {
  const name = `story-${randomUUID()}`;
  const topic = { name, partitions: 1, replicationFactor: 1, settings: {}, ...given };
  await gateway.createTopic(topic, soon);
  return name;
}

export function record(value: string | null, given: Partial<NewRecord> = {}): NewRecord {
  const bytes = value === null ? null : Buffer.from(value);
  return { key: null, value: bytes, headers: [], timestampMs: Date.now(), ...given };
}

/** Batches of one producer for one partition, each with the right sequence. */
export class Producer {
  readonly #gateway: KafkaGateway;
  readonly #where: TopicPartition;
  readonly #producerId: bigint;
  #sequence = 0;

  private constructor(gateway: KafkaGateway, where: TopicPartition, producerId: bigint) {
    this.#gateway = gateway;
    this.#where = where;
    this.#producerId = producerId;
  }

  static async open(gateway: KafkaGateway, where: TopicPartition): Promise<Producer> {
    return new Producer(gateway, where, await gateway.newProducerId(soon));
  }

  batch(records: readonly NewRecord[]): ProduceBatch {
    const batch = { producerId: this.#producerId, epoch: 0, sequence: this.#sequence, records };
    this.#sequence += records.length;
    return { ...this.#where, ...batch };
  }

  /** Offset of the first. */
  async write(...values: readonly (string | NewRecord)[]): Promise<number> {
    const records = values.map((value) => (typeof value === 'string' ? record(value) : value));
    return (await this.#gateway.produce(this.batch(records), soon)).baseOffset;
  }
}

export function fetchOf(
  where: TopicPartition,
  offset: number,
  given: Partial<FetchRequest> = {},
): FetchRequest {
  const { topic, partition } = where;
  const limits = { bytesMax: 2 ** 20, recordBytesMax: 2 ** 20, waitMs: 0 };
  return { topic, partition, offset, ...limits, ...given };
}

/** As `offset value`. */
export function textsOf({ records }: Fetched): string[] {
  return records.map(({ offset, value }) => `${offset} ${value}`);
}

/** Everything from `offset` to the end, fetched piece by piece, as `offset value`. */
export async function readAll(
  gateway: KafkaGateway,
  where: TopicPartition,
  given: Partial<FetchRequest> = {},
): Promise<string[]> {
  const texts: string[] = [];
  let offset = 0;
  for (;;) {
    const fetched = await gateway.fetchAt(fetchOf(where, offset, given), soon);
    texts.push(...textsOf(fetched));
    if (fetched.nextOffset === offset) return texts;
    offset = fetched.nextOffset;
  }
}

/** Waits for a broker to hear of a deletion, which it may do after whoever did it has an answer. */
export async function untilUnknown(gateway: KafkaGateway, topic: string): Promise<void> {
  const deadline = performance.now() + soon;
  const look = () => gateway.topic(topic, soon, 'now');
  for (;;) {
    const failure = await look().then(
      () => null,
      (error: KafkaError) => error,
    );
    if (failure !== null) {
      assert.equal(failure.code, 'topic-unknown', failure.message);
      return;
    }
    assert(performance.now() < deadline, `the broker still has ${topic}`);
    await setTimeout(5);
  }
}

export async function assertFails(
  call: Promise<unknown>,
  code: KafkaErrorCode,
  mayHaveHappened = false,
): Promise<KafkaError> {
  const error = await call.then(
    (value) => assert.fail(`it gave ${JSON.stringify(value)} instead of ${code}`),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof KafkaError, String(error));
  assert.equal(error.code, code, error.message);
  assert.equal(error.mayHaveHappened, mayHaveHappened, error.message);
  return error;
}
