/** `INFO`: what clients and tools probe, then the proxy and the asking tenant itself. */

import type { Meter } from './meter.ts';
import type { BackendSample } from './metrics.ts';
import type { ProcessCounters } from './observe.ts';

export interface InfoFacts {
  /** The Redis whose behaviour we follow; clients choose features by it. */
  readonly redisVersion: string;
  /** Ours. */
  readonly version: string;
  readonly proxyId: string;
  /** The port the asking client is connected to. */
  readonly port: number;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  readonly connectionsMax: number;
  readonly counters: ProcessCounters;
  readonly logConnected: boolean;
  readonly logStaleSinceMs: number | null;
  readonly meter: Meter;
  readonly tenant: {
    readonly id: string;
    /** `prefix`, `db` or `dedicated`. */
    readonly isolation: string;
    /** The asking session's own. */
    readonly user: string;
    readonly backend: string;
  };
  /** Only those the asking tenant has a route to. */
  readonly backends: readonly BackendSample[];
}

export const redisVersionDefault = '7.0.15';

type Lines = readonly (readonly [name: string, value: string | number])[];
type Section = readonly [title: string, lines: (facts: InfoFacts) => Lines];

const sections: Readonly<Record<string, Section>> = {
  server: ['Server', server],
  clients: ['Clients', clients],
  memory: ['Memory', memory],
  persistence: [
    'Persistence',
    () => [
      ['loading', 0],
      ['async_loading', 0],
    ],
  ],
  stats: ['Stats', stats],
  replication: [
    'Replication',
    () => [
      ['role', 'master'],
      ['connected_slaves', 0],
    ],
  ],
  cluster: ['Cluster', () => [['cluster_enabled', 0]]],
  proxy: ['Proxy', proxy],
  tenant: ['Tenant', tenant],
  backends: ['Backends', backends],
};

/**
 * The text of `INFO [section …]`: sections apart by an empty line, lines ended by CRLF. No section,
 * `default`, `all` and `everything` mean all; an unknown one adds nothing, as in Redis.
 * Counts are the asking tenant's own: nothing here tells it about another tenant.
 */
export function infoText(asked: readonly string[], facts: InfoFacts): string {
  const names = asked.map((name) => name.toLowerCase());
  const all = names.length === 0 || names.some((name) => /^(default|all|everything)$/.test(name));
  const parts: string[] = [];
  for (const [name, [title, lines]] of Object.entries(sections)) {
    if (!all && !names.includes(name)) continue;
    const body = lines(facts).map(([key, value]) => `${key}:${clean(value)}\r\n`);
    parts.push(`# ${title}\r\n${body.join('')}`);
  }
  return parts.join('\r\n');
}

/** A name with a line break must not be able to forge a line. */
function clean(value: string | number): string {
  return String(value).replace(/[\r\n]/g, ' ');
}

function server(facts: InfoFacts): Lines {
  const uptime = Math.max(0, Math.floor((facts.nowMs - facts.startedAtMs) / 1000));
  return [
    ['redis_version', facts.redisVersion],
    ['redis_mode', 'standalone'],
    ['os', `${process.platform} ${process.arch}`],
    ['arch_bits', 64],
    ['process_id', process.pid],
    ['tcp_port', facts.port],
    ['server_time_usec', facts.nowMs * 1000],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)],
  ];
}

function clients({ meter, connectionsMax }: InfoFacts): Lines {
  return [
    ['connected_clients', meter.connections],
    ['maxclients', connectionsMax],
  ];
}

function memory(facts: InfoFacts): Lines {
  return [
    ['used_memory', facts.memoryBytes],
    ['used_memory_human', human(facts.memoryBytes)],
    ['used_memory_peak', facts.memoryPeakBytes],
    ['used_memory_peak_human', human(facts.memoryPeakBytes)],
    ['used_memory_rss', facts.memoryBytes],
    ['maxmemory', 0],
  ];
}

function stats({ meter }: InfoFacts): Lines {
  return [
    ['total_commands_processed', sum(meter.commands)],
    ['total_net_input_bytes', sum(meter.requestBytes)],
    ['total_net_output_bytes', sum(meter.replyBytes)],
    ['total_error_replies', sum(meter.errors)],
  ];
}

function proxy(facts: InfoFacts): Lines {
  const since = facts.logStaleSinceMs;
  return [
    ['proxy_version', facts.version],
    ['proxy_id', facts.proxyId],
    ['config_sequence', facts.counters.snapshotSequence],
    ['config_log', facts.logConnected ? 'connected' : 'away'],
    ['config_stale_seconds', since === null ? 0 : Math.floor((facts.nowMs - since) / 1000)],
  ];
}

function tenant({ meter, tenant: own }: InfoFacts): Lines {
  const lines: [string, string | number][] = [
    ['tenant', own.id],
    ['tenant_isolation', own.isolation],
    ['tenant_user', own.user],
    ['tenant_backend', own.backend],
    ['tenant_commands_refused', sum(meter.refused)],
  ];
  for (const [family, name] of meter.families.entries()) {
    const calls = meter.commands[family] ?? 0;
    if (calls === 0) continue;
    const p50 = Math.round(meter.quantile(family, 0.5));
    const p99 = Math.round(meter.quantile(family, 0.99));
    const errors = meter.errors[family] ?? 0;
    lines.push([
      `family_${name}`,
      `calls=${calls},errors=${errors},p50_usec=${p50},p99_usec=${p99}`,
    ]);
  }
  return lines;
}

function backends(facts: InfoFacts): Lines {
  return facts.backends.map((sample, n) => [
    `node${n}`,
    `backend=${sample.backend},address=${sample.node},up=${sample.up ? 1 : 0},` +
      `connections=${sample.connections},in_flight=${sample.inFlight}`,
  ]);
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return unit === 0 ? `${value}B` : `${value.toFixed(2)}${units[unit] ?? ''}`;
}
