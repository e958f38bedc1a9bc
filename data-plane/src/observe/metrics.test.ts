/** The metrics page and INFO, as scrapers and clients read them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InfoFacts, infoText as render, sectionsOf } from './info.ts';
import { type BackendSample, Metrics } from './metrics.ts';
import { Observe } from './observe.ts';

const infoText = (words: readonly string[], given: InfoFacts): string =>
  render(sectionsOf(words), given);

async function page(metrics: Metrics): Promise<string> {
  let text = '';
  for await (const piece of metrics.text()) text += piece;
  return text;
}

function sources(observe: Observe, backends: () => readonly BackendSample[] = () => []) {
  const follow = () => ({ connected: false, alarmed: true, staleSinceMs: 4000 });
  return { observe, backends, kafkas: () => [], follow, version: '0.1.0', now: () => 10_000 };
}

const node: BackendSample = {
  backend: 'main',
  node: '127.0.0.1:6379',
  role: 'primary',
  up: true,
  connections: 2,
  owned: 1,
  inFlight: 3,
  queuedBytes: 0,
};

test('the page shows what was counted, each metric once', async () => {
  const observe = new Observe(['string', 'hash']);
  const metrics = new Metrics(sources(observe));
  const meter = observe.meter('shop');
  meter.commands[0] = 7;
  meter.observeRun(0, 7, 100);
  meter.connections = 2;
  observe.counters.connectionsAccepted = 5;
  observe.counters.snapshotSequence = 42;
  await page(metrics);
  const text = await page(metrics);
  for (const line of [
    'respool_commands_total{tenant="shop",family="string"} 7',
    'respool_command_duration_seconds_bucket{tenant="shop",family="string",le="0.000064"} 0',
    'respool_command_duration_seconds_bucket{tenant="shop",family="string",le="0.000128"} 7',
    'respool_command_duration_seconds_bucket{tenant="shop",family="string",le="+Inf"} 7',
    'respool_command_duration_seconds_sum{tenant="shop",family="string"} 0.0007',
    'respool_tenant_connections{tenant="shop"} 2',
    'respool_connections_accepted_total 5',
    'respool_snapshot_sequence 42',
    'respool_log_connected 0',
    'respool_log_alarm 1',
    'respool_log_stale_seconds 6',
    'respool_build_info{version="0.1.0"} 1',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  assert.ok(text.includes('respool_process_cpu_seconds_total'));
  assert.ok(!text.includes('family="hash"'));
  const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
  assert.equal(new Set(types).size, types.length);
});

test('a node that left the topology leaves the page', async () => {
  const nodes = [node];
  const metrics = new Metrics(sources(new Observe([]), () => nodes));
  assert.match(
    await page(metrics),
    /respool_backend_in_flight\{backend="main",node="[^"]*",role="primary"\} 3/,
  );
  nodes.pop();
  assert.doesNotMatch(await page(metrics), /respool_backend_in_flight\{/);
});

function facts(observe: Observe): InfoFacts {
  return {
    redisVersion: '7.0.15',
    version: '0.1.0',
    proxyId: 'p1',
    port: 6380,
    startedAtMs: 0,
    nowMs: 90_000_000,
    memoryBytes: 1_572_864,
    memoryPeakBytes: 1_572_864,
    connectionsMax: 10_000,
    counters: observe.counters,
    logConnected: true,
    logStaleSinceMs: null,
    meter: observe.meter('shop'),
    keyspace: [{ database: 0, keys: 3, expires: 1, ttlMs: 5 }],
    tenant: { id: 'shop', isolation: 'prefix', user: 'web', backend: 'main' },
    backends: [node],
    queues: [{ backend: 'kafka-1', topics: 2, up: true }],
  };
}

test('INFO holds what clients probe before they call a connection ready', () => {
  const text = infoText([], facts(new Observe(['string'])));
  for (const line of [
    'redis_version:7.0.15',
    'redis_mode:standalone',
    'role:master',
    'loading:0',
    'cluster_enabled:0',
    'tcp_port:6380',
    'db0:keys=3,expires=1,avg_ttl=5',
    'uptime_in_days:1',
    'used_memory_human:1.50M',
    'tenant:shop',
    'node0:backend=main,address=127.0.0.1:6379,role=primary,up=1,connections=2,in_flight=3',
  ]) {
    assert.ok(text.split('\r\n').includes(line), line);
  }
});

test('INFO of chosen sections shows them only, and nothing for an unknown one', () => {
  const given = facts(new Observe(['string']));
  assert.equal(infoText(['CLUSTER'], given), '# Cluster\r\ncluster_enabled:0\r\n');
  assert.equal(
    infoText(['cluster', 'replication'], given),
    '# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n',
  );
  assert.equal(infoText(['nonsense'], given), '');
  assert.equal(infoText(['nonsense', 'everything'], given), infoText(['all'], given));
});

test('INFO counts the asking tenant only and a name cannot forge a line', () => {
  const observe = new Observe(['string']);
  observe.meter('other').commands[0] = 98765;
  const meter = observe.meter('shop');
  meter.commands[0] = 3;
  const given = facts(observe);
  const text = infoText([], { ...given, tenant: { ...given.tenant, user: 'x\r\nrole:slave' } });
  assert.match(text, /total_commands_processed:3\r\n/);
  assert.match(text, /family_string:calls=3,errors=0,/);
  assert.doesNotMatch(text, /other|98765/);
  assert.doesNotMatch(text, /^role:slave/m);
});
