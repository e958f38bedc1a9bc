/** Start from the disk cache, then follow the log for ever: fold each event, apply, say where we are. */

import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '@respool/contracts/clock';
import type { Ack } from '@respool/contracts/follow';
import type { Snapshot } from '@respool/contracts/snapshot';
import { ackSubject } from '@respool/contracts/subjects';
import type { Logger } from 'pino';
import type { ProcessCounters } from '../observe/observe.ts';
import { type Applier, ApplyQueue, type Rejection } from './apply-queue.ts';
import { type Cached, DiskCache } from './disk-cache.ts';
import { KeyReader } from './key-reader.ts';
import { Link, messageOf, type NatsSettings } from './link.ts';
import { LogReader } from './log-reader.ts';
import { Tail } from './tail.ts';
import { type Fault, Watch } from './watch.ts';

export interface FollowOptions {
  readonly nats: NatsSettings;
  /** 1 to 64 of A-Z a-z 0-9 _ -; names this proxy's ack subject and inbox. */
  readonly proxyId: string;
  /** Folder of the disk cache; null keeps none. */
  readonly cacheFolder: string | null;
  readonly applier: Applier;
  readonly counters: ProcessCounters;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * `starting`: nothing to serve with yet. `warming` and `rejected`: the state before is still
 * served. `alarm`: the log is another, shorter or broken; what was applied last is served on.
 */
export type FollowState = 'starting' | 'serving' | 'warming' | 'rejected' | 'alarm';

export interface FollowStatus {
  readonly state: FollowState;
  readonly connected: boolean;
  /** What the hot path serves with; empty and 0 before the first state. */
  readonly logId: string;
  readonly sequence: number;
  readonly hash: string;
  /** The sequence being warmed or that was rejected; equal to `sequence` when all is applied. */
  readonly target: number;
  readonly error: Rejection | null;
  /** Unix ms since when the end of the log is not known; null while it is. */
  readonly staleSinceMs: number | null;
}

const heartbeatMs = 2000;
const proxyIdRule = /^[A-Za-z0-9_-]{1,64}$/;

/**
 *     disk cache ─┐
 *     snapshot ───┼► Tail ──► ApplyQueue ──► Applier ──► the hot path
 *     log ────────┤    ▲          │
 *     live, head ─┘  Watch        └─► disk cache, ack
 */
export class Follower {
  readonly #options: FollowOptions;
  readonly #startedAt: string;
  readonly #ended = new AbortController();
  readonly #tail = new Tail();
  readonly #cache: DiskCache;
  readonly #keys: KeyReader;
  readonly #queue: ApplyQueue;
  readonly #watch: Watch;
  readonly #link: Link;
  #cancelHeartbeat: () => void = () => {};
  #lastAck = '';

  /**
   * Resolves once the state of the disk cache is served or rejected, at once when there is none;
   * the rest happens in the background, for ever. Throws only for a `proxyId` that cannot be one.
   */
  static async start(options: FollowOptions): Promise<Follower> {
    if (!proxyIdRule.test(options.proxyId)) {
      throw new RangeError('a proxy id is 1 to 64 of A-Z, a-z, 0-9, underscore and hyphen');
    }
    const { cacheFolder: folder, clock, logger } = options;
    const cache = new DiskCache({ folder, clock, logger });
    const cached = await cache.load();
    const follower = new Follower(options, cache, cached);
    if (cached !== null) await follower.#queue.offer(cached.snapshot);
    return follower;
  }

  private constructor(options: FollowOptions, cache: DiskCache, cached: Cached | null) {
    this.#options = options;
    this.#cache = cache;
    const { clock, logger, counters, applier, nats, proxyId } = options;
    this.#startedAt = new Date(clock.now()).toISOString();
    const tail = this.#tail;
    if (cached !== null) tail.rebase(cached.snapshot);
    const reader = new LogReader(clock, () => this.#link.connection);
    const tell = (): void => this.#tell();
    this.#keys = new KeyReader({
      reader,
      clock,
      signal: this.#ended.signal,
      known: cached?.keys ?? new Map(),
      onChange: () => this.#save(),
    });
    this.#queue = new ApplyQueue({
      applier,
      keys: this.#keys,
      clock,
      logger,
      onChange: tell,
      onServed: (state) => this.#served(state, cached?.snapshot ?? null),
      onRejected: () => {
        counters.snapshotsRejected += 1;
      },
    });
    this.#watch = new Watch({
      reader,
      tail,
      clock,
      logger,
      onFolded: () => this.#offer(),
      onChange: tell,
      onAlarm: () => {
        counters.logAlarms += 1;
      },
    });
    this.#link = new Link({
      nats,
      proxyId,
      clock,
      logger,
      onConnection: (nc) => this.#watch.attach(nc),
      onUp: () => {
        this.#watch.up();
        this.#acknowledge();
      },
      onDown: () => this.#watch.down(),
    });
    this.#beat();
  }

  status(): FollowStatus {
    const { served, target, rejection } = this.#queue;
    const { fault, staleSinceMs } = this.#watch;
    const { logId, sequence, hash } = served ?? { logId: '', sequence: 0, hash: '' };
    const connected = this.#link.connection !== null;
    const base = { connected, logId, sequence, hash, staleSinceMs };
    if (fault?.kind === 'alarm') {
      return { ...base, state: 'alarm', target: fault.sequence, error: reasonOf(fault) };
    }
    if (target !== null) {
      const state = rejection === null ? 'warming' : 'rejected';
      return { ...base, state, target: target.sequence, error: rejection };
    }
    if (fault !== null) {
      return { ...base, state: 'rejected', target: fault.sequence, error: reasonOf(fault) };
    }
    return {
      ...base,
      state: served === null ? 'starting' : 'serving',
      target: sequence,
      error: null,
    };
  }

  /** To NATS while it answers, for whoever asks others; null otherwise. */
  get connection(): NatsConnection | null {
    return this.#link.connection;
  }

  /** Keys of sealed backend passwords, also for whoever opens connections later. */
  get keys(): KeyReader {
    return this.#keys;
  }

  /** Ends everything this started; the disk cache is written to its end. */
  async stop(): Promise<void> {
    this.#ended.abort();
    this.#cancelHeartbeat();
    await this.#watch.stop();
    await this.#queue.stop();
    await this.#link.stop();
    await this.#cache.stop();
  }

  #offer(): void {
    const { state } = this.#tail;
    if (state.sequence > 0) void this.#queue.offer(state);
  }

  #served(state: Snapshot, cached: Snapshot | null): void {
    const { counters } = this.#options;
    counters.snapshotSequence = state.sequence;
    counters.snapshotSwaps += 1;
    if (state !== cached) this.#save();
  }

  #save(): void {
    const snapshot = this.#queue.served;
    if (snapshot === null) return;
    this.#cache.save(() => {
      const newest = this.#queue.served ?? snapshot;
      return { snapshot: newest, keys: this.#keys.keysOf(newest) };
    });
  }

  /** Says where we stand, when that is news. */
  #tell(): void {
    const { state, sequence, target, error } = this.status();
    const said = JSON.stringify([state, sequence, target, error]);
    if (said !== this.#lastAck) this.#acknowledge();
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#options.clock.after(heartbeatMs, () => {
      this.#acknowledge();
      this.#beat();
    });
  }

  #acknowledge(): void {
    const nc = this.#link.connection;
    if (nc === null) return;
    const { proxyId, clock, logger } = this.#options;
    const { state, logId, sequence, hash, target, error } = this.status();
    const ack: Ack = {
      proxyId,
      logId,
      sequence,
      hash,
      status: ackStatusOf(state),
      target,
      error,
      at: new Date(clock.now()).toISOString(),
      startedAt: this.#startedAt,
    };
    this.#lastAck = JSON.stringify([state, sequence, target, error]);
    try {
      nc.publish(ackSubject(proxyId), JSON.stringify(ack));
    } catch (failure) {
      logger.debug({ reason: messageOf(failure) }, 'cannot acknowledge');
    }
  }
}

function reasonOf({ field, message }: Fault): Rejection {
  return { field, message };
}

function ackStatusOf(state: FollowState): Ack['status'] {
  switch (state) {
    case 'serving':
      return 'applied';
    case 'starting':
    case 'warming':
      return 'warming';
    case 'rejected':
    case 'alarm':
      return 'rejected';
    default:
      return state satisfies never;
  }
}
