/** The event log in memory, for tests: same contract as the real one, and it fails when told to. */
import assert from 'node:assert/strict';
import { eventBytesMax } from '@respool/contracts/events';
import {
  type AppendOutcome,
  type AppendRequest,
  type EventLog,
  LogGap,
  LogUnreachable,
  type StoredBytes,
} from './log.ts';

/**
 * `lost-ack`: the event is stored and its answer lost, so the adapter has to find out by reading.
 * `lost-send`: the event never arrives, and the place it wanted is empty when the adapter looks.
 */
export type AppendFault = 'lost-ack' | 'lost-send';

export class MemoryLog implements EventLog {
  readonly #events: { bytes: Uint8Array; requestId: string }[] = [];
  readonly #missing = new Set<number>();
  readonly #faults: AppendFault[] = [];
  readonly #wakes = new Set<() => void>();
  readonly #returns = new Set<() => void>();
  #reachable = true;

  /** Every call waits for its deadline while false; `wake` is called when it turns true. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    if (!reachable) return;
    for (const resume of this.#returns) resume();
    this.#wakeAll();
  }

  /** What befalls the next sends, one each, in order. */
  failNext(...faults: readonly AppendFault[]): void {
    this.#faults.push(...faults);
  }

  /**
   * The event at `sequence` is gone while the head stays, as after a flipped bit in a block file.
   */
  drop(sequence: number): void {
    this.#missing.add(sequence);
  }

  /** Other bytes at `sequence`, as someone with access to the store would leave them. */
  rewrite(sequence: number, bytes: Uint8Array): void {
    const stored = this.#events[sequence - 1];
    assert(stored !== undefined, `no event ${sequence} to rewrite`);
    stored.bytes = bytes;
  }

  /** The log ends at `head`, as after a power cut without fsync. */
  truncate(head: number): void {
    this.#events.length = Math.min(this.#events.length, head);
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    if (request.bytes.length > eventBytesMax) throw new RangeError('event is larger than allowed');
    for (;;) {
      if (!(await this.#answers(request.signal))) {
        return { kind: 'unreachable', cause: 'the deadline passed without an answer' };
      }
      const fault = this.#faults.shift();
      if (fault === 'lost-send') continue;
      const outcome = this.#store(request);
      if (fault === undefined) return outcome;
      // The answer is lost: the next round meets the event itself and reports its place.
    }
  }

  async *read(after: number, signal: AbortSignal, limit = Infinity): AsyncIterable<StoredBytes> {
    const end = Math.min(await this.head(signal), after + limit);
    for (let sequence = after + 1; sequence <= end; sequence++) {
      await this.#answersOrThrow(signal);
      const stored = this.#events[sequence - 1];
      if (stored === undefined || this.#missing.has(sequence)) {
        throw new LogGap(sequence, this.#events.length);
      }
      yield { sequence, bytes: stored.bytes };
    }
  }

  async head(signal: AbortSignal): Promise<number> {
    await this.#answersOrThrow(signal);
    return this.#events.length;
  }

  watch(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  reachable(): boolean {
    return this.#reachable;
  }

  async close(): Promise<void> {
    this.#wakes.clear();
  }

  #store(request: AppendRequest): AppendOutcome {
    const place = this.#events.findIndex((stored) => stored.requestId === request.requestId);
    if (place !== -1) return { kind: 'appended', sequence: place + 1 };
    if (request.expected !== this.#events.length) {
      return { kind: 'conflict', head: this.#events.length };
    }
    this.#events.push({ bytes: request.bytes, requestId: request.requestId });
    this.#wakeAll();
    return { kind: 'appended', sequence: this.#events.length };
  }

  /** Later than the append that caused it, as a live message is. */
  #wakeAll(): void {
    setImmediate(() => {
      for (const wake of this.#wakes) wake();
    });
  }

  async #answersOrThrow(signal: AbortSignal): Promise<void> {
    if (!(await this.#answers(signal))) throw new LogUnreachable('no answer within the deadline');
  }

  /** One turn of the event loop as every real answer costs; false when the signal fired first. */
  async #answers(signal: AbortSignal): Promise<boolean> {
    await new Promise(setImmediate);
    while (!this.#reachable && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const resume = () => {
          signal.removeEventListener('abort', resume);
          this.#returns.delete(resume);
          resolve();
        };
        signal.addEventListener('abort', resume);
        this.#returns.add(resume);
      });
    }
    return !signal.aborted;
  }
}
