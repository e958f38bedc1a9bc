/** Signed checkpoints in a NATS bucket, one a key, kept for ever. */
import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Checkpoint, checkpoint } from '@respool/contracts/checkpoint';
import { checkpointBucket } from '@respool/contracts/subjects';
import { readBatch } from '../log/direct-read.ts';
import { openBucket } from './bucket.ts';

const answerMsMax = 5_000;
const stream = `KV_${checkpointBucket}`;

/** What stands in the bucket under a sequence is not a checkpoint, or is one of another chain. */
export class ForeignCheckpoint extends Error {
  override name = 'ForeignCheckpoint';
}

export class CheckpointStore {
  readonly #bucket: KV;
  readonly #manager: JetStreamManager;

  private constructor(bucket: KV, manager: JetStreamManager) {
    this.#bucket = bucket;
    this.#manager = manager;
  }

  /** Opens the bucket, creating it with `replicas` when it is absent. */
  static async open(connection: NatsConnection, replicas: number): Promise<CheckpointStore> {
    const { bucket, manager } = await openBucket(
      connection,
      checkpointBucket,
      replicas,
      answerMsMax,
    );
    return new CheckpointStore(bucket, manager);
  }

  /**
   * Stores it unless one stands there already. Throws {@link ForeignCheckpoint} when that one names
   * another event at the same sequence: then two histories have been signed.
   */
  async write(value: Checkpoint): Promise<void> {
    const key = keyOf(value);
    try {
      await this.#bucket.create(key, JSON.stringify(value));
    } catch (error) {
      const isTaken =
        error instanceof JetStreamApiError &&
        error.code === JetStreamApiCodes.StreamWrongLastSequence;
      if (!isTaken) throw error;
      const entry = await this.#bucket.get(key);
      const other = entry === null ? null : readCheckpoint(entry.value);
      if (other?.hash === value.hash && other.logId === value.logId) return;
      throw new ForeignCheckpoint(`another event was signed at sequence ${value.sequence}`);
    }
  }

  /** All of them, in no particular order. Throws {@link ForeignCheckpoint} on what is none. */
  async *all(signal: AbortSignal): AsyncIterable<Checkpoint> {
    const info = await this.#manager.streams.info(stream);
    for (let next = Math.max(1, info.state.first_seq); next <= info.state.last_seq; ) {
      const batch = await readBatch(this.#manager, stream, next, Infinity, signal);
      for (const { sequence, bytes } of batch) {
        next = sequence + 1;
        if (bytes.length > 0) yield readCheckpoint(bytes);
      }
      if (batch.length === 0) return;
    }
  }
}

/** Keys of different signers do not meet, so that a change of key needs no ceremony here. */
function keyOf({ kid, sequence }: Checkpoint): string {
  return `${kid}.${sequence}`;
}

function readCheckpoint(bytes: Uint8Array): Checkpoint {
  try {
    return checkpoint.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw new ForeignCheckpoint('not a checkpoint', { cause: error });
  }
}
