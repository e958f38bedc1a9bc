/** The way into one partition: records wait, leave as one batch at a time, and keep their order. */
import type { Clock } from '@respool/contracts/clock';
import type { KafkaGateway, NewRecord, TopicPartition } from '@respool/kafka/gateway';
import { asKafkaError, KafkaError } from '@respool/kafka/kafka-error';
import type { ProducerIdentities, ProducerIdentity } from './producer-identity.ts';

//            linger              one batch under way
//   push ──► queue ──────take──► produce ──► told to each record, in order
//              ▲   meanwhile the queue fills, so batches grow with the load by themselves

/** Who hears what became of a push: exactly one of these is called, once. */
export interface PushEnd {
  done(partition: number, offset: number): void;
  fail(error: KafkaError): void;
}

/** A record on its way. */
export interface Entry extends PushEnd {
  readonly record: NewRecord;
  /** By record-size.ts. */
  readonly bytes: number;
  /** By the clock. */
  readonly deadlineAtMs: number;
}

export interface LaneLimits {
  /** A record that comes to an empty queue waits so long for others. */
  readonly lingerMs: number;
  readonly batchRecordsMax: number;
  /** Records that may go anywhere gather here behind a batch under way, then elsewhere. */
  readonly gatherRecordsMax: number;
  /** By record-size.ts; a larger record goes alone. */
  readonly batchBytesMax: number;
}

export interface LaneServices {
  readonly gateway: KafkaGateway;
  readonly identities: ProducerIdentities;
  readonly clock: Clock;
  readonly limits: LaneLimits;
}

/** A broker numbers records up to here, then starts again; we take a new epoch instead. */
const sequenceMax = 2 ** 31 - 1;
/** New beginnings for one batch that the broker holds to be out of its turn. */
const beginningsMax = 3;

export class Lane {
  readonly where: TopicPartition;
  readonly #services: LaneServices;
  #queue: Entry[] = [];
  #queueBytes = 0;
  #identity: ProducerIdentity | null = null;
  #sequence = 0;
  #isRunning = false;
  #endLinger: (() => void) | null = null;
  /** When the batch under way was taken out of the queue; null without one. */
  #sentAtMs: number | null = null;

  constructor(where: TopicPartition, services: LaneServices) {
    this.where = where;
    this.#services = services;
  }

  /** Nothing waits and nothing is under way: it may be forgotten. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** A batch is being gathered that has room, before or behind the one under way. */
  get isGathering(): boolean {
    const { gatherRecordsMax } = this.#services.limits;
    const { length } = this.#queue;
    return this.#endLinger !== null || (length > 0 && length < gatherRecordsMax && !this.#isFull);
  }

  /** How long the batch under way has been on its way; 0 without one. */
  waitingMs(nowMs: number): number {
    return this.#sentAtMs === null ? 0 : nowMs - this.#sentAtMs;
  }

  push(entry: Entry): void {
    this.#queue.push(entry);
    this.#queueBytes += entry.bytes;
    if (!this.#isRunning) void this.#run();
    else if (this.#isFull) this.flush();
  }

  /** What was gathered so far leaves now. */
  flush(): void {
    this.#endLinger?.();
  }

  /** Gives up everything that was not sent yet. */
  abandon(error: KafkaError): void {
    this.#queueBytes = 0;
    for (const entry of this.#queue.splice(0)) entry.fail(error);
    this.flush();
  }

  get #isFull(): boolean {
    const { batchRecordsMax, batchBytesMax } = this.#services.limits;
    return this.#queue.length >= batchRecordsMax || this.#queueBytes >= batchBytesMax;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    await this.#linger();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      this.#sentAtMs = this.#services.clock.now();
      await this.#write(batch);
      this.#sentAtMs = null;
    }
    this.#isRunning = false;
  }

  async #linger(): Promise<void> {
    const { clock, limits } = this.#services;
    if (this.#isFull) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        this.#endLinger = null;
        resolve();
      };
      const cancel = clock.after(limits.lingerMs, end);
      this.#endLinger = end;
    });
  }

  /** The next batch; what is too late to be sent is told so on the way. */
  #take(): Entry[] {
    const { clock, limits } = this.#services;
    const nowMs = clock.now();
    const batch: Entry[] = [];
    let bytes = 0;
    let taken = 0;
    for (const entry of this.#queue) {
      const fits = batch.length === 0 || bytes + entry.bytes <= limits.batchBytesMax;
      if (batch.length >= limits.batchRecordsMax || !fits) break;
      taken++;
      this.#queueBytes -= entry.bytes;
      if (entry.deadlineAtMs <= nowMs) {
        entry.fail(new KafkaError('deadline', 'it waited too long for those before it'));
        continue;
      }
      batch.push(entry);
      bytes += entry.bytes;
    }
    this.#queue = this.#queue.slice(taken);
    return batch;
  }

  /** Resolves when every entry was told its end. */
  async #write(batch: readonly Entry[]): Promise<void> {
    const { partition } = this.where;
    for (let beginnings = 1; ; beginnings++) {
      try {
        let offset = await this.#produce(batch);
        for (const entry of batch) entry.done(partition, offset++);
        return;
      } catch (thrown) {
        const error = asKafkaError(thrown);
        // Its end is unknown, and so is the next sequence: a higher epoch shuts it out.
        const isStale = error.code === 'producer-stale';
        if (error.mayHaveHappened || isStale) this.#identity = null;
        if (!error.mayHaveHappened && isStale && beginnings < beginningsMax) continue;
        if (isForOne(error) && batch.length > 1) return await this.#writeHalves(batch);
        for (const entry of batch) entry.fail(error);
        return;
      }
    }
  }

  /** One bad record must not fail its neighbours: the halves are tried, one after the other. */
  async #writeHalves(batch: readonly Entry[]): Promise<void> {
    const middle = batch.length >> 1;
    await this.#write(batch.slice(0, middle));
    await this.#write(batch.slice(middle));
  }

  /**
   * Tries until the deadline of the last entry: the first must not end the others' time early. So
   * an entry may be told its end up to twice the time it was given after it came.
   */
  async #produce(batch: readonly Entry[]): Promise<number> {
    const { gateway, identities, clock } = this.#services;
    const records = batch.map(({ record }) => record);
    const leftMs = () => (batch.at(-1)?.deadlineAtMs ?? 0) - clock.now();
    if (this.#sequence + records.length > sequenceMax) this.#identity = null;
    if (this.#identity === null) {
      this.#identity = await identities.next(leftMs());
      this.#sequence = 0;
    }
    const identity = { ...this.#identity, sequence: this.#sequence };
    const { baseOffset } = await gateway.produce({ ...this.where, ...identity, records }, leftMs());
    this.#sequence += records.length;
    return baseOffset;
  }
}

/** Refused for what one of its records is. */
function isForOne({ code, mayHaveHappened }: KafkaError): boolean {
  return !mayHaveHappened && (code === 'message-too-large' || code === 'record-invalid');
}
