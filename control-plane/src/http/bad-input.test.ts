/** Whatever is wrong with a request, the answer has one shape and says what is wrong. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { errorAnswer } from '@respool/contracts/api-answers';
import { errors } from '@respool/contracts/errors';
import { type Answer, TestApi } from '../../test/api.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api.close());

/** The error of an answer, whose shape and status are checked on the way. */
function errorOf(answer: Answer) {
  const { error } = errorAnswer.parse(answer.body);
  assert.equal(answer.status, errors[error.code].http);
  assert.equal(answer.headers['x-request-id'], error.requestId);
  return error;
}

function fieldsOf(answer: Answer): string[] {
  return (errorOf(answer).fields ?? []).map((one) => one.field).sort();
}

test('every field that is wrong is named', async () => {
  const answer = await api.call('PUT', '/v1/backends/cache', {
    kind: 'standalone',
    address: { host: '', port: 70_000, zone: 'x' },
    databases: 'many',
    colour: 'red',
  });
  assert.equal(errorOf(answer).code, 'body-invalid');
  assert.deepEqual(fieldsOf(answer), [
    'address.host',
    'address.port',
    'address.zone',
    'colour',
    'databases',
  ]);
});

test('a field that is missing is named, and so is a kind that does not exist', async () => {
  assert.deepEqual(fieldsOf(await api.call('PUT', '/v1/tenants/acme', {})), ['isolation']);
  assert.deepEqual(fieldsOf(await api.call('PUT', '/v1/backends/b', { kind: 'rabbit' })), ['kind']);
  const kafka = await api.call('PUT', '/v1/backends/b', { kind: 'kafka' });
  assert.deepEqual(fieldsOf(kafka), ['bootstrap']);
  const set = { changes: [{ op: 'put', kind: 'tenant', id: 'UPPER', value: {} }, { op: 'drop' }] };
  assert.deepEqual(fieldsOf(await api.call('POST', '/v1/changes', set)), [
    'changes.0.id',
    'changes.0.value.isolation',
    'changes.1.op',
  ]);
});

test('a secret is a password, a token or none, and exactly one of them', async () => {
  const url = '/v1/tenants/acme/users/app';
  for (const secret of [{}, { none: true, password: 'x' }, { none: false }, { token: 'mine' }]) {
    const fields = fieldsOf(await api.call('PUT', url, { secret }));
    assert.ok(
      fields.every((field) => field.startsWith('secret')),
      JSON.stringify(fields),
    );
    assert.ok(fields.length > 0);
  }
});

test('a prefix with a brace and a name with a dot are refused where they stand', async () => {
  const prefix = { isolation: { mode: 'prefix', prefix: 'a{b}' } };
  assert.deepEqual(fieldsOf(await api.call('PUT', '/v1/tenants/acme', prefix)), [
    'isolation.prefix',
  ]);
  const answer = await api.call('GET', '/v1/tenants/a.b');
  assert.deepEqual([errorOf(answer).code, fieldsOf(answer)], ['path-invalid', ['tenant']]);
});

test('what the command surface does not know is refused where it stands', async () => {
  const wrong = [
    ['PUT', '/v1/tenants/acme', { isolation: { mode: 'db' }, crossSlot: 'split' }, 'crossSlot'],
    ['PATCH', '/v1/tenants/acme', { crossSlot: null }, 'crossSlot'],
    ['PUT', '/v1/tenants/acme/users/app', { passThrough: 'yes' }, 'passThrough'],
    ['PUT', '/v1/tenants/acme/routes/r', { backend: 'b', readFrom: 'closest' }, 'readFrom'],
    ['PATCH', '/v1/tenants/acme/routes/r', { readFrom: null }, 'readFrom'],
  ] as const;
  for (const [method, url, body, field] of wrong) {
    const answer = await api.call(method, url, body);
    assert.deepEqual([answer.status, fieldsOf(answer)], [400, [field]], JSON.stringify(body));
  }
});

test('a command of a module has a plain name, once, and one key', async () => {
  const fieldsWith = async (commands: unknown) => {
    const address = { host: 'h', port: 1 };
    const put = await api.call('PUT', '/v1/backends/b', { kind: 'standalone', address, commands });
    const patch = await api.call('PATCH', '/v1/backends/b', { commands });
    assert.deepEqual(fieldsOf(patch), fieldsOf(put));
    return fieldsOf(put);
  };
  const good = { name: 'json.get', key: 1, writes: false };
  const bad = { name: 'JSON.GET', key: 0, writes: 1, extra: true };
  const fields = ['extra', 'key', 'name', 'writes'].map((field) => `commands.0.${field}`);
  assert.deepEqual(await fieldsWith([bad]), fields);
  assert.deepEqual(await fieldsWith([{ ...good, name: 'two words', key: 17 }]), [
    'commands.0.key',
    'commands.0.name',
  ]);
  assert.deepEqual(await fieldsWith([good, { ...good, key: 2 }]), ['commands.1.name']);
  assert.deepEqual(await fieldsWith(null), ['commands']);
  const many = Array.from({ length: 257 }, (_, at) => ({ ...good, name: `c${at}` }));
  assert.deepEqual(await fieldsWith(many), ['commands']);
});

test('a client cannot choose the database of a route', async () => {
  const answer = await api.call('PUT', '/v1/tenants/a/routes/r', { backend: 'b', database: 3 });
  assert.deepEqual(fieldsOf(answer), ['database']);
});

test('queries are checked like bodies', async () => {
  const cases: Readonly<Record<string, string>> = {
    '/v1/events?limit=501': 'limit',
    '/v1/events?limit=0': 'limit',
    '/v1/events?since=yesterday': 'since',
    '/v1/events?colour=red': 'colour',
    '/v1/state?at=soon': 'at',
    '/v1/diff': 'from',
    '/v1/tenants?limit=x': 'limit',
  };
  for (const [url, field] of Object.entries(cases)) {
    const answer = await api.call('GET', url);
    assert.deepEqual([errorOf(answer).code, fieldsOf(answer)], ['query-invalid', [field]], url);
  }
  for (const query of ['wait=done', 'quorum=0', 'quorum=101%', 'timeout=1h', 'timeout=11s']) {
    const answer = await api.call('DELETE', `/v1/tenants/a?${query}`);
    assert.equal(errorOf(answer).code, 'query-invalid', query);
  }
});

test('bytes that are not UTF-8 and text that is not JSON are refused without repeating them', async () => {
  const url = '/v1/tenants/acme';
  const bytes = Buffer.from('{"description":"caf\xe9"}', 'latin1');
  assert.match(errorOf(await api.call('PUT', url, undefined, { raw: bytes })).message, /UTF-8/);
  const raw = '{"password":"hunter2hunter2" oops}';
  const { code, message } = errorOf(await api.call('PUT', url, undefined, { raw }));
  assert.equal(code, 'body-invalid');
  assert.doesNotMatch(message, /hunter2/);
  assert.equal(errorOf(await api.call('PUT', url, undefined, { raw: '' })).code, 'body-invalid');
  assert.equal(errorOf(await api.call('PUT', url)).code, 'body-invalid');
  assert.equal(errorOf(await api.call('PUT', url, [])).code, 'body-invalid');
  assert.equal(errorOf(await api.call('PUT', url, null)).code, 'body-invalid');
});

test('keys that would reach into object prototypes are unknown fields', async () => {
  const raw = '{"isolation":{"mode":"db"},"__proto__":{"enabled":true},"constructor":1}';
  const answer = await api.call('PUT', '/v1/tenants/acme', undefined, { raw });
  assert.equal(errorOf(answer).code, 'body-invalid');
  assert.ok(fieldsOf(answer).includes('constructor'));
});

test('a body over 1 MiB and a body that is not JSON by its type are refused', async () => {
  const raw = JSON.stringify({ description: 'x'.repeat(1024 * 1024) });
  const large = await api.call('PUT', '/v1/tenants/acme', undefined, { raw });
  assert.equal(errorOf(large).code, 'body-too-large');
  const headers = { 'content-type': 'text/plain' };
  const plain = await api.call('PUT', '/v1/tenants/acme', undefined, { raw: 'x', headers });
  assert.equal(errorOf(plain).code, 'media-type-unsupported');
});

test('an unknown address is 404, a known one with another method is 405 with those it takes', async () => {
  assert.equal(errorOf(await api.call('GET', '/nowhere')).code, 'not-found');
  assert.equal(errorOf(await api.call('GET', '/v1/nowhere')).code, 'not-found');
  const answer = await api.call('POST', '/v1/tenants/acme');
  assert.equal(errorOf(answer).code, 'method-not-allowed');
  assert.equal(answer.headers['allow'], 'DELETE, GET, HEAD, PATCH, PUT');
});

test('a broken address and a name of any length are refused in the same shape', async () => {
  const broken = await api.call('GET', '/v1/tenants/%zz');
  assert.equal(errorAnswer.parse(broken.body).error.code, 'path-invalid');
  const long = await api.call('GET', `/v1/tenants/${'a'.repeat(200)}`);
  assert.equal(errorOf(long).code, 'path-invalid');
  assert.ok(
    [400, 404].includes((await api.call('GET', `/v1/tenants/${'a'.repeat(5_000)}`)).status),
  );
});

test('an Idempotency-Key that is too long or not ASCII is refused', async () => {
  for (const key of ['x'.repeat(129), 'ä', '']) {
    const headers = { 'idempotency-key': key };
    const answer = await api.call(
      'PUT',
      '/v1/tenants/a',
      { isolation: { mode: 'db' } },
      { headers },
    );
    assert.deepEqual(
      [errorOf(answer).code, fieldsOf(answer)],
      ['header-invalid', ['idempotency-key']],
    );
  }
});

test('what is no HTTP at all gets an answer in the same shape, and the server goes on', async () => {
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.app.server.address() as AddressInfo;
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('*1\r\n$4\r\nPING\r\n'));
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
    socket.on('end', () => resolve(said));
    socket.on('error', reject);
  });
  assert.match(text, /^HTTP\/1\.1 400 /);
  const body: unknown = JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
  assert.equal(errorAnswer.parse(body).error.code, 'header-invalid');
  assert.equal((await api.call('GET', '/livez')).status, 200);
});
