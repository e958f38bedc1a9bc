/** When the topology of a cluster is read: now and then, soon where something is wrong, once at a time. */
import type { Resp } from '../../resp/resp.ts';
import type { Turn } from '../../turn.ts';
import { parseAddress, readSlots, type Topology } from './topology.ts';

export interface WatchLimits {
  /** The topology is read again this often even when nothing seems wrong. */
  readonly topologyEveryMs: number;
  /** …and at most this often when something does. */
  readonly topologyPauseMs: number;
}

export interface Watched {
  /** Addresses of nodes, the best to ask first. */
  readonly toAsk: () => readonly string[];
  readonly ask: (address: string, args: readonly string[]) => Promise<Resp>;
  readonly take: (topology: Topology) => void;
}

export class TopologyWatch {
  /** Why nobody could tell the last time, or empty. */
  error = '';
  readonly #turn: Turn;
  readonly #limits: WatchLimits;
  readonly #cluster: Watched;
  #refreshing: Promise<void> | null = null;
  #dueMs = 0;
  #refreshedMs = 0;
  #closed = false;

  constructor(turn: Turn, limits: WatchLimits, cluster: Watched) {
    this.#turn = turn;
    this.#limits = limits;
    this.#cluster = cluster;
  }

  doubt(): void {
    const soonMs = this.#refreshedMs + this.#limits.topologyPauseMs;
    this.#dueMs = Math.min(this.#dueMs, soonMs);
  }

  /** Several times a second. */
  tick(): void {
    if (this.#turn.nowUs() / 1000 >= this.#dueMs && !this.#closed) void this.refresh();
  }

  /** Reads the topology from the first node that answers; one at a time; never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = null;
      this.#refreshedMs = this.#turn.nowUs() / 1000;
      this.#dueMs = this.#refreshedMs + this.#limits.topologyEveryMs;
    });
    return this.#refreshing;
  }

  close(): void {
    this.#closed = true;
  }

  async #read(): Promise<void> {
    for (const address of this.#cluster.toAsk()) {
      try {
        const reply = await this.#cluster.ask(address, ['CLUSTER', 'SLOTS']);
        this.#cluster.take(readSlots(reply, parseAddress(address).host));
        this.error = '';
        return;
      } catch (error) {
        this.error = `${address}: ${(error as Error).message}`;
      }
      if (this.#closed) return;
    }
  }
}
