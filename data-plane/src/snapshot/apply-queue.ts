/** One state at a time is taken into service; the newest offered is always the next. */

import type { Clock } from '@respool/contracts/clock';
import type { Snapshot } from '@respool/contracts/snapshot';
import type { Logger } from 'pino';
import { backoffMs } from './clock.ts';
import type { KeyReader } from './key-reader.ts';
import { messageOf } from './link.ts';

/** The hot path cannot serve with a state: the old one stays. */
export class RejectedState extends Error {
  override name = 'RejectedState';
  /** Which field is at fault, such as `backends.main.address`; empty when none can be named. */
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** What stands between the log and the hot path. */
export interface Applier {
  /**
   * Warms what is new under its own deadline, then swaps; resolves when the hot path serves with
   * `next`. Throws {@link RejectedState} to keep the old state; it is then tried again from time to
   * time, for a server that was away may come back. Never called twice at once. `signal` aborts when
   * the process stops.
   */
  apply(next: Snapshot, signal: AbortSignal, keys: KeyReader): Promise<void>;
}

export interface Rejection {
  readonly field: string;
  readonly message: string;
}

export interface ApplyQueueOptions {
  readonly applier: Applier;
  readonly keys: KeyReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called after every change of `served`, `target` or `rejection`. */
  readonly onChange: () => void;
  readonly onServed: (state: Snapshot) => void;
  readonly onRejected: () => void;
}

const retryFirstMs = 1000;
const retryMsMax = 30_000;

export class ApplyQueue {
  readonly #options: ApplyQueueOptions;
  readonly #ended = new AbortController();
  #served: Snapshot | null = null;
  #target: Snapshot | null = null;
  #rejection: Rejection | null = null;
  #refusals = 0;
  #cancelRetry: () => void = () => {};
  #running: Promise<void> | null = null;

  constructor(options: ApplyQueueOptions) {
    this.#options = options;
  }

  /** What the hot path serves with. */
  get served(): Snapshot | null {
    return this.#served;
  }

  /** The newest state offered and not served yet. */
  get target(): Snapshot | null {
    return this.#target;
  }

  /** Why the target is not served; null while it is still being warmed. */
  get rejection(): Rejection | null {
    return this.#rejection;
  }

  /** `next` supersedes whatever waits. Resolves when this round of applying is over. */
  offer(next: Snapshot): Promise<void> {
    const newest = this.#target ?? this.#served;
    const stopped = this.#ended.signal.aborted;
    if (stopped || (newest !== null && next.sequence <= newest.sequence)) {
      return this.#running ?? Promise.resolve();
    }
    this.#target = next;
    this.#rejection = null;
    this.#refusals = 0;
    return this.#start();
  }

  /** Resolves when the apply under way, if any, has answered its aborted signal. */
  async stop(): Promise<void> {
    this.#ended.abort();
    this.#cancelRetry();
    await this.#running;
  }

  #start(): Promise<void> {
    this.#cancelRetry();
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Ends when the newest state is served or rejected; a newer one offered meanwhile comes next. */
  async #run(): Promise<void> {
    const { applier, keys, logger, onChange } = this.#options;
    while (this.#target !== null && !this.#ended.signal.aborted) {
      const next = this.#target;
      onChange();
      try {
        await applier.apply(next, this.#ended.signal, keys);
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        if (!(error instanceof RejectedState)) logger.error({ err: error }, 'applying failed');
        if (this.#target === next) return this.#reject(next, error);
        continue;
      }
      this.#served = next;
      this.#refusals = 0;
      this.#rejection = null;
      if (this.#target === next) this.#target = null;
      logger.info({ sequence: next.sequence }, 'configuration is served');
      this.#options.onServed(next);
    }
    onChange();
  }

  #reject(next: Snapshot, error: unknown): void {
    const { clock, logger, onChange, onRejected } = this.#options;
    const field = error instanceof RejectedState ? error.field : '';
    this.#rejection = { field, message: messageOf(error) };
    this.#refusals += 1;
    const ms = backoffMs(this.#refusals, retryFirstMs, retryMsMax);
    logger.warn(
      { sequence: next.sequence, field, reason: messageOf(error), retryMs: Math.round(ms) },
      'configuration is rejected',
    );
    this.#cancelRetry = clock.after(ms, () => this.#start());
    onRejected();
    onChange();
  }
}
