/**
 * Microseconds per record of a managed position at its owner: given out by one ask, acknowledged
 * with the next, committed; before a log that always has the next record.
 *
 *     node bench/micro/positions.ts
 *
 * The lowest of the rounds is the figure: whatever else runs on the machine only adds to it. What
 * Kafka's client and NATS cost is not in it.
 */

import { defaultOwnerLimits, UnitOwner } from '@respool/data-plane/positions/unit';
import type { KafkaLog, TopicView } from '@respool/data-plane/state';
import { quietAsk } from '@respool/data-plane/test/quiet-ask';

type FetchRequest = Parameters<KafkaLog['fetchAt']>[0];
type Fetched = Awaited<ReturnType<KafkaLog['fetchAt']>>;
type KafkaRecord = Fetched['records'][number];

const rounds = 15;
const roundMs = 100;
const value = Buffer.alloc(100, 'v');
const unit = { tenant: 'bench', topic: 'orders', consumer: 'worker' };
/** As the proxy counts it: its content, and a share for the record. */
const recordBytes = value.length + 200;
const end = Number.MAX_SAFE_INTEGER;

const clock = {
  now: Date.now,
  after(ms: number, then: () => void): () => void {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** Answers at once, and has every offset. */
class EndlessLog {
  commits = 0;
  readonly #partitions: number;

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  async fetchAt({ offset, recordBytesMax }: FetchRequest): Promise<Fetched> {
    const records: KafkaRecord[] = [];
    let heldBytes = 0;
    while (heldBytes < recordBytesMax) {
      const at = offset + records.length;
      const record = { offset: at, timestampMs: 0, key: null, value, headers: [] };
      heldBytes += recordBytes;
      records.push(record);
    }
    const nextOffset = offset + records.length;
    const log = { topicId: 'endless', leaderEpoch: 0, endOffset: end, startOffset: 0 };
    return { ...log, records, nextOffset, heldBytes };
  }

  async listOffsets(queries: Parameters<KafkaLog['listOffsets']>[0]) {
    return queries.map(({ time }) => {
      return { offset: time === 'latest' ? end : 0, timestampMs: null, leaderEpoch: 0 };
    });
  }

  async endOfEpoch(): Promise<number> {
    return end;
  }

  async topic(name: string) {
    const partitions = Array.from({ length: this.#partitions }, (_, partition) => {
      return { partition, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1] };
    });
    return { name, topicId: 'endless', partitions };
  }

  async commit(): Promise<void> {
    this.commits++;
  }

  async committed(_group: string, partitions: readonly unknown[]) {
    return partitions.map(() => ({ offset: 0, note: '', leaderEpoch: 0 }));
  }
}

function ownerOver(log: EndlessLog): UnitOwner {
  const topic = {
    ...{ name: 'orders', kafkaName: 'orders', backend: { log }, enabled: true, ack: 'auto' },
    ...{ startAt: 'earliest', window: 1_000, ackMs: 30_000, maxDeliveries: 0 },
    ...{ deadLetter: null, seeks: new Map() },
  };
  return new UnitOwner({ unit, epoch: 1, seek: 0 }, topic as unknown as TopicView, {
    clock,
    limits: defaultOwnerLimits,
    ahead: { bytes: 0 },
    holds: () => true,
    isGone: () => false,
    hint: () => {},
    noteSeek: async () => {},
    notice: () => {},
  });
}

/** Asks for `take` again and again, each with the acknowledgements of the one before. */
async function microseconds(owner: UnitOwner, take: number, forMs: number): Promise<number> {
  const wish = { ...quietAsk, unit, epoch: 1, from: 'bench.1', take, waits: true };
  let acks: readonly number[] = [];
  let records = 0;
  const begun = performance.now();
  while (performance.now() - begun < forMs) {
    for (let turn = 0; turn < 100; turn++) {
      const answer = await owner.exchange({ ...wish, acks });
      if (answer.kind !== 'loans') throw new Error(JSON.stringify(answer));
      acks = answer.loans.map(({ id }) => id);
      records += acks.length;
    }
    owner.tick();
  }
  const elapsed = performance.now() - begun;
  await owner.exchange({ ...wish, take: 0, acks });
  return (elapsed * 1_000) / records;
}

const cases = [1, 10, 100].flatMap((take) => [1, 12].map((partitions) => ({ take, partitions })));
console.log('µs per record'.padEnd(22), 'lowest   middle   commits');
for (const { take, partitions } of cases) {
  const log = new EndlessLog(partitions);
  const owner = ownerOver(log);
  const figures: number[] = [];
  await microseconds(owner, take, 300);
  for (let round = 0; round < rounds; round++) {
    figures.push(await microseconds(owner, take, roundMs));
  }
  figures.sort((one, other) => one - other);
  const [lowest = 0, middle = 0] = [figures[0], figures[rounds >> 1]];
  const name = `${take} a time, ${partitions} part.`;
  const columns = [lowest, middle].map((figure) => figure.toFixed(2).padEnd(8));
  console.log(name.padEnd(22), ...columns, log.commits);
  owner.fence();
}
