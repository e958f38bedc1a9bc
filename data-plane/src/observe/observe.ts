/** What a proxy counts: one meter per tenant, and figures of the whole process. */
import { Meter } from './meter.ts';
import { SlowLog, type SlowLogLimits } from './slow-log.ts';

/**
 * Figures of the process, written directly by whoever makes them true. All only grow, save those
 * that say "now".
 */
export class ProcessCounters {
  /** Client connections open now. */
  connectionsOpen = 0;
  connectionsAccepted = 0;
  /** Turned away at the door: a limit was reached or the process drains. */
  connectionsRefused = 0;
  authFailures = 0;
  protocolErrors = 0;
  /** Bytes between clients and this process. */
  bytesIn = 0;
  bytesOut = 0;
  /** Of replies and pushes, not taken by their clients now. */
  pendingBytes = 0;
  /** MOVED and ASK answers followed. */
  redirects = 0;
  /** Commands sent again because the reply said they were not executed, or they were never sent. */
  retries = 0;
  backendErrors = 0;
  /** Faults of the proxy itself that nobody caught. */
  faults = 0;
  backendReconnects = 0;
  /** Clients waiting in a blocking command now. */
  clientsBlocked = 0;
  /** Elements a server popped for a client that had gone: put back, or not to be had back. */
  poppedGivenBack = 0;
  poppedLost = 0;
  /** Clients not read from because their owed replies exceed their budget, as of the last second. */
  clientsPaused = 0;
  /** Times such a pause began. */
  clientPauses = 0;
  /** Subscriptions of clients now. */
  subscriptions = 0;
  /** Messages and invalidations handed to clients. */
  messagesPushed = 0;
  invalidationsPushed = 0;
  /** Clients cut off because they did not take what was pushed to them. */
  subscribersDropped = 0;
  /** The sequence served now. */
  snapshotSequence = 0;
  snapshotSwaps = 0;
  snapshotsRejected = 0;
  /** Times the log was found to be another, shorter, or broken. */
  logAlarms = 0;
}

/** `tenantsMax`: tenants with a meter of their own; those beyond share one, so labels stay bounded. */
export type ObserveLimits = SlowLogLimits;

export const observeLimits: ObserveLimits = {
  tenantsMax: 1000,
  slowLogEntriesMax: 4096,
  slowLogEntriesPerTenantMax: 128,
  slowLogSlowerThanUs: 10_000,
};

/** Label of the meter shared by tenants beyond the bound; no tenant can be named so (ids.ts). */
export const otherTenants = '_other';

/** The registry the hot path writes to and every report reads from. */
export class Observe {
  readonly families: readonly string[];
  readonly counters = new ProcessCounters();
  readonly slowLog: SlowLog;
  readonly #meters = new Map<string, Meter>();
  readonly #tenantsMax: number;

  constructor(families: readonly string[], limits: ObserveLimits = observeLimits) {
    this.families = families;
    this.#tenantsMax = limits.tenantsMax;
    this.slowLog = new SlowLog(limits);
  }

  /** The tenant's meter, made on first use. Look it up per connection, not per command. */
  meter(tenant: string): Meter {
    const known = this.#meters.get(tenant);
    if (known !== undefined) return known;
    const label = this.#meters.size < this.#tenantsMax ? tenant : otherTenants;
    const shared = this.#meters.get(label);
    if (shared !== undefined) return shared;
    const made = new Meter(label, this.families);
    this.#meters.set(label, made);
    return made;
  }

  /** Forgets a deleted tenant; sessions that still hold its meter write to it unseen. */
  forget(tenant: string): void {
    this.#meters.delete(tenant);
    this.slowLog.forget(tenant);
  }

  /** Every meter there is, in the order made; safe to iterate while meters come and go. */
  meters(): Meter[] {
    return [...this.#meters.values()];
  }
}
