/** No secret leaves: not in an answer, not in a log line, not in an event. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeAnswer } from '@respool/contracts/api-answers';
import { openSecret, pepperOf, verifySecret } from '@respool/contracts/secrets';
import { apiToken, masterKey, TestApi } from '../../test/api.ts';
import { patience } from '../../test/events.ts';

const passwords = ['chosen-by-a-person', 'backend-p4ssword', 'backend-p4ssword-2', 'in-a-bad-body'];
const answers: string[] = [];
let api: TestApi;
let token = '';
before(async () => {
  api = await TestApi.start();
  await tell('PUT', '/v1/tenants/acme', { isolation: { mode: 'db' } });
  const password = passwords[0];
  await tell('PUT', '/v1/tenants/acme/users/person', { secret: { password } });
  const made = await tell('PUT', '/v1/tenants/acme/users/robot', { secret: { token: 'generate' } });
  token = made.tokens?.['acme/robot'] ?? '';
  await tell('PUT', '/v1/backends/cache', backend(passwords[1]));
});
after(() => api.close());

function backend(password?: string | null) {
  const address = { host: '127.0.0.1', port: 6379 };
  return { kind: 'standalone', address, ...(password === undefined ? {} : { password }) };
}

async function tell(method: 'PUT' | 'PATCH' | 'POST', url: string, body?: unknown) {
  const answer = await api.ok(method, url, body, {
    headers: { 'idempotency-key': crypto.randomUUID() },
  });
  answers.push(answer.text);
  return writeAnswer.parse(answer.body);
}

test('a password is stored so that it can be checked, a backend password so that it can be opened', async () => {
  const { snapshot } = api.stage.follower.state();
  const { person, robot } = snapshot.tenants['acme']?.users ?? {};
  const pepper = pepperOf(masterKey);
  assert.ok(person && robot);
  assert.equal(await verifySecret(person.value.verifier, passwords[0] ?? '', pepper), true);
  assert.equal(await verifySecret(robot.value.verifier, token, pepper), true);
  assert.match(token, /^rsp_/);
  const sealed = snapshot.backends['cache']?.value.password;
  assert.ok(sealed);
  const keys = api.stage.vault.keys;
  const key = await keys.dataKey('backend.cache', patience());
  const place = { logId: snapshot.logId, kind: 'backend', id: 'cache', field: 'password' } as const;
  assert.equal(openSecret(key, place, sealed), passwords[1]);
});

test('writing the same secret again changes nothing, another one changes its fingerprint', async () => {
  const person = '/v1/tenants/acme/users/person';
  const same = await tell('PUT', person, { secret: { password: passwords[0] } });
  assert.equal(same.changed, false);
  assert.equal((await tell('PUT', '/v1/backends/cache', backend(passwords[1]))).changed, false);
  assert.equal((await tell('PUT', '/v1/backends/cache', backend())).changed, false);
  const before = (await tell('PUT', '/v1/backends/cache', backend())).backend?.password;
  const other = await tell('PATCH', '/v1/backends/cache', { password: passwords[2] });
  assert.notEqual(other.backend?.password?.fingerprint, before?.fingerprint);
  const none = await tell('PATCH', '/v1/backends/cache', { password: null });
  assert.equal(none.backend?.password, null);
});

test('a new token is shown once, by the request that made it', async () => {
  const url = '/v1/tenants/acme/users/robot/token';
  const headers = { 'idempotency-key': 'token-once' };
  const first = writeAnswer.parse((await api.ok('POST', url, undefined, { headers })).body);
  const made = first.tokens?.['acme/robot'] ?? '';
  assert.match(made, /^rsp_/);
  assert.notEqual(made, token);
  const again = writeAnswer.parse((await api.ok('POST', url, undefined, { headers })).body);
  assert.deepEqual([again.sequence, again.tokens], [first.sequence, undefined]);
  const { verifier } =
    api.stage.follower.state().snapshot.tenants['acme']?.users['robot']?.value ?? {};
  assert.ok(verifier);
  assert.equal(await verifySecret(verifier, made, pepperOf(masterKey)), true);
  assert.equal(await verifySecret(verifier, token, pepperOf(masterKey)), false);
});

test('nothing that was answered, logged or stored holds a secret', async () => {
  const bad = JSON.stringify({ password: passwords[3], secret: { password: passwords[3] }, x: 1 });
  answers.push((await api.call('PUT', '/v1/backends/cache', undefined, { raw: bad })).text);
  answers.push((await api.call('PUT', '/v1/backends/cache', undefined, { raw: `${bad}}` })).text);
  for (const url of [
    ...['/v1/state', '/v1/events?limit=500', '/v1/diff?from=1', '/v1/backends', '/metrics'],
    ...['/v1/tenants/acme/users', '/v1/tenants/acme/users/person', '/v1/backends/cache'],
  ]) {
    answers.push((await api.ok('GET', url)).text);
  }
  let stored = '';
  for await (const { bytes } of api.log.read(0, patience())) {
    stored += Buffer.from(bytes).toString();
  }
  const answered = answers.join('\n').replaceAll(token, '');
  const logged = api.logged.join('\n');
  assert.ok(logged.includes('/v1/tenants/acme/users/person'), 'requests are logged');
  for (const secret of [...passwords, token, apiToken, masterKey.toString('base64')]) {
    for (const [where, text] of Object.entries({ answered, logged, stored })) {
      for (const form of [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')]) {
        assert.ok(!text.includes(form), `${secret} was ${where}`);
      }
    }
  }
  assert.ok(!answered.includes('"digest"') && !answered.includes('"salt"'));
});

test('a hash of a request that holds a password is keyed, so that the log is no test for passwords', () => {
  const { vault } = api.stage;
  const hash = vault.requestHash('PUT', '/v1/x', '', { password: 'a' });
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(hash, vault.requestHash('PUT', '/v1/x', '', { password: 'a' }));
  assert.notEqual(hash, vault.requestHash('PUT', '/v1/x', '', { password: 'b' }));
});
