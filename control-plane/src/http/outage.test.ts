/** The log is away, the control plane just started, a request takes too long: an answer in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeAnswer } from '@respool/contracts/api-answers';
import { systemClock } from '@respool/contracts/clock';
import { pino } from 'pino';
import { apiToken, TestApi } from '../../test/api.ts';
import { Proxies } from '../views/proxies.ts';
import { limitTime } from './deadline.ts';
import { createHttp } from './http.ts';
import { planeMetrics } from './metrics.ts';
import { ApiTokens } from './tokens.ts';

const dedicated = { isolation: { mode: 'dedicated' } };

test('while the log is away writes are 503 in time, reads are answered from memory and say so', async (t) => {
  const api = await TestApi.start({ changeMsMax: 1_000 });
  t.after(() => api.close());
  await api.ok('PUT', '/v1/tenants/acme', dedicated);
  const fresh = await api.ok('GET', '/v1/tenants/acme');
  assert.equal(fresh.headers['respool-stale'], undefined);
  api.log.setReachable(false);
  const answer = await api.call('PUT', '/v1/tenants/beta', dedicated);
  assert.equal(answer.status, 503);
  const { error } = answer.body as { error: { code: string; retryAfterMs: number } };
  assert.deepEqual([error.code, error.retryAfterMs], ['log-unreachable', 1_000]);
  assert.equal(answer.headers['retry-after'], '1');
  const stale = await api.ok('GET', '/v1/tenants/acme');
  assert.equal(stale.headers['respool-stale'], 'true');
  assert.equal((await api.call('GET', '/livez')).status, 200);
  const ready = await api.call('GET', '/readyz');
  assert.deepEqual([ready.status, (ready.body as { log: string }).log], [503, 'unreachable']);
  api.log.setReachable(true);
  await api.ok('PUT', '/v1/tenants/beta', dedicated);
  assert.equal((await api.call('GET', '/readyz')).status, 200);
});

test('before the log has been reached once everything but /livez says so', async (t) => {
  const stage = () => null;
  const audit = () => null;
  const proxies = new Proxies(systemClock);
  const tokens = new ApiTokens();
  tokens.add('operator', apiToken);
  const metrics = planeMetrics({ stage, proxies });
  const notices = () => null;
  const plane = { stage, audit, proxies, notices, tokens, metrics, changeMsMax: 100 };
  const app = await createHttp(plane, pino({ level: 'silent' }));
  t.after(() => app.close());
  const headers = { authorization: `Bearer ${apiToken}` };
  for (const [url, status] of [
    ['/livez', 200],
    ['/readyz', 503],
    ['/metrics', 200],
    ['/v1/state', 503],
    ['/v1/audit/verify', 503],
    ['/v1/notices', 503],
  ] as const) {
    assert.equal((await app.inject({ url, headers })).statusCode, status, url);
  }
  const write = await app.inject({
    method: 'PUT',
    url: '/v1/tenants/a',
    headers,
    payload: dedicated,
  });
  assert.equal(write.json().error.code, 'log-unreachable');
});

test('a handler that never ends is answered at the deadline, with a body read or not', async (t) => {
  const api = await TestApi.start();
  t.after(() => api.close());
  const plain = (await import('fastify')).default();
  t.after(() => plain.close());
  limitTime(plain as never, 50);
  plain.setErrorHandler((error, _request, reply) => {
    void reply.code(503).send({ code: (error as { code?: string }).code });
  });
  plain.post('/hang', (request) => {
    return new Promise((_resolve, reject) => {
      request.deadline?.addEventListener('abort', () => reject(new Error('gave up')));
    });
  });
  const answer = await plain.inject({ method: 'POST', url: '/hang', payload: { a: 1 } });
  assert.deepEqual([answer.statusCode, answer.json().code], [503, 'request-deadline']);
});

test('wait=applied is 200 with who applied, or 202 with where to look', async (t) => {
  const api = await TestApi.start();
  t.after(() => api.close());
  const at = new Date().toISOString();
  const tell = (proxyId: string, sequence: number) => {
    const { logId } = api.stage.follower.state().snapshot;
    const status = 'applied' as const;
    const place = { logId, sequence, hash: '', target: sequence };
    api.proxies.observe({ proxyId, ...place, status, error: null, at, startedAt: at });
  };
  tell('p1', 1);
  tell('p2', 1);
  api.stage.follower.onAdvance(({ sequence }) => setImmediate(tell, 'p1', sequence));
  const one = await api.ok('PUT', '/v1/tenants/a?wait=applied&quorum=1&timeout=10s', dedicated);
  assert.equal(one.status, 200);
  assert.deepEqual(writeAnswer.parse(one.body).rollout?.applied, ['p1']);
  const all = await api.ok('PUT', '/v1/tenants/b?wait=applied&timeout=100ms', dedicated);
  assert.equal(all.status, 202);
  const { rollout } = writeAnswer.parse(all.body);
  assert.deepEqual([rollout?.reached, rollout?.applied, rollout?.pending], [false, ['p1'], ['p2']]);
  tell('p2', 3);
  const later = await api.ok('GET', rollout?.address ?? '');
  assert.deepEqual((later.body as { applied: string[] }).applied, ['p1', 'p2']);
  assert.equal((await api.call('GET', '/v1/rollouts/99')).status, 404);
  const proxies = (await api.ok('GET', '/v1/proxies')).body as { items: { id: string }[] };
  assert.deepEqual(
    proxies.items.map((proxy) => proxy.id),
    ['p1', 'p2'],
  );
});
