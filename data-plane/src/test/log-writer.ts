/** Writes a log as the control plane does: chained events, live republish, heads, snapshots, keys. */
import { randomUUID } from 'node:crypto';
import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type NatsConnection, headers as newHeaders } from '@nats-io/transport-node';
import { hashOf } from '@respool/contracts/chain';
import type { Tenant } from '@respool/contracts/entities';
import {
  type EntityChange,
  type Event,
  genesisHash,
  readEvent,
  writeEvent,
} from '@respool/contracts/events';
import { type TenantId, tenantId } from '@respool/contracts/ids';
import { emptySnapshot, project } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import {
  encodeSnapshot,
  snapshotPartKey,
  snapshotPointerKey,
  writeSnapshotPointer,
} from '@respool/contracts/snapshot-codec';
import {
  headSubject,
  keyBucket,
  logStream,
  logSubject,
  logSubjects,
  snapshotBucket,
} from '@respool/contracts/subjects';

export class LogWriter {
  readonly #nc: NatsConnection;
  readonly #js: JetStreamClient;
  /** The true end of the log: what every proxy must come to. */
  state: Snapshot = emptySnapshot;
  /** Stored bytes by sequence − 1. */
  readonly stored: Uint8Array[] = [];

  private constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#js = jetstream(nc);
  }

  /** Makes the stream; `live` false leaves out the republish, so that the test sends live messages. */
  static async create(nc: NatsConnection, live = true, buckets = true): Promise<LogWriter> {
    const writer = await LogWriter.#onNewStream(nc, live, buckets);
    await writer.append({
      type: 'LogCreated',
      version: 1,
      logId: randomUUID(),
      ...writer.#envelope(),
    });
    return writer;
  }

  /** A log that holds these events already, byte for byte, as an earlier build wrote them. */
  static async holding(nc: NatsConnection, stored: readonly Uint8Array[]): Promise<LogWriter> {
    const writer = await LogWriter.#onNewStream(nc, true, true);
    for (const bytes of stored) await writer.#store(bytes);
    return writer;
  }

  static async #onNewStream(
    nc: NatsConnection,
    live: boolean,
    buckets: boolean,
  ): Promise<LogWriter> {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({
      name: logStream,
      subjects: [logSubjects],
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
      ...(live ? { republish: { src: logSubjects, dest: 'respool.live.>' } } : {}),
    });
    for (const bucket of buckets ? [snapshotBucket, keyBucket] : []) {
      await new Kvm(nc).create(bucket, { history: 1, allow_direct: true });
    }
    return new LogWriter(nc);
  }

  /** Appends one change-set; returns its sequence. */
  async change(...changes: EntityChange[]): Promise<number> {
    return this.append({ type: 'ConfigurationChanged', version: 2, changes, ...this.#envelope() });
  }

  /** Puts a tenant; the description makes each event differ. */
  async putTenant(id: string, description = ''): Promise<number> {
    const after = tenantIn(tenantId.parse(id), description);
    return this.change({ op: 'put', kind: 'tenant', id, after } as EntityChange);
  }

  /** Puts many tenants in one event, 256 bytes of description each. */
  async putTenants(count: number): Promise<number> {
    const changes = Array.from({ length: count }, (_, n) => {
      const id = tenantId.parse(`t${n}`);
      const after = tenantIn(id, 'x'.repeat(256));
      return { op: 'put', kind: 'tenant', id, after } as EntityChange;
    });
    return this.change(...changes);
  }

  /** Puts a standalone backend whose password is sealed with the key of `keyScope`. */
  async putBackend(id: string, keyScope: string): Promise<number> {
    const password = { cipher: 'aes-256-gcm', keyScope, nonce: '', text: '', tag: '' };
    const common = { id, description: '', username: null, password, tls: null, commands: [] };
    const address = { host: '127.0.0.1', port: 6379 };
    const after = { ...common, kind: 'standalone', address, databases: 16 };
    return this.change({ op: 'put', kind: 'backend', id, after } as unknown as EntityChange);
  }

  async append(event: Event): Promise<number> {
    return this.#store(writeEvent(event));
  }

  async #store(bytes: Uint8Array): Promise<number> {
    const { sequence } = this.state;
    const subject = logSubject(null);
    const ack = await this.#js.publish(subject, bytes, { expect: { lastSequence: sequence } });
    this.stored.push(bytes);
    const stored = { sequence: ack.seq, hash: hashOf(bytes), event: readEvent(bytes) };
    this.state = project(this.state, stored);
    return ack.seq;
  }

  /** Appends bytes as they are, such as an event from the future; `state` stays behind. */
  async appendRaw(value: object): Promise<number> {
    const bytes = Buffer.from(JSON.stringify({ ...this.#envelope(), ...value }));
    return (await this.#js.publish(logSubject(null), bytes)).seq;
  }

  /** What the control plane says each second. */
  async head(said: Partial<Snapshot> = {}): Promise<void> {
    const { logId, sequence, hash } = { ...this.state, ...said };
    this.#nc.publish(headSubject, JSON.stringify({ logId, sequence, hash }));
    await this.#nc.flush();
  }

  /** A live message as JetStream republishes it; for writers made without republish. */
  live(sequence: number, bytes = this.stored[sequence - 1] ?? new Uint8Array()): void {
    const headers = newHeaders();
    headers.set('Nats-Stream', logStream);
    headers.set('Nats-Sequence', String(sequence));
    this.#nc.publish('respool.live._global', bytes, { headers });
  }

  async snapshot(): Promise<void> {
    const { pointer, parts } = await encodeSnapshot(this.state);
    const bucket = await new Kvm(this.#nc).open(snapshotBucket);
    for (const [part, bytes] of parts.entries()) {
      await bucket.put(snapshotPartKey(pointer.sequence, part), bytes);
    }
    await bucket.put(snapshotPointerKey, writeSnapshotPointer(pointer));
  }

  async key(scope: string, wrapped: Uint8Array | null): Promise<void> {
    const bucket = await new Kvm(this.#nc).open(keyBucket);
    if (wrapped === null) await bucket.purge(scope);
    else await bucket.put(scope, wrapped);
  }

  #envelope() {
    const prev = this.state.sequence === 0 ? genesisHash : this.state.hash;
    return {
      requestId: randomUUID(),
      at: new Date().toISOString(),
      actor: 'test',
      reason: '',
      prev,
    };
  }
}

function tenantIn(id: TenantId, description: string): Tenant {
  return { id, enabled: true, isolation: { mode: 'db' }, description, crossSlot: 'emulate' };
}
