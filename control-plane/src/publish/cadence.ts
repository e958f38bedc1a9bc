/** When to store what follows from the log: every so many events, or some time after a change. */

import type { Clock } from '@respool/contracts/clock';
import type { Snapshot } from '@respool/contracts/snapshot';

export interface CadenceOptions {
  readonly clock: Clock;
  readonly everyEvents: number;
  /** Longest wait between a change and the act that covers it. */
  readonly afterMs: number;
  /** Stores what belongs to this state; resolves with the sequence that is covered now. */
  readonly act: (snapshot: Snapshot) => Promise<number>;
  readonly warn: (cause: unknown) => void;
}

const retryMs = 10_000;

/** Acts one at a time, always on the newest state; a failed act is tried again. */
export class Cadence {
  readonly #options: CadenceOptions;
  #newest: Snapshot | null = null;
  #covered: number;
  #cancel: (() => void) | null = null;
  #acting: Promise<void> | null = null;
  #hasFailed = false;
  #isStopped = false;

  /** `covered` is the sequence up to which nothing needs to be done. */
  constructor(covered: number, options: CadenceOptions) {
    this.#covered = covered;
    this.#options = options;
  }

  advance(snapshot: Snapshot): void {
    this.#newest = snapshot;
    if (this.#acting !== null) return;
    const open = snapshot.sequence - this.#covered;
    if (open >= this.#options.everyEvents) this.#start();
    else if (open > 0) this.#wait(this.#options.afterMs);
  }

  /** Resolves when the act under way, if any, is over. */
  async settled(): Promise<void> {
    await this.#acting;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#acting;
  }

  #wait(ms: number): void {
    if (this.#isStopped) return;
    this.#cancel ??= this.#options.clock.after(ms, () => {
      this.#cancel = null;
      this.#start();
    });
  }

  #start(): void {
    if (this.#isStopped || this.#acting !== null) return;
    // While a retry is pending, changes do not hurry it.
    if (this.#cancel !== null && this.#hasFailed) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#acting = this.#run();
  }

  async #run(): Promise<void> {
    const snapshot = this.#newest;
    try {
      if (snapshot !== null) {
        this.#covered = Math.max(this.#covered, await this.#options.act(snapshot));
      }
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      this.#options.warn(error);
    }
    this.#acting = null;
    if (this.#hasFailed) this.#wait(retryMs);
    else if (this.#newest !== null) this.advance(this.#newest);
  }
}
