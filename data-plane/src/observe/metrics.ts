/** `/metrics`: what the process counts, its backends and its tenants, as Prometheus text. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Observe, ProcessCounters } from './observe.ts';
import { type PositionsSample, positionMetrics } from './position-metrics.ts';
import { type KafkaSample, queueMetrics } from './queue-metrics.ts';
import { tenantText } from './tenant-text.ts';

/** One server behind us as it is now. `backend` and `node` come from the configuration: bounded. */
export interface BackendSample {
  readonly backend: string;
  /** `host:port`. */
  readonly node: string;
  /** Of a standalone server: `primary`. */
  readonly role: 'primary' | 'replica';
  readonly up: boolean;
  readonly connections: number;
  /** Connections to it that one session at a time has for itself. */
  readonly owned: number;
  /** Commands sent and not answered yet. */
  readonly inFlight: number;
  /** Bytes waiting to be written. */
  readonly queuedBytes: number;
}

/** Where the proxy stands on the log; see `Follower.status`. */
export interface FollowSample {
  readonly connected: boolean;
  readonly alarmed: boolean;
  readonly staleSinceMs: number | null;
}

export interface MetricSources {
  readonly observe: Observe;
  readonly backends: () => readonly BackendSample[];
  readonly kafkas: () => readonly KafkaSample[];
  /** Absent: it has none. */
  readonly positions?: () => PositionsSample;
  readonly follow: () => FollowSample;
  readonly version: string;
  readonly now: () => number;
}

type NumberField = {
  [K in keyof ProcessCounters]: ProcessCounters[K] extends number ? K : never;
}[keyof ProcessCounters];

type Row = readonly [field: NumberField, name: string, help: string];

const counters: readonly Row[] = [
  ['connectionsAccepted', 'connections_accepted_total', 'Client connections accepted.'],
  ['connectionsRefused', 'connections_refused_total', 'Client connections turned away.'],
  ['authFailures', 'auth_failures_total', 'Wrong user or password.'],
  ['protocolErrors', 'protocol_errors_total', 'Clients closed for a malformed frame.'],
  ['bytesIn', 'client_received_bytes_total', 'Bytes read from clients.'],
  ['bytesOut', 'client_sent_bytes_total', 'Bytes written to clients.'],
  ['redirects', 'redirects_total', 'MOVED and ASK answers followed.'],
  ['retries', 'retries_total', 'Commands sent again, where that is safe.'],
  ['faults', 'faults_total', 'Faults of the proxy itself that nobody caught.'],
  ['backendErrors', 'backend_errors_total', 'Backend connections lost or commands past deadline.'],
  ['backendReconnects', 'backend_reconnects_total', 'Backend connections opened again.'],
  ['clientPauses', 'client_pauses_total', 'Times a client was not read from for its owed replies.'],
  ['messagesPushed', 'messages_pushed_total', 'Messages handed to subscribers.'],
  ['invalidationsPushed', 'invalidations_pushed_total', 'Invalidations handed to clients.'],
  ['subscribersDropped', 'subscribers_dropped_total', 'Clients cut off: they took no pushes.'],
  ['poppedGivenBack', 'popped_given_back_total', 'Elements put back: their client had gone.'],
  ['poppedLost', 'popped_lost_total', 'Elements popped for a client that had gone, and lost.'],
  ['snapshotSwaps', 'snapshot_swaps_total', 'Configurations taken into service.'],
  ['snapshotsRejected', 'snapshots_rejected_total', 'Configurations refused.'],
  ['logAlarms', 'log_alarms_total', 'Times the log was another, shorter, or broken.'],
];

const gauges: readonly Row[] = [
  ['connectionsOpen', 'connections_open', 'Client connections open now.'],
  ['clientsBlocked', 'clients_blocked', 'Clients waiting in a blocking command now.'],
  ['clientsPaused', 'clients_paused', 'Clients not read from for their owed replies now.'],
  ['pendingBytes', 'client_pending_bytes', 'Bytes that clients have not taken now.'],
  ['subscriptions', 'subscriptions', 'Subscriptions of clients now.'],
  ['snapshotSequence', 'snapshot_sequence', 'Sequence of the configuration served.'],
];

export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #observe: Observe;

  constructor(sources: MetricSources) {
    this.contentType = this.#registry.contentType;
    this.#observe = sources.observe;
    collectDefaultMetrics({ register: this.#registry, prefix: 'respool_' });
    processMetrics(this.#registry, sources.observe.counters);
    followMetrics(this.#registry, sources);
    backendMetrics(this.#registry, sources.backends);
    queueMetrics(this.#registry, sources.kafkas);
    if (sources.positions !== undefined) positionMetrics(this.#registry, sources.positions);
  }

  /** The whole page in pieces; the caller writes each before it takes the next. */
  async *text(): AsyncGenerator<string> {
    yield await this.#registry.metrics();
    yield* tenantText(this.#observe.meters());
  }
}

function processMetrics(registry: Registry, from: ProcessCounters): void {
  for (const [field, name, help] of counters) {
    new Counter({
      name: `respool_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(from[field]);
      },
    });
  }
  for (const [field, name, help] of gauges) gauge(registry, name, help, () => from[field]);
}

function followMetrics(registry: Registry, sources: MetricSources): void {
  const { follow, now } = sources;
  gauge(registry, 'log_connected', '1 while the log can be reached.', () =>
    follow().connected ? 1 : 0,
  );
  gauge(registry, 'log_alarm', '1 while the log is another, shorter, or broken.', () =>
    follow().alarmed ? 1 : 0,
  );
  gauge(
    registry,
    'log_stale_seconds',
    'Since when the log cannot be followed; 0 while it can.',
    () => {
      const since = follow().staleSinceMs;
      return since === null ? 0 : Math.max(0, now() - since) / 1000;
    },
  );
  const build = new Gauge({
    name: 'respool_build_info',
    help: 'Always 1; the version is the label.',
    labelNames: ['version'],
    registers: [registry],
  });
  build.set({ version: sources.version }, 1);
}

function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name: `respool_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
}

function backendMetrics(registry: Registry, backends: () => readonly BackendSample[]): void {
  const rows: readonly [string, string, (sample: BackendSample) => number][] = [
    ['backend_up', '1 while a connection to the node is ready.', (sample) => (sample.up ? 1 : 0)],
    ['backend_connections', 'Connections to the node.', (sample) => sample.connections],
    [
      'backend_owned_connections',
      'Dedicated connections to the node: blocking commands, WATCH.',
      (sample) => sample.owned,
    ],
    ['backend_in_flight', 'Commands sent and not answered yet.', (sample) => sample.inFlight],
    ['backend_queued_bytes', 'Bytes waiting to be written.', (sample) => sample.queuedBytes],
  ];
  for (const [name, help, value] of rows) {
    new Gauge({
      name: `respool_${name}`,
      help,
      labelNames: ['backend', 'node', 'role'],
      registers: [registry],
      collect() {
        // Nodes that left the topology must not linger.
        this.reset();
        for (const sample of backends()) {
          const { backend, node, role } = sample;
          this.set({ backend, node, role }, value(sample));
        }
      },
    });
  }
}
