/** Producer ids and epochs: one id for all partitions, an epoch for each new beginning. */
import type { KafkaGateway } from '@respool/kafka/gateway';

/** Who writes to one partition; the sequence of its records starts at 0. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}

const epochMax = 32_767;

// A broker keeps producers apart by partition, and of one producer it takes only the newest epoch.
// So partitions can share an id as long as no epoch is given twice: what a partition left behind
// in doubt is shut out by its next epoch, and the others notice nothing.

export class ProducerIdentities {
  readonly #gateway: KafkaGateway;
  #producerId: bigint | null = null;
  #nextEpoch = 0;
  #asking: Promise<bigint> | null = null;

  constructor(gateway: KafkaGateway) {
    this.#gateway = gateway;
  }

  /** One that nobody had before. Throws what the gateway throws. */
  async next(deadlineMs: number): Promise<ProducerIdentity> {
    for (;;) {
      if (this.#producerId !== null && this.#nextEpoch <= epochMax) {
        return { producerId: this.#producerId, epoch: this.#nextEpoch++ };
      }
      await this.#renew(deadlineMs);
    }
  }

  async #renew(deadlineMs: number): Promise<void> {
    this.#asking ??= this.#gateway.newProducerId(deadlineMs).finally(() => {
      this.#asking = null;
    });
    const producerId = await this.#asking;
    if (producerId === this.#producerId) return;
    this.#producerId = producerId;
    this.#nextEpoch = 0;
  }
}
