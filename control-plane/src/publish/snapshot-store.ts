/** Stored snapshots in a NATS bucket: parts, a pointer to the newest, and the two before it. */
import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV, KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import type { SnapshotPointer } from '@respool/contracts/follow';
import type { Snapshot } from '@respool/contracts/snapshot';
import {
  decodeSnapshot,
  encodeSnapshot,
  readSnapshotPointer,
  snapshotKeptKey,
  snapshotPartKey,
  snapshotPointerKey,
  UnreadableSnapshot,
  writeSnapshotPointer,
} from '@respool/contracts/snapshot-codec';
import { snapshotBucket } from '@respool/contracts/subjects';
import { openBucket } from './bucket.ts';

const keptMax = 3;
const pointerTriesMax = 5;
const answerMsMax = 5_000;
const stream = `KV_${snapshotBucket}`;
const subjectOf = (key: string): string => `$KV.${snapshotBucket}.${key}`;

export class SnapshotStore {
  readonly #bucket: KV;
  readonly #manager: JetStreamManager;
  readonly #warn: (message: string, cause: unknown) => void;

  private constructor(
    bucket: KV,
    manager: JetStreamManager,
    warn: (message: string, cause: unknown) => void,
  ) {
    this.#bucket = bucket;
    this.#manager = manager;
    this.#warn = warn;
  }

  /** Opens the bucket, creating it with `replicas` when it is absent. */
  static async open(
    connection: NatsConnection,
    replicas: number,
    warn: (message: string, cause: unknown) => void,
  ): Promise<SnapshotStore> {
    const { bucket, manager } = await openBucket(connection, snapshotBucket, replicas, answerMsMax);
    return new SnapshotStore(bucket, manager, warn);
  }

  /** Pointer to the newest snapshot; null when there is none this build can read. */
  async latest(): Promise<SnapshotPointer | null> {
    return this.#pointerOf(await this.#bucket.get(snapshotPointerKey));
  }

  /**
   * Stores `snapshot` and resolves with the sequence of the newest one stored then, which is a
   * later one when another control plane was faster. Writers of the same sequence write the same
   * bytes.
   */
  async write(snapshot: Snapshot): Promise<number> {
    const first = await this.latest();
    if (first !== null && first.logId === snapshot.logId && first.sequence >= snapshot.sequence) {
      return first.sequence;
    }
    // What another log left behind would be taken for the newest of this one.
    if (first !== null && first.logId !== snapshot.logId) await this.#manager.streams.purge(stream);
    const { pointer, parts } = await encodeSnapshot(snapshot);
    for (const [place, part] of parts.entries()) {
      await this.#bucket.put(snapshotPartKey(pointer.sequence, place), part);
    }
    await this.#bucket.put(snapshotKeptKey(pointer.sequence), writeSnapshotPointer(pointer));
    const newest = await this.#point(pointer);
    await this.#forgetOld(newest);
    return newest;
  }

  /** The newest readable snapshot at or before `atMost`; a damaged one is passed over. */
  async nearest(atMost: number): Promise<Snapshot | null> {
    for (const sequence of await this.#kept()) {
      if (sequence > atMost) continue;
      try {
        return await this.#read(sequence);
      } catch (error) {
        if (!(error instanceof UnreadableSnapshot)) throw error;
        this.#warn(`the snapshot of sequence ${sequence} cannot be read`, error);
      }
    }
    return null;
  }

  /** Moves the pointer on by compare-and-set; it never goes back. */
  async #point(pointer: SnapshotPointer): Promise<number> {
    const bytes = writeSnapshotPointer(pointer);
    for (let tries = 0; ; tries++) {
      const entry = await this.#bucket.get(snapshotPointerKey);
      const current = this.#pointerOf(entry);
      const isLater = current !== null && current.sequence >= pointer.sequence;
      if (isLater && current.logId === pointer.logId) return current.sequence;
      try {
        if (entry === null) await this.#bucket.create(snapshotPointerKey, bytes);
        else await this.#bucket.update(snapshotPointerKey, bytes, entry.revision);
        return pointer.sequence;
      } catch (error) {
        if (!isConflict(error) || tries >= pointerTriesMax) throw error;
      }
    }
  }

  async #read(sequence: number): Promise<Snapshot> {
    const entry = await this.#bucket.get(snapshotKeptKey(sequence));
    if (entry === null) throw new UnreadableSnapshot('its pointer is gone');
    const pointer = readSnapshotPointer(entry.value);
    const parts: Uint8Array[] = [];
    for (let place = 0; place < pointer.parts; place++) {
      const part = await this.#bucket.get(snapshotPartKey(sequence, place));
      if (part === null) throw new UnreadableSnapshot(`part ${place} is gone`);
      parts.push(part.value);
    }
    return decodeSnapshot(pointer, parts);
  }

  /** Keeps the newest three up to the pointer; purging leaves no delete markers behind. */
  async #forgetOld(newest: number): Promise<void> {
    const old = (await this.#kept()).filter((sequence) => sequence <= newest).slice(keptMax);
    for (const sequence of old) {
      const keptKey = snapshotKeptKey(sequence);
      await this.#manager.streams.purge(stream, { filter: subjectOf(keptKey) });
      await this.#manager.streams.purge(stream, { filter: subjectOf(`${sequence}.*`) });
    }
  }

  /** Sequences of kept snapshots, newest first. */
  async #kept(): Promise<number[]> {
    const options = { subjects_filter: subjectOf(snapshotKeptKey('*')) };
    const info = await this.#manager.streams.info(stream, options);
    return Object.keys(info.state.subjects ?? {})
      .map((subject) => Number(subject.slice(subject.lastIndexOf('.') + 1)))
      .sort((a, b) => b - a);
  }

  #pointerOf(entry: KvEntry | null): SnapshotPointer | null {
    if (entry === null || entry.operation !== 'PUT') return null;
    try {
      return readSnapshotPointer(entry.value);
    } catch (error) {
      if (!(error instanceof UnreadableSnapshot)) throw error;
      this.#warn('the pointer to the newest snapshot cannot be read', error);
      return null;
    }
  }
}

function isConflict(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence
  );
}
