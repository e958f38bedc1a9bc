/** The API as a whole, over a log in memory. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { apiToken, otherToken, TestApi } from '../../test/api.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
  await api.ok('PUT', '/v1/tenants/acme', { isolation: { mode: 'prefix', prefix: 'acme:' } });
  await api.ok('PUT', '/v1/backends/cache', standalone);
  await api.ok('PUT', '/v1/tenants/acme/routes/main', { backend: 'cache' });
  await api.ok('PUT', '/v1/tenants/acme/users/app', { secret: { none: true } });
});
after(() => api.close());

const standalone = { kind: 'standalone', address: { host: '127.0.0.1', port: 6379 } };

test('all of /v1 needs a token, also where there is nothing', async () => {
  for (const path of ['/v1/tenants', '/v1/nothing', '/v1']) {
    const answer = await api.call('GET', path, undefined, { token: null });
    assert.equal(answer.status, 401);
    assert.equal(codeOf(answer), 'token-missing');
    assert.match(String(answer.headers['www-authenticate']), /^Bearer/);
  }
  const wrong = await api.call('GET', '/v1/tenants', undefined, { token: `${apiToken}x` });
  assert.equal(codeOf(wrong), 'token-unknown');
  const basic = { token: null, headers: { authorization: 'Basic eDp5' } };
  assert.equal(codeOf(await api.call('GET', '/v1/tenants', undefined, basic)), 'token-missing');
});

test('health, metrics and the description of the API need no token', async () => {
  for (const path of ['/livez', '/readyz', '/metrics', '/docs/openapi.json']) {
    assert.equal((await api.call('GET', path, undefined, { token: null })).status, 200, path);
  }
});

test('what was written is read back with its revision as ETag', async () => {
  const tenant = await api.ok('GET', '/v1/tenants/acme');
  assert.deepEqual(tenant.body, {
    ...{ id: 'acme', enabled: true, isolation: { mode: 'prefix', prefix: 'acme:' } },
    ...{ description: '', crossSlot: 'emulate', revision: 2, users: 1, routes: 1, topics: 0 },
  });
  assert.equal(tenant.headers['etag'], '"2"');
  const headers = { 'if-none-match': '"2"' };
  assert.equal((await api.call('GET', '/v1/tenants/acme', undefined, { headers })).status, 304);
  const route = await api.ok('GET', '/v1/tenants/acme/routes/main');
  assert.deepEqual(route.body, {
    ...{ id: 'main', tenant: 'acme', backend: 'cache', default: true, database: null },
    ...{ readFrom: 'primary', revision: 4 },
  });
});

test('lists come in pages in the order of names', async () => {
  for (const name of ['u3', 'u1', 'u2']) {
    await api.ok('PUT', `/v1/tenants/acme/users/${name}`, { secret: { none: true } });
  }
  const first = await list('/v1/tenants/acme/users?limit=2');
  assert.deepEqual(first, { names: ['app', 'u1'], next: 'u1' });
  const second = await list('/v1/tenants/acme/users?limit=2&after=u1');
  assert.deepEqual(second, { names: ['u2', 'u3'], next: null });
});

async function list(url: string): Promise<{ names: string[]; next: string | null }> {
  const { body } = await api.ok('GET', url);
  const { items, next } = body as { items: { name: string }[]; next: string | null };
  return { names: items.map((one) => one.name), next };
}

test('a write answers with the place of the change and the entity as it stands', async () => {
  const answer = await api.ok('PUT', '/v1/tenants/beta', { isolation: { mode: 'dedicated' } });
  const body = answer.body as {
    sequence: number;
    changed: boolean;
    changes: unknown;
    tenant: object;
  };
  assert.equal(body.changed, true);
  assert.deepEqual(body.changes, [{ op: 'put', kind: 'tenant', id: 'beta' }]);
  assert.equal((body.tenant as { revision: number }).revision, body.sequence);
  assert.equal(answer.headers['etag'], `"${body.sequence}"`);
});

test('the same write again is no event', async () => {
  const body = { isolation: { mode: 'dedicated' }, description: 'twice' };
  const first = await api.ok('PUT', '/v1/tenants/gamma', body);
  const again = await api.ok('PUT', '/v1/tenants/gamma', body);
  assert.equal(sequenceOf(again), sequenceOf(first));
  assert.equal((again.body as { changed: boolean }).changed, false);
});

test('a patch changes what it names; a delete takes the entity away', async () => {
  await api.ok('PUT', '/v1/tenants/delta', { isolation: { mode: 'dedicated' } });
  await api.ok('PATCH', '/v1/tenants/delta', { enabled: false });
  const { body } = await api.ok('GET', '/v1/tenants/delta');
  assert.equal((body as { enabled: boolean }).enabled, false);
  await api.ok('DELETE', '/v1/tenants/delta');
  const gone = await api.call('GET', '/v1/tenants/delta');
  assert.equal(gone.status, 404);
  assert.equal(codeOf(gone), 'not-found');
  assert.equal((await api.call('DELETE', '/v1/tenants/delta')).status, 404);
});

test('If-Match lets a change through on the revision it names only', async () => {
  const { headers } = await api.ok('PUT', '/v1/tenants/etag', { isolation: { mode: 'dedicated' } });
  const etag = String(headers['etag']);
  await api.ok('PATCH', '/v1/tenants/etag', { enabled: false }, { headers: { 'if-match': etag } });
  const stale = { headers: { 'if-match': etag } };
  const answer = await api.call('PATCH', '/v1/tenants/etag', { enabled: true }, stale);
  assert.equal(answer.status, 412);
  assert.equal(codeOf(answer), 'etag-mismatch');
  const fresh = { headers: { 'if-none-match': '*' } };
  const exists = await api.call('PUT', '/v1/tenants/etag', { isolation: { mode: 'db' } }, fresh);
  assert.equal(codeOf(exists), 'already-exists');
  const odd = { headers: { 'if-match': 'W/"1"' } };
  assert.equal(
    codeOf(await api.call('DELETE', '/v1/tenants/etag', undefined, odd)),
    'header-invalid',
  );
});

test('a repeated Idempotency-Key answers with the first change and makes no second one', async () => {
  const options = { headers: { 'idempotency-key': 'once' } };
  const body = { isolation: { mode: 'dedicated' } };
  const first = await api.ok('PUT', '/v1/tenants/once', body, options);
  await api.ok('PATCH', '/v1/tenants/once', { enabled: false });
  const again = await api.ok('PUT', '/v1/tenants/once?wait=applied', body, options);
  assert.equal(again.headers['idempotency-replayed'], 'true');
  assert.equal(first.headers['idempotency-replayed'], undefined);
  assert.equal(sequenceOf(again), sequenceOf(first));
  const other = await api.call('PUT', '/v1/tenants/once', { isolation: { mode: 'db' } }, options);
  assert.equal(other.status, 422);
  assert.equal(codeOf(other), 'idempotency-reused');
  const someoneElse = { ...options, token: otherToken };
  const theirs = await api.ok('PUT', '/v1/tenants/theirs', body, someoneElse);
  assert.equal(theirs.headers['idempotency-replayed'], undefined);
});

test('a change-set is one event, and a set that breaks a rule leaves nothing behind', async () => {
  const set = (backend: string) => ({
    reason: 'new customer',
    changes: [
      { op: 'put', kind: 'route', tenant: 'set', id: 'main', value: { backend } },
      { op: 'put', kind: 'tenant', id: 'set', value: { isolation: { mode: 'db' } } },
      { op: 'put', kind: 'user', tenant: 'set', id: 'app', value: { secret: { none: true } } },
    ],
  });
  const broken = await api.call('POST', '/v1/changes', set('nowhere'));
  assert.equal(broken.status, 409);
  assert.equal(codeOf(broken), 'conflict-reference');
  assert.equal((await api.call('GET', '/v1/tenants/set')).status, 404);
  const answer = await api.ok('POST', '/v1/changes', set('cache'));
  const event = await api.ok('GET', `/v1/events/${sequenceOf(answer)}`);
  const { changes, reason, actor } = event.body as {
    changes: unknown[];
    reason: string;
    actor: string;
  };
  assert.deepEqual([changes.length, reason, actor], [3, 'new customer', 'operator']);
  const { body } = await api.ok('GET', '/v1/tenants/set/routes/main');
  assert.equal((body as { database: number }).database, 1);
});

test('the API has one description, OpenAPI 3.1, that names every resource', async () => {
  const { body } = await api.ok('GET', '/docs/openapi.json');
  const { openapi, paths } = body as { openapi: string; paths: object };
  assert.match(openapi, /^3\.1/);
  for (const path of ['/v1/tenants/{tenant}/users/{user}/token', '/v1/changes', '/v1/state']) {
    assert.ok(path in paths, path);
  }
  assert.ok(!('/metrics' in paths));
});

test('the page at /docs fetches nothing from other hosts', async () => {
  const page = await api.call('GET', '/docs/');
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.text, /(src|href)="https?:/);
});

function codeOf(answer: { body: unknown }): string {
  return (answer.body as { error: { code: string } }).error.code;
}

function sequenceOf(answer: { body: unknown }): number {
  return (answer.body as { sequence: number }).sequence;
}
