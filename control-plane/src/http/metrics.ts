/** What the control plane counts, in Prometheus naming. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Stage } from '../change.ts';
import type { Proxies } from '../views/proxies.ts';
import type { App } from './app.ts';

export interface Measured {
  readonly stage: () => Stage | null;
  readonly proxies: Proxies;
}

/** Gauges are read when somebody looks, so they cost nothing between. */
export function planeMetrics({ stage, proxies }: Measured): Registry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const health = () => stage()?.follower.health();
  gauge('respool_log_sequence', 'Sequence of the last event applied here.', () => {
    return health()?.sequence ?? 0;
  });
  gauge('respool_log_reachable', '1 while the log answers.', () => {
    return health()?.reachable === true ? 1 : 0;
  });
  gauge('respool_log_corrupt', '1 while the log contradicts itself.', () => {
    return typeof health()?.corrupt === 'string' ? 1 : 0;
  });
  new Gauge({
    name: 'respool_proxies',
    help: 'Proxies by what they last told.',
    labelNames: ['status'],
    registers,
    collect() {
      const snapshot = stage()?.follower.state().snapshot;
      const head = { logId: snapshot?.logId ?? '', sequence: snapshot?.sequence ?? 0 };
      for (const status of ['applied', 'warming', 'rejected', 'lost', 'other-log']) {
        this.set({ status }, 0);
      }
      for (const { status } of proxies.list(head)) this.inc({ status });
    },
  });
  return registry;
}

export function countRequests(app: App, registry: Registry): void {
  const labelNames = ['method', 'route', 'status'];
  const requests = new Counter({
    name: 'respool_http_requests_total',
    help: 'Requests of the API.',
    labelNames,
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'respool_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    // The pattern, not the address: the label set stays as small as the list of routes.
    const route = request.routeOptions.url ?? 'unknown';
    requests.inc({ method: request.method, route, status: String(reply.statusCode) });
    seconds.observe({ method: request.method, route }, reply.elapsedTime / 1_000);
  });
}
