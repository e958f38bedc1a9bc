/** Envoy's redis_proxy filter with one worker thread, as it comes and with batching turned on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../scripts/test/port.ts';
import { type Backend, temporaryFolder } from '../backends.ts';
import { cores, startServer } from '../process.ts';
import { versionLine } from '../tools.ts';
import type { RunningTarget, Target } from './target.ts';

/**
 * Upstream writes wait for this many bytes or this long. Source: Envoy API reference,
 * `RedisProxy.ConnPoolSettings.max_buffer_size_before_flush` and `buffer_flush_timeout`; 3 ms is
 * what Envoy itself takes when only the size is set, 1 ms costs less latency at equal CPU time.
 */
const batching = { max_buffer_size_before_flush: 1024, buffer_flush_timeout: '0.001s' };

const variants = [
  { variant: '', flush: {} },
  { variant: 'batching', flush: batching },
] as const;

function address(port: number): object {
  return { address: { socket_address: { address: '127.0.0.1', port_value: port } } };
}

function cluster({ kind, nodes }: Backend): object {
  const common = {
    name: 'redis',
    connect_timeout: '5s',
    load_assignment: {
      cluster_name: 'redis',
      endpoints: [{ lb_endpoints: nodes.map(({ port }) => ({ endpoint: address(port) })) }],
    },
  };
  if (kind !== 'cluster') return { ...common, type: 'STATIC' };
  return {
    ...common,
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.redis',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.clusters.redis.v3.RedisClusterConfig',
        cluster_refresh_rate: '10s',
      },
    },
  };
}

/** A bootstrap without admin port; JSON is YAML to Envoy. */
export function envoyConfig(port: number, backend: Backend, flush: object): string {
  const redisProxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy',
    stat_prefix: 'bench',
    settings: { op_timeout: '5s', enable_redirection: backend.kind === 'cluster', ...flush },
    prefix_routes: { catch_all_route: { cluster: 'redis' } },
  };
  const listener = {
    name: 'bench',
    ...address(port),
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.redis_proxy', typed_config: redisProxy }] },
    ],
  };
  return JSON.stringify({
    static_resources: { listeners: [listener], clusters: [cluster(backend)] },
  });
}

export const envoy: Target = {
  name: 'envoy',
  setup:
    'redis_proxy with `--concurrency 1`, no access log, no admin port; a STATIC cluster or ' +
    '`envoy.clusters.redis`. As it comes and, `batching`, with ' +
    '`max_buffer_size_before_flush: 1024` and `buffer_flush_timeout: 1 ms`.',
  start: async ({ scope, tools, backend }, table) => {
    const servers = await backend(table);
    const running: RunningTarget[] = [];
    for (const { variant, flush } of variants) {
      const port = await freePort();
      const folder = temporaryFolder(scope, 'envoy');
      const file = join(folder, 'envoy.json');
      writeFileSync(file, envoyConfig(port, servers, flush));
      const { pid, gone } = await startServer(scope, {
        command: await tools.envoy(),
        args: ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'],
        core: cores.measured,
        port,
        folder,
      });
      const endpoint = { port, credentials: null };
      running.push({
        name: 'envoy',
        variant,
        endpoint,
        pid,
        gone,
        backend: servers,
        keyPrefix: '',
      });
    }
    return running;
  },
  version: async (tools) => versionLine(await tools.envoy(), ['--version'], /\/(\d+\.\d+\.\d+)\//),
};
