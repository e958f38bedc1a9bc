/** `INFO`: what clients and tools probe, then the proxy and the asking tenant itself. */

import type { Meter } from './meter.ts';
import type { BackendSample } from './metrics.ts';
import type { ProcessCounters } from './observe.ts';

export interface InfoFacts {
  /** The lowest of the asking session's servers; clients choose features by it. */
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
  /** The session's own databases that hold keys; empty where one question does not tell. */
  readonly keyspace: readonly KeyspaceSample[];
  /** Only those the asking tenant has a route to. */
  readonly backends: readonly BackendSample[];
  /** Kafka backends of the asking tenant's topics, with how many of them; up as metrics tell it. */
  readonly queues: readonly {
    readonly backend: string;
    readonly topics: number;
    readonly up: boolean;
  }[];
}

/** One database as the client numbers it. */
export interface KeyspaceSample {
  readonly database: number;
  readonly keys: number;
  readonly expires: number;
  /** Mean time to live, ms, as the server estimates it. */
  readonly ttlMs: number;
}

type Lines = readonly (readonly [name: string, value: string | number])[];
type Section = readonly [title: string, lines: (facts: InfoFacts) => Lines];

/** In the order they are printed. Source: sections of INFO in Redis 7.0, then our own. */
const sections: Readonly<Record<string, Section>> = {
  server: ['Server', server],
  clients: ['Clients', clients],
  memory: ['Memory', memory],
  persistence: [
    'Persistence',
    () => [
      ['loading', 0],
      ['async_loading', 0],
      ['rdb_bgsave_in_progress', 0],
      ['aof_enabled', 0],
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
  // None as far as a client is concerned, as in MODULE LIST.
  modules: ['Modules', () => []],
  commandstats: ['Commandstats', commandStats],
  // Errors are counted by family, not by their first word.
  errorstats: ['Errorstats', () => []],
  latencystats: ['Latencystats', latencyStats],
  cluster: ['Cluster', () => [['cluster_enabled', 0]]],
  keyspace: ['Keyspace', keyspace],
  proxy: ['Proxy', proxy],
  tenant: ['Tenant', tenant],
  backends: ['Backends', backends],
};

/** Shown by name, `all` and `everything` only. Source: `genInfoSectionDict` of Redis 7.0. */
const asked = new Set(['commandstats', 'latencystats']);

/** Names of the sections that `INFO [section …]` asks for; an unknown one adds nothing. */
export function sectionsOf(words: readonly string[]): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const word of words.length === 0 ? ['default'] : words) {
    const name = word.toLowerCase();
    if (name === 'default') add((one) => !asked.has(one));
    else if (name === 'all' || name === 'everything') add(() => true);
    else if (Object.hasOwn(sections, name)) wanted.add(name);
  }
  return wanted;

  function add(which: (name: string) => boolean): void {
    for (const name of Object.keys(sections)) if (which(name)) wanted.add(name);
  }
}

/**
 * The text of the sections in `wanted`: apart by an empty line, lines ended by CRLF. Counts are the
 * asking tenant's own: nothing here tells it about another tenant.
 */
export function infoText(wanted: ReadonlySet<string>, facts: InfoFacts): string {
  const parts: string[] = [];
  for (const [name, [title, lines]] of Object.entries(sections)) {
    if (!wanted.has(name)) continue;
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
    ['maxmemory_human', '0B'],
    ['maxmemory_policy', 'noeviction'],
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

function keyspace(facts: InfoFacts): Lines {
  return facts.keyspace.map(({ database, keys, expires, ttlMs }) => [
    `db${database}`,
    `keys=${keys},expires=${expires},avg_ttl=${ttlMs}`,
  ]);
}

/** By family, which is what is counted; no command of Redis is called `@…`. */
function commandStats({ meter }: InfoFacts): Lines {
  return used(meter).map(([family, name]) => {
    const calls = meter.commands[family] ?? 0;
    const us = Math.round(meter.latencySumUs[family] ?? 0);
    const each = calls === 0 ? 0 : us / calls;
    const shown = `calls=${calls},usec=${us},usec_per_call=${each.toFixed(2)}`;
    const refused = meter.refused[family] ?? 0;
    const failed = meter.errors[family] ?? 0;
    return [`cmdstat_@${name}`, `${shown},rejected_calls=${refused},failed_calls=${failed}`];
  });
}

function latencyStats({ meter }: InfoFacts): Lines {
  return used(meter).map(([family, name]) => {
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((q) => meter.quantile(family, q).toFixed(3));
    return [`latency_percentiles_usec_@${name}`, `p50=${p50},p99=${p99},p99.9=${p999}`];
  });
}

function used(meter: Meter): [family: number, name: string][] {
  return [...meter.families.entries()].filter(([family]) => (meter.commands[family] ?? 0) > 0);
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
  for (const [family, name] of used(meter)) {
    const calls = meter.commands[family] ?? 0;
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
  const nodes: Lines = facts.backends.map((sample, n) => [
    `node${n}`,
    `backend=${sample.backend},address=${sample.node},role=${sample.role},up=${sample.up ? 1 : 0},` +
      `connections=${sample.connections},in_flight=${sample.inFlight}`,
  ]);
  const queues: Lines = facts.queues.map(({ backend, topics, up }, n) => [
    `kafka${n}`,
    `backend=${backend},topics=${topics},up=${up ? 1 : 0}`,
  ]);
  return [...nodes, ...queues];
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
