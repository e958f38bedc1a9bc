/** Promises of the API that lie between its resources: names, null, size, paging, HEAD. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  errorAnswer,
  eventsAnswer,
  stateAnswer,
  writeAnswer,
} from '@respool/contracts/api-answers';
import { type Answer, apiToken, TestApi } from '../../test/api.ts';
import { MemoryLog } from '../log/memory.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api.close());

const dedicated = { isolation: { mode: 'dedicated' } };

function codeOf(answer: Answer): string {
  return errorAnswer.parse(answer.body).error.code;
}

function changed(answer: Answer): boolean {
  return writeAnswer.parse(answer.body).changed;
}

for (const name of ['constructor', 'tostring', 'valueof', 'hasownproperty', '0', '2024']) {
  test(`a tenant, a user, a backend and a route may be called "${name}", and are absent before`, async () => {
    const address = { host: 'h', port: 1 };
    const one = { [`/v1/tenants/${name}`]: dedicated };
    const backend = { [`/v1/backends/${name}`]: { kind: 'standalone', address } };
    const route = { [`/v1/tenants/${name}/routes/${name}`]: { backend: name } };
    const user = { [`/v1/tenants/${name}/users/${name}`]: { secret: { none: true } } };
    for (const [url, body] of Object.entries({ ...one, ...backend, ...route, ...user })) {
      assert.equal((await api.call('GET', url)).status, 404, url);
      const fresh = { headers: { 'if-none-match': '*' } };
      assert.equal(changed(await api.ok('PUT', url, body, fresh)), true, url);
      await api.ok('GET', url);
    }
    for (const url of Object.keys({ ...user, ...route, ...backend, ...one })) {
      await api.ok('DELETE', url);
    }
  });
}

test('a name outside a-z, 0-9 and hyphen is refused, however it is written', async () => {
  for (const name of ['ä', 'ａ', 'a\u0301', 'a\u200b', 'a b', 'a/b', 'a\0', 'А', '😀', '-a', 'A']) {
    const url = `/v1/tenants/${encodeURIComponent(name)}`;
    assert.equal(
      codeOf(await api.call('PUT', url, dedicated)),
      'path-invalid',
      JSON.stringify(name),
    );
  }
});

test('text comes back as it was sent: accents, symbols, lone halves, control characters', async () => {
  for (const description of ['Müller', '東京', '👩‍🚀', '\u0000\u001f\u2028', 'a\ud800b', '"\\']) {
    await api.ok('PUT', '/v1/tenants/text', { ...dedicated, description });
    const { body } = await api.ok('GET', '/v1/tenants/text');
    assert.equal((body as { description: string }).description, description);
  }
  assert.equal((await api.ok('GET', '/v1/audit/verify')).status, 200);
});

test('in a patch null is a value: taken where the field may be null, else refused', async () => {
  const address = { host: 'h', port: 1 };
  const tls = { serverName: 'redis.test' };
  await api.ok('PUT', '/v1/backends/b', { kind: 'standalone', address, tls, password: 'secret' });
  await api.ok('PUT', '/v1/tenants/n', dedicated);
  await api.ok('PUT', '/v1/tenants/n/routes/r', { backend: 'b' });
  await api.ok('PUT', '/v1/tenants/n/users/u', { secret: { none: true }, backends: ['b'] });
  const kept = (await api.ok('PATCH', '/v1/backends/b', { description: 'x' })).body as {
    backend: { password: object; tls: object };
  };
  assert.ok(kept.backend.password !== null && kept.backend.tls !== null);
  const cleared = await api.ok('PATCH', '/v1/backends/b', { password: null, tls: null });
  const { backend } = cleared.body as { backend: { password: null; tls: null } };
  assert.deepEqual([backend.password, backend.tls], [null, null]);
  const all = (await api.ok('PATCH', '/v1/tenants/n/users/u', { backends: null })).body as {
    user: { backends: null };
  };
  assert.equal(all.user.backends, null);
  for (const [url, body] of [
    ['/v1/tenants/n', { description: null }],
    ['/v1/tenants/n', { isolation: null }],
    ['/v1/tenants/n/users/u', { secret: null }],
    ['/v1/tenants/n/routes/r', { backend: null }],
    ['/v1/backends/b', { address: null }],
  ] as const) {
    assert.equal(codeOf(await api.call('PATCH', url, body)), 'body-invalid', JSON.stringify(body));
  }
  assert.equal(changed(await api.ok('PATCH', '/v1/tenants/n', {})), false);
});

test('an event over 512 KiB is 413 and leaves nothing; its parts are made under one import id', async () => {
  const changes = Array.from({ length: 1_600 }, (_, at) => {
    const value = { ...dedicated, description: 'x'.repeat(200) };
    return { op: 'put', kind: 'tenant', id: `import-${at}`, value };
  });
  const whole = await api.call('POST', '/v1/changes', { changes });
  assert.deepEqual([whole.status, codeOf(whole)], [413, 'event-too-large']);
  assert.equal((await api.call('GET', '/v1/tenants/import-0')).status, 404);
  const importId = crypto.randomUUID();
  const sequences: number[] = [];
  for (const part of [changes.slice(0, 800), changes.slice(800)]) {
    const answer = await api.ok('POST', '/v1/changes', { changes: part, importId });
    sequences.push(writeAnswer.parse(answer.body).sequence);
  }
  for (const sequence of sequences) {
    const { body } = await api.ok('GET', `/v1/events/${sequence}`);
    assert.equal((body as { importId: string }).importId, importId);
  }
});

test('pages of the log neither skip nor repeat while events arrive between them', async () => {
  const seen: number[] = [];
  let after = 0;
  for (let round = 0; ; round++) {
    const url = `/v1/events?limit=3&after=${after}`;
    const { items, next } = eventsAnswer.parse((await api.ok('GET', url)).body);
    seen.push(...items.map((one) => one.sequence));
    if (next === null) break;
    after = next;
    if (round < 10)
      await api.ok('PUT', '/v1/tenants/page', { ...dedicated, description: `${round}` });
  }
  const end = api.stage.follower.state().snapshot.sequence;
  assert.deepEqual(
    seen,
    Array.from({ length: end }, (_, at) => at + 1),
  );
});

test('pages of a list go on by name when entities come and go between them', async () => {
  await api.ok('PUT', '/v1/tenants/pages', dedicated);
  const user = (name: string) => `/v1/tenants/pages/users/${name}`;
  const put = (name: string) => api.ok('PUT', user(name), { secret: { none: true } });
  for (const name of ['b', 'd', 'f', 'h']) await put(name);
  const list = async (after: string) => {
    const url = `/v1/tenants/pages/users?limit=2&after=${after}`;
    const { items } = (await api.ok('GET', url)).body as { items: { name: string }[] };
    return items.map(({ name }) => name);
  };
  assert.deepEqual(await list(''), ['b', 'd']);
  await Promise.all([put('a'), put('e'), api.ok('DELETE', user('d'))]);
  assert.deepEqual(await list('d'), ['e', 'f']);
});

test('HEAD says what GET would, without a body, and is level with the log as well', async () => {
  await api.ok('PUT', '/v1/tenants/head', dedicated);
  const headers = { authorization: `Bearer ${apiToken}` };
  const ask = (method: 'GET' | 'HEAD') =>
    api.app.inject({ method, url: '/v1/tenants/head', headers });
  const [get, head] = [await ask('GET'), await ask('HEAD')];
  assert.deepEqual([head.statusCode, head.body], [200, '']);
  for (const name of ['etag', 'content-length', 'content-type']) {
    assert.equal(head.headers[name], get.headers[name], name);
  }
  assert.equal((await api.app.inject({ method: 'HEAD', url: '/v1/tenants/head' })).statusCode, 401);
  api.log.setReachable(false);
  assert.equal((await ask('HEAD')).headers['respool-stale'], 'true');
  api.log.setReachable(true);
});

test('a body of brackets is refused like any other', async () => {
  for (const raw of ['['.repeat(500_000), `${'['.repeat(400_000)}${']'.repeat(400_000)}`]) {
    const answer = await api.call('PUT', '/v1/tenants/deep', undefined, { raw });
    assert.equal(codeOf(answer), 'body-invalid');
  }
});

test('a DELETE that names a content type and has no body is taken', async () => {
  await api.ok('PUT', '/v1/tenants/gone', dedicated);
  const headers = { 'content-type': 'application/json' };
  await api.ok('DELETE', '/v1/tenants/gone', undefined, { headers });
});

test('events of one instant: as of that instant means after the last of them', async () => {
  const log = new MemoryLog();
  const tied = await TestApi.start({ log });
  const late = Date.parse('2040-01-01T00:00:00.000Z');
  const stage = { ...tied.stage, clock: { ...tied.stage.clock, now: () => late } };
  Object.assign(tied.stage, { clock: stage.clock });
  for (const name of ['a', 'b', 'c']) await tied.ok('PUT', `/v1/tenants/${name}`, dedicated);
  Object.assign(tied.stage, { clock: { ...stage.clock, now: () => late - 60_000 } });
  await tied.ok('PUT', '/v1/tenants/d', dedicated);
  const asOf = async (at: string) =>
    stateAnswer.parse((await tied.ok('GET', `/v1/state?at=${at}`)).body);
  assert.equal((await asOf('2040-01-01T00:00:00.000Z')).sequence, 5);
  assert.equal((await asOf('2040-01-01T01:00:00.000%2B01:00')).sequence, 5);
  assert.equal((await asOf('2039-12-31T23:59:59.999Z')).sequence, 1);
  const { items } = eventsAnswer.parse(
    (await tied.ok('GET', '/v1/events?since=2040-01-01T00:00:00Z&until=2040-01-01T00:00:00Z')).body,
  );
  assert.deepEqual(
    items.map(({ sequence }) => sequence),
    [2, 3, 4, 5],
  );
  await tied.close();
});
