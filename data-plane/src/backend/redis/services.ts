/** What a backend is given: its limits, and what it shares with all others. */
import type { Meter } from '../../observe/meter.ts';
import type { ProcessCounters } from '../../observe/observe.ts';
import type { Turn } from '../../turn.ts';
import type { LeaseLimits } from './leases.ts';
import type { TrackedBytes } from './tracked-keys.ts';
import type { RetryLimits, UpstreamHome } from './upstream.ts';

export interface RedisLimits extends RetryLimits, LeaseLimits {
  /** Connecting and greeting together. */
  readonly connectMsMax: number;
  /** One question about the topology. */
  readonly topologyMsMax: number;
  /** The topology is read again this often even when nothing seems wrong. */
  readonly topologyEveryMs: number;
  /** …and at most this often when something does. */
  readonly topologyPauseMs: number;
}

export interface RedisServices {
  readonly turn: Turn;
  readonly limits: RedisLimits;
  readonly counters: ProcessCounters;
  readonly slotOf: UpstreamHome['slotOf'];
  /** Counts the proxy's own commands. */
  readonly ownMeter: Meter;
  /** CLIENT SETNAME on every backend connection. */
  readonly connectionName: string;
  /** Keys noted for client-side caching, all backends together. */
  readonly tracked: TrackedBytes;
}
