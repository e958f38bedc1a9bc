/** One control plane's copy of the head state, kept level with the log, checked event by event. */
import { readStored } from '@respool/contracts/chain';
import type { Clock } from '@respool/contracts/clock';
import type { StoredEvent } from '@respool/contracts/events';
import { emptySnapshot, Fold } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { isCorruption, LogCorrupt } from './corruption.ts';
import {
  type NearestSnapshot,
  readEvents,
  readTail,
  SequenceInFuture,
  sequenceAtTime,
  stateAt,
  Waypoints,
} from './history.ts';
import { type EventLog, LogUnreachable } from './log.ts';
import { pause, sleep, within } from './patience.ts';
import { RecentEvents } from './recent-events.ts';
import {
  idempotencyMsMax,
  indexedEventsMax,
  type KnownKey,
  RequestIndex,
} from './request-index.ts';

/** What a change is decided on. The indexes are live and may know more than the snapshot. */
export interface LogState {
  readonly snapshot: Snapshot;
  readonly idempotency: ReadonlyMap<string, KnownKey>;
  /** Sequence of the event with this request id, if it was written within the last day. */
  hasRequest(requestId: string): number | undefined;
}

export interface LogHealth {
  readonly reachable: boolean;
  /** What is wrong with the log, in words for the operator; null while it is sound. */
  readonly corrupt: string | null;
  readonly sequence: number;
}

export interface LogFollowerOptions {
  readonly clock: Clock;
  /** Deadline of the start. */
  readonly signal: AbortSignal;
  /** How often to look without being told; a lost last live message is noticed after that. */
  readonly pollMs?: number;
  readonly nearestSnapshot?: NearestSnapshot;
  /** Told what went wrong where nobody waits for an answer. */
  readonly warn?: (message: string, cause: unknown) => void;
}

export type AdvanceListener = (stored: StoredEvent, snapshot: Snapshot) => void;

const pullMsMax = 5_000;
const secondLookMs = 500;

export class LogFollower {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #nearestSnapshot: NearestSnapshot;
  readonly #warn: (message: string, cause: unknown) => void;
  readonly #index: RequestIndex;
  readonly #recent = new RecentEvents();
  readonly #waypoints = new Waypoints();
  readonly #listeners = new Set<AdvanceListener>();
  readonly #pullEnds = new Set<() => void>();
  readonly #closing = new AbortController();
  /** While nobody looks, as at the start, a whole batch is folded without a copy an event. */
  #fold = new Fold(emptySnapshot);
  #corrupt: string | null = null;
  #pulled = true;
  #isDirty = false;
  #isPulling = false;
  #running = Promise.resolve();
  #unwatch = (): void => {};
  #cancelPoll = (): void => {};

  private constructor(log: EventLog, options: LogFollowerOptions) {
    this.#log = log;
    this.#clock = options.clock;
    this.#pollMs = options.pollMs ?? 1_000;
    this.#nearestSnapshot = options.nearestSnapshot ?? (async () => null);
    this.#warn = options.warn ?? (() => {});
    this.#index = new RequestIndex(options.clock);
  }

  /**
   * Resolves level with the head. Throws LogUnreachable at the deadline. A corrupt log is no error
   * here: what is sound of it is served, and {@link health} tells.
   */
  static async start(log: EventLog, options: LogFollowerOptions): Promise<LogFollower> {
    const follower = new LogFollower(log, options);
    await follower.#startFromSnapshot(options.signal);
    try {
      await follower.#pull(options.signal);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      follower.#markCorrupt(error);
    }
    follower.#unwatch = log.watch(() => follower.#wake());
    follower.#poll();
    return follower;
  }

  state(): LogState {
    this.#index.prune();
    return {
      snapshot: this.#fold.snapshot(),
      idempotency: this.#index.keys,
      hasRequest: (requestId) => this.#index.sequenceOf(requestId),
    };
  }

  /** The state once it has reached `atLeast`. Throws LogUnreachable at the deadline, LogCorrupt. */
  async catchUp(atLeast: number, signal: AbortSignal): Promise<LogState> {
    for (let tries = 0; this.#fold.sequence < atLeast; tries++) {
      // The pull that ended first may have begun before the event was there: look again at once.
      if (tries > 1) await pause(tries - 2, signal);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#pullEnds.add(resolve);
      this.#wake();
      try {
        await within(signal, promise);
      } finally {
        this.#pullEnds.delete(resolve);
      }
      if (this.#fold.sequence >= atLeast) break;
      if (this.#corrupt !== null) throw new LogCorrupt(this.#corrupt);
      if (this.#closing.signal.aborted) throw new LogUnreachable('the follower was stopped');
    }
    return this.state();
  }

  /**
   * An event the log has just acknowledged to this process, so that nobody waits for it to be read
   * back. The next pull still compares it with what is stored. Ignored unless it is the next one.
   */
  offer(sequence: number, bytes: Uint8Array): void {
    if (sequence !== this.#fold.sequence + 1 || this.#corrupt !== null) return;
    this.#apply(readStored(sequence, bytes), bytes.length);
  }

  /** Called for each later event, in order, once the state includes it. Returns the end of it. */
  onAdvance(listener: AdvanceListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  health(): LogHealth {
    return {
      reachable: this.#pulled && this.#log.reachable(),
      corrupt: this.#corrupt,
      sequence: this.#fold.sequence,
    };
  }

  /** The state after event `sequence`, 0 for the empty one. Throws SequenceInFuture. */
  async stateAt(sequence: number, signal: AbortSignal): Promise<Snapshot> {
    const now = this.#fold;
    if (sequence > now.sequence) {
      throw new SequenceInFuture(`sequence ${sequence} is beyond the head, ${now.sequence}`);
    }
    if (sequence === now.sequence) return now.snapshot();
    const base = this.#waypoints.nearest(sequence);
    return stateAt(this.#log, base, this.#nearestSnapshot, sequence, signal);
  }

  /** The state after the last event written at or before an ISO 8601 time. */
  async stateAtTime(iso: string, signal: AbortSignal): Promise<Snapshot> {
    const time = Date.parse(iso);
    if (Number.isNaN(time)) throw new RangeError(`not a time: ${iso}`);
    const head = this.#fold.sequence;
    return this.stateAt(await sequenceAtTime(this.#log, head, time, signal), signal);
  }

  /** Events after `after`, at most `limit`, none beyond the state. */
  async eventsBetween(after: number, limit: number, signal: AbortSignal): Promise<StoredEvent[]> {
    const count = Math.min(limit, this.#fold.sequence - after);
    if (count <= 0) return [];
    return this.#recent.after(after, count) ?? readEvents(this.#log, after, count, signal);
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    this.#unwatch();
    this.#cancelPoll();
    await this.#running;
  }

  #poll(): void {
    this.#cancelPoll = this.#clock.after(this.#pollMs, () => {
      this.#wake();
      this.#poll();
    });
  }

  #wake(): void {
    this.#isDirty = true;
    if (!this.#isPulling) this.#running = this.#run();
  }

  async #run(): Promise<void> {
    this.#isPulling = true;
    while (this.#isDirty && !this.#closing.signal.aborted) {
      this.#isDirty = false;
      await this.#pullOrReport();
    }
    this.#isPulling = false;
    for (const end of this.#pullEnds) end();
  }

  async #pullOrReport(): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(pullMsMax)]);
    try {
      await this.#pull(signal);
      this.#pulled = true;
      if (this.#corrupt !== null) this.#warn('the log is sound again', null);
      this.#corrupt = null;
    } catch (error) {
      if (isCorruption(error)) this.#markCorrupt(error);
      else if (!this.#closing.signal.aborted) this.#pulled = false;
    }
    for (const end of this.#pullEnds) end();
  }

  #markCorrupt(error: Error): void {
    this.#pulled = true;
    if (this.#corrupt !== error.message) this.#warn('the log is corrupt', error);
    this.#corrupt = error.message;
  }

  /** Reads from the event applied last, so that a log cut or rewritten is noticed at once. */
  async #pull(signal: AbortSignal): Promise<void> {
    if (await this.#pullOverlapping(signal)) return;
    // A replica that was leader until a moment ago may know less than was acknowledged.
    await sleep(secondLookMs, signal);
    if (await this.#pullOverlapping(signal)) return;
    throw new LogCorrupt(`the log ends before event ${this.#fold.sequence}, applied before`);
  }

  /** false when not even the event applied last is there. */
  async #pullOverlapping(signal: AbortSignal): Promise<boolean> {
    const { sequence: applied, hash } = this.#fold;
    let sawApplied = applied === 0;
    for await (const { sequence, bytes } of this.#log.read(Math.max(0, applied - 1), signal)) {
      const stored = readStored(sequence, bytes);
      if (sequence > applied) {
        this.#applyOrCompare(stored, bytes.length);
      } else if (stored.hash === hash) sawApplied = true;
      else throw new LogCorrupt(`event ${sequence} is not the one applied before`);
    }
    return sawApplied;
  }

  /** What this process offered since the pull began stands here already, and must be the same. */
  #applyOrCompare(stored: StoredEvent, bytes: number): void {
    const { sequence, hash } = this.#fold;
    if (stored.sequence > sequence) this.#apply(stored, bytes);
    else if (stored.sequence === sequence && stored.hash !== hash) {
      throw new LogCorrupt(`event ${sequence} is not the one that was acknowledged`);
    }
  }

  #apply(stored: StoredEvent, bytes: number): void {
    this.#fold.take(stored);
    this.#index.add(stored);
    this.#recent.add(stored, bytes);
    this.#waypoints.add(this.#fold);
    for (const listener of this.#listeners) {
      try {
        listener(stored, this.#fold.snapshot());
      } catch (error) {
        this.#warn('a listener of the log failed', error);
      }
    }
  }

  /** Spares folding what a stored snapshot has folded; the last day's requests are read anyway. */
  async #startFromSnapshot(signal: AbortSignal): Promise<void> {
    const head = await this.#log.head(signal);
    const kept = await this.#nearestSnapshot(head).catch((error: unknown) => {
      this.#warn('no snapshot could be read', error);
      return null;
    });
    if (kept === null) return;
    try {
      const since = this.#clock.now() - idempotencyMsMax;
      const tail = await readTail(this.#log, kept, since, indexedEventsMax, signal);
      for (const stored of tail) this.#index.add(stored);
      this.#fold = new Fold(kept);
      this.#waypoints.add(this.#fold);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      this.#warn('the stored snapshot does not belong to this log', error);
    }
  }
}
