/** Pushes on a clock of the test's own, into a cluster in memory; and what became of each. */
import assert from 'node:assert/strict';
import type { KafkaError } from '@respool/kafka/kafka-error';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { defaultPushLimits, Pusher, type PushLimits } from '../backend/kafka/produce.ts';
import type { PushRequest } from '../backend/kafka/topic-lanes.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface Pushed {
  readonly partition: number;
  readonly offset: number;
}

/** Rejects with the KafkaError it fails with. */
export function pushed(to: Pick<Pusher, 'push'>, request: PushRequest): Promise<Pushed> {
  return new Promise((resolve, fail) => {
    to.push(request, { done: (partition, offset) => resolve({ partition, offset }), fail });
  });
}

/** A push and its end, if it has one. */
export interface Outcome {
  readonly value: string;
  pushed: Pushed | null;
  error: KafkaError | null;
}

export class PushRig {
  readonly clock = new VirtualClock();
  readonly kafka = new MemoryKafka();
  readonly pusher: Pusher;

  /** `answerMs`: how long each try at the broker takes. Topic `t` has `partitions`. */
  constructor(
    given: {
      partitions?: number;
      limits?: Partial<PushLimits>;
      answerMs?: number;
      random?: () => number;
    } = {},
  ) {
    const { partitions = 1, limits = {}, answerMs = 5, random = () => 0.5 } = given;
    this.kafka.create({ name: 't', partitions });
    const gateway = new MemoryGateway(this.kafka, { clock: this.clock, random, answerMs });
    this.pusher = new Pusher(gateway, this.clock, { ...defaultPushLimits, ...limits });
  }

  push(value: string, given: Partial<PushRequest> = {}): Outcome {
    const outcome: Outcome = { value, pushed: null, error: null };
    const place = { topic: 't', partition: null, key: null, headers: [] };
    const request = { ...place, value: Buffer.from(value), ...given };
    this.pusher.push(request, {
      done: (partition, offset) => {
        outcome.pushed = { partition, offset };
      },
      fail: (error) => {
        outcome.error = error;
      },
    });
    return outcome;
  }

  /** Asks for the topic and the producer id, so that what follows is only about batches. */
  async warm(): Promise<void> {
    const first = this.push('warm', { partition: 0 });
    await this.clock.advance(100);
    assert.deepEqual(first.pushed, { partition: 0, offset: 0 });
    this.kafka.batches.length = 0;
  }

  /** Values in the order of the log. */
  stored(partition = 0): string[] {
    const where = { topic: 't', partition, offset: 0 };
    const all = { bytesMax: 0, recordBytesMax: 2 ** 40, waitMs: 0 };
    const { records } = this.kafka.log(where).read({ ...where, ...all });
    return records.map(({ value }) => String(value));
  }

  /** Values of each batch that was tried. */
  get tried(): string[] {
    return this.kafka.batches.map(({ records }) =>
      records.map(({ value }) => String(Buffer.from(value ?? []))).join(' '),
    );
  }
}
