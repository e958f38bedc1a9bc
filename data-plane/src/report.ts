/** What the process tells of itself: run by run to the meters, on request to INFO, metrics and probes. */

import { Command } from './command/request.ts';
import type { Run } from './command/run.ts';
import type { RunWatcher } from './listen/queue-limits.ts';
import type { Readiness } from './observe/admin.ts';
import type { InfoFacts } from './observe/info.ts';
import type { Meter } from './observe/meter.ts';
import type { BackendSample, FollowSample } from './observe/metrics.ts';
import type { Observe } from './observe/observe.ts';
import type { KafkaSample } from './observe/queue-metrics.ts';
import { redisVersionOf } from './session/server.ts';
import type { Session } from './session/session.ts';
import type { Settings } from './settings.ts';
import type { Follower } from './snapshot/follow.ts';
import { followSampleOf, readinessOf } from './snapshot/readiness.ts';
import type { ProxyState, TopicView } from './state.ts';
import type { Turn } from './turn.ts';

/** Whoever has the state in service. */
export interface StateHolder {
  readonly state: ProxyState;
}

/** One call per run, never per command. */
export function runWatcher(observe: Observe, holder: StateHolder, turn: Turn): RunWatcher {
  const { slowLog } = observe;
  let recordedUs = -1;
  return {
    answered(run: Run, latencyUs: number): void {
      const meter = run.meter as Meter;
      const { family } = run;
      meter.commands[family]! += run.answered;
      meter.errors[family]! += run.errors;
      meter.requestBytes[family]! += run.requestBytes;
      meter.observeRun(family, run.answered, latencyUs);
      if (slowLog.slowerThanUs < 0 || latencyUs < slowLog.slowerThanUs) return;
      // When everything is slow, one a turn is enough: recording all would make it slower.
      const nowUs = turn.nowUs();
      if (nowUs !== recordedUs) {
        recordedUs = nowUs;
        recordSlow(observe, holder, run, latencyUs);
      }
    },
  };
}

const slow = new Command();

/** A slow run is logged by its first command; the tenant sees its own keys, not its prefix. */
function recordSlow(observe: Observe, holder: StateHolder, run: Run, latencyUs: number): void {
  const { chunk } = run;
  if (chunk === null || run.taker === null) return;
  const bytes = chunk.buffer;
  const argc = Number(bytes.toString('latin1', run.cursor + 1, bytes.indexOf(13, run.cursor)));
  slow.read(null, bytes, run.cursor, chunk.length, argc);
  const tenant = (run.meter as Meter).tenant;
  const prefix = holder.state.tenants.get(tenant)?.prefix ?? null;
  const args: Buffer[] = [];
  for (let i = 0; i < Math.min(slow.argc, 33); i++) {
    const from = slow.starts[i]!;
    const body = bytes.subarray(from, Math.min(slow.ends[i]!, from + 256));
    const own = prefix !== null && body.subarray(0, prefix.length).equals(prefix);
    args.push(own ? body.subarray(prefix.length) : body);
  }
  observe.slowLog.record({
    at: Math.floor(Date.now() / 1000),
    durationUs: Math.round(latencyUs),
    args,
    clientAddress: run.taker.origin.address,
    clientName: run.taker.origin.name,
    tenant,
  });
}

/** Whoever has the backends in service. */
export interface BackendHolder {
  backends(): Iterable<{ samples(): BackendSample[] }>;
  kafkas(): Iterable<{ sample(): KafkaSample }>;
}

export interface ReportFacts {
  readonly settings: Settings;
  readonly version: string;
  readonly startedAtMs: number;
  readonly observe: Observe;
  readonly holder: BackendHolder;
  readonly follower: () => Follower | null;
}

export function infoFactsOf(facts: ReportFacts, session: Session): InfoFacts {
  const { settings, observe, holder } = facts;
  const user = session.user!;
  const status = facts.follower()?.status();
  const memory = process.memoryUsage();
  const isolation = user.tenant.prefix !== null ? 'prefix' : databaseMode(session);
  const own = new Set(user.tenant.routes.keys());
  return {
    redisVersion: redisVersionOf(session),
    version: facts.version,
    proxyId: settings.proxyId,
    port: settings.respPort,
    startedAtMs: facts.startedAtMs,
    nowMs: Date.now(),
    memoryBytes: memory.rss,
    memoryPeakBytes: process.resourceUsage().maxRSS * 1024,
    connectionsMax: settings.connectionsMax,
    counters: observe.counters,
    logConnected: status?.connected ?? false,
    logStaleSinceMs: status?.staleSinceMs ?? null,
    meter: user.tenant.meter,
    keyspace: [],
    tenant: {
      id: user.tenant.id,
      isolation,
      user: user.name,
      backend: session.route?.backend.id ?? '',
    },
    backends: backendSamples(holder).filter((sample) => own.has(sample.backend)),
    queues: queuesOf(holder, user.tenant.topics.values()),
  };
}

function databaseMode(session: Session): string {
  return session.route === null || session.route.database === null ? 'dedicated' : 'db';
}

/** Other tenants push to the same backends: how much is not told. */
function queuesOf(holder: BackendHolder, topics: Iterable<TopicView>): InfoFacts['queues'] {
  const counts = new Map<string, number>();
  for (const { backend } of topics) {
    if (backend !== null) counts.set(backend.id, (counts.get(backend.id) ?? 0) + 1);
  }
  const samples = [...holder.kafkas()].map((kafka) => kafka.sample());
  return [...counts].map(([backend, count]) => {
    const up = samples.some((sample) => sample.backend === backend && sample.answers);
    return { backend, topics: count, up };
  });
}

export function backendSamples(holder: Pick<BackendHolder, 'backends'>): BackendSample[] {
  return [...holder.backends()].flatMap((backend) => backend.samples());
}

/** Nothing is known of the log before the follower runs. */
export function followSample(follower: Follower | null): FollowSample {
  if (follower !== null) return followSampleOf(follower.status());
  return { connected: false, alarmed: false, staleSinceMs: null };
}

/** The process's own stages beside the follower's word: starting, serving, draining. */
export type Stage = 'starting' | 'serving' | 'draining';

export function readiness(follower: Follower | null, stage: Stage): Readiness {
  if (follower === null) {
    return { ready: false, reason: stage, sequence: 0, staleSinceMs: null };
  }
  const follows = readinessOf(follower.status());
  return stage === 'serving' ? follows : { ...follows, ready: false, reason: stage };
}
