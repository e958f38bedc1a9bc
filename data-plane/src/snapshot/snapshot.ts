/** The one reference the hot path reads, and its swap: warm what is new, compile, replace, retire the old. */
import assert from 'node:assert/strict';
import type { Backend, KafkaBackend, RedisBackend } from '@respool/contracts/entities';
import { openSecret, unwrapDataKey } from '@respool/contracts/secrets';
import type { Snapshot, Versioned } from '@respool/contracts/snapshot';
import type { Logger } from 'pino';
import type { BackendSample } from '../observe/metrics.ts';
import type { Observe } from '../observe/observe.ts';
import type { KafkaSample } from '../observe/queue-metrics.ts';
import type { BackendView, KafkaView, ProxyState } from '../state.ts';
import { type Applier, RejectedState } from './apply-queue.ts';
import { type Compiled, compile, type OpenBackends } from './compile.ts';
import type { KeyReader } from './key-reader.ts';

/** A backend as this stage handles it: opened before it serves, ended after. */
interface Live {
  warm(): Promise<void>;
  retire(deadlineMs: number): Promise<void>;
  close(): void;
}

export interface LiveBackend extends BackendView, Live {
  tick(): void;
  samples(): BackendSample[];
}

export interface LiveKafka extends KafkaView, Live {
  sample(): KafkaSample;
}

export interface SwapOptions {
  readonly masterKey: Buffer;
  readonly open: (spec: RedisBackend, password: string | null) => LiveBackend;
  /**
   * Absent in a proxy without queues: its topics then have no backend. `topics` are Kafka's names
   * of those that are on it now.
   */
  readonly openKafka?: (
    spec: KafkaBackend,
    password: string | null,
    topics: readonly string[],
  ) => LiveKafka | Promise<LiveKafka>;
  /** Called right after the swap: sessions follow, some end. */
  readonly onSwap: (state: ProxyState) => void;
  readonly observe: Observe;
  readonly logger: Logger;
  readonly warmMsMax: number;
  /** How long a replaced backend may take to answer what it owes. */
  readonly retireMsMax: number;
}

interface Opened {
  readonly revision: number;
  readonly backend: LiveBackend | LiveKafka;
}

export const emptyState: ProxyState = {
  logId: '',
  sequence: 0,
  hash: '',
  tenants: new Map(),
  tokens: new Map(),
};

export class SnapshotHolder implements Applier {
  state: ProxyState = emptyState;
  readonly #options: SwapOptions;
  #opened = new Map<string, Opened>();
  #compiled: Compiled | null = null;

  constructor(options: SwapOptions) {
    this.#options = options;
  }

  /** Whether any state is served yet. */
  get serving(): boolean {
    return this.#compiled !== null;
  }

  backends(): LiveBackend[] {
    return [...this.#opened.values()].flatMap(({ backend }) =>
      backend.kind === 'kafka' ? [] : [backend],
    );
  }

  kafkas(): LiveKafka[] {
    return [...this.#opened.values()].flatMap(({ backend }) =>
      backend.kind === 'kafka' ? [backend] : [],
    );
  }

  async apply(next: Snapshot, _signal: AbortSignal, keys: KeyReader): Promise<void> {
    const opened = await this.#openAll(next, keys);
    const fresh = [...opened].filter(([id, one]) => this.#opened.get(id) !== one);
    await this.#warmAll(fresh, opened);
    const views: OpenBackends = new Map([...opened].map(([id, one]) => [id, one.backend]));
    const { observe, onSwap } = this.#options;
    this.#compiled = compile(next, views, (tenant) => observe.meter(tenant), this.#compiled);
    const old = this.#opened;
    this.#opened = opened;
    this.state = this.#compiled.state;
    observe.counters.snapshotSequence = next.sequence;
    observe.counters.snapshotSwaps++;
    onSwap(this.state);
    this.#retire(old, opened);
  }

  /** Every record that was pushed is stored or refused, or `ms` have passed. */
  async drain(ms: number): Promise<void> {
    await Promise.all(this.kafkas().map((kafka) => kafka.retire(ms)));
  }

  close(): void {
    for (const { backend } of this.#opened.values()) backend.close();
  }

  /** Backends in use: others are not dialled, so they cannot hold a change up. */
  async #openAll(next: Snapshot, keys: KeyReader): Promise<Map<string, Opened>> {
    const opened = new Map<string, Opened>();
    for (const [id, user] of usedBackends(next, this.#options.openKafka !== undefined)) {
      const spec = next.backends[id];
      if (spec === undefined)
        throw new RejectedState(`backends.${id}`, `a ${user} names it, but it is not there`);
      if ((spec.value.kind === 'kafka') !== (user === 'topic'))
        throw new RejectedState(`backends.${id}.kind`, `a ${user} cannot lead to it`);
      const known = this.#opened.get(id);
      if (known?.revision === spec.revision && next.logId === this.state.logId)
        opened.set(id, known);
      else opened.set(id, await this.#open(next, spec, keys));
    }
    return opened;
  }

  async #open(next: Snapshot, spec: Versioned<Backend>, keys: KeyReader): Promise<Opened> {
    const { revision, value } = spec;
    const password = await this.#passwordOf(next.logId, value, keys);
    const { open, openKafka } = this.#options;
    if (value.kind !== 'kafka') return { revision, backend: open(value, password) };
    assert(openKafka !== undefined, 'a Kafka backend is in use only where it can be opened');
    try {
      const backend = await openKafka(value, password, topicsOn(next, value.id));
      return { revision, backend };
    } catch (error) {
      const message = `cannot be opened: ${(error as Error).message}`;
      throw new RejectedState(`backends.${value.id}`, message);
    }
  }

  async #passwordOf(logId: string, spec: Backend, keys: KeyReader): Promise<string | null> {
    const sealed = spec.password;
    if (sealed === null) return null;
    const field = `backends.${spec.id}.password`;
    try {
      const wrapped = await keys.wrappedKey(sealed.keyScope);
      if (wrapped === null) throw new Error(`its key ${sealed.keyScope} is gone`);
      const dataKey = unwrapDataKey(this.#options.masterKey, sealed.keyScope, wrapped);
      return openSecret(
        dataKey,
        { logId, kind: 'backend', id: spec.id, field: 'password' },
        sealed,
      );
    } catch (error) {
      throw new RejectedState(field, `cannot be opened: ${(error as Error).message}`);
    }
  }

  /**
   * The first state of a process is served even when a backend does not answer: the others' clients
   * should not wait for it. Later a backend that cannot be reached is a reason to keep what works.
   */
  async #warmAll(fresh: [string, Opened][], opened: Map<string, Opened>): Promise<void> {
    const { logger, warmMsMax } = this.#options;
    const failures: RejectedState[] = [];
    await Promise.all(
      fresh.map(async ([id, { backend }]) => {
        try {
          await within(backend.warm(), warmMsMax);
        } catch (error) {
          const message = `backend does not answer: ${(error as Error).message}`;
          failures.push(new RejectedState(`backends.${id}`, message));
        }
      }),
    );
    const [first] = failures;
    if (first === undefined) return;
    if (this.serving) {
      for (const [id, { backend }] of fresh) {
        opened.delete(id);
        backend.close();
      }
      throw first;
    }
    for (const failure of failures) logger.warn({ field: failure.field }, failure.message);
  }

  #retire(old: Map<string, Opened>, now: Map<string, Opened>): void {
    for (const [id, one] of old) {
      if (now.get(id) !== one) void one.backend.retire(this.#options.retireMsMax);
    }
  }
}

/** Kafka's names of the topics on a backend. */
function topicsOn({ tenants }: Snapshot, backend: string): string[] {
  const all = Object.values(tenants).flatMap(({ topics }) => Object.values(topics));
  return all.flatMap(({ value }) => (value.backend === backend ? [value.kafkaName] : []));
}

/** By backend, what names it. */
function usedBackends(next: Snapshot, queues: boolean): Map<string, 'route' | 'topic'> {
  const used = new Map<string, 'route' | 'topic'>();
  for (const { routes, topics } of Object.values(next.tenants)) {
    for (const { value } of Object.values(routes)) used.set(value.backend, 'route');
    if (!queues) continue;
    for (const { value } of Object.values(topics)) used.set(value.backend, 'topic');
  }
  return used;
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
