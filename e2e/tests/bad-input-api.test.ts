/** Bad input to the API, and an event from the future in the log: clear errors, nothing lost. */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { errorAnswer } from '@respool/contracts/api-answers';
import { Api, type ApiAnswer } from '../topology/api.ts';
import { launchControlPlane } from '../topology/control-plane.ts';
import { startNats } from '../topology/nats.ts';
import { startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { appendForeign, readVerifiedLog } from '../topology/stored-log.ts';
import { until, within } from '../topology/until.ts';
import { headOf, proxiesOf } from '../topology/views.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const path = '/v1/tenants/app';
let world: World;

before(async () => {
  const [redis, started] = await Promise.all([
    startRedis(stage),
    startWorld(stage, { proxies: 1, defaultTenant: 'app' }),
  ]);
  world = started;
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  await createTenant(world.api, 'app', { routes: ['main'] });
});

describe('the API refuses', () => {
  test('bytes that are not UTF-8', async () => {
    const description = Buffer.from('{"isolation":{"mode":"dedicated"},"description":"?"}');
    description[description.indexOf('?')] = 0xff;
    await refuses(put(new Uint8Array(description)), 400, 'body-invalid');
    const surrogate = '{"isolation":{"mode":"dedicated"},"description":"\\ud800"}';
    const lone = await put(surrogate);
    if (lone.status !== 200) assert.equal(codeOf(lone), 'body-invalid');
  });

  test('text that is not JSON, and JSON that is no object', async () => {
    for (const body of ['{', '', '[]', 'null', '"text"', '{"a":1}{']) {
      await refuses(put(body), 400, 'body-invalid');
    }
    await refuses(put(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), 400, 'body-invalid');
  });

  test('a body of wrong fields, naming every one of them', async () => {
    const answer = await world.api.request('PUT', '/v1/backends/bad', {
      kind: 'standalone',
      address: { host: '', port: 70_000 },
      databases: 'many',
      surprise: true,
    });
    assert.equal(answer.status, 400);
    const { error } = errorAnswer.parse(answer.body);
    const fields = (error.fields ?? []).map(({ field }) => field);
    for (const field of ['address.host', 'address.port', 'databases', 'surprise']) {
      assert.ok(
        fields.some((each) => each.includes(field)),
        `${field} in ${fields}`,
      );
    }
  });

  test('names outside the rule, also as bad UTF-8 or with a way out of the path', async () => {
    for (const name of [
      'UPPER',
      'a.b',
      'a_b',
      '-a',
      'x'.repeat(64),
      '%ff',
      '%00',
      '..%2fetc',
      'a%7b',
    ]) {
      const answer = await world.api.request('PUT', `/v1/tenants/${name}`, {
        isolation: { mode: 'db' },
      });
      assert.ok(answer.status === 400 || answer.status === 404, `${name}: ${answer.status}`);
      errorAnswer.parse(answer.body);
    }
  });

  test('bodies too large, before reading them', async () => {
    const huge = `{"description":"${'x'.repeat(8 * 1024 * 1024)}"}`;
    const answer = await put(huge).catch((error: Error) => error);
    // The server may close while the body is still on its way.
    if (!(answer instanceof Error)) await refuses(Promise.resolve(answer), 413, 'body-too-large');
    assert.equal((await world.api.request('GET', '/livez')).status, 200);
  });

  test('wrong methods, unknown paths, missing and wrong tokens', async () => {
    await refuses(world.api.request('PUT', '/v1/events', {}), 405, 'method-not-allowed');
    await refuses(world.api.request('GET', '/v1/nowhere'), 404, 'not-found');
    await refuses(new Api(world.api.url, 'wrong').request('GET', path), 401, 'token-unknown');
    const bare = await fetch(new URL(path, world.api.url));
    assert.equal(bare.status, 401);
    assert.equal(errorAnswer.parse(await bare.json()).error.code, 'token-missing');
  });

  test('queries it does not understand', async () => {
    for (const query of ['at=yesterday', 'at=-1', 'at=1.5']) {
      await refuses(world.api.request('GET', `/v1/state?${query}`), 400, 'query-invalid');
    }
    await refuses(world.api.request('GET', '/v1/state?at=999999'), 400, 'sequence-in-future');
    await refuses(world.api.request('GET', '/v1/events?limit=0'), 400, 'query-invalid');
    const put = world.api.request('PUT', `${path}?wait=applied&timeout=2h`, {
      isolation: { mode: 'db' },
    });
    await refuses(put, 400, 'query-invalid');
  });

  test('without changing anything: the log is as long as before', async () => {
    const events = await readVerifiedLog(world.nats);
    assert.equal(events.length, await headOf(world.api));
    assert.equal(
      events.filter(({ value }) => JSON.stringify(value).includes('surprise')).length,
      0,
    );
  });
});

test('a control plane refuses a NATS that acknowledges before it has written', async () => {
  const nats = await startNats(stage, { sync: 'default' });
  const plane = await launchControlPlane(stage, { nats, masterKey: world.masterKey });
  const code = await within(plane.child().exited, 'the control plane to refuse');
  assert.notEqual(code, 0);
  assert.match(plane.child().output(), /sync_interval: always/);
});

test('an event from the future: proxies keep their last good state and say why', async () => {
  const log = await readVerifiedLog(world.nats);
  const last = log.at(-1);
  assert.ok(last);
  const session = await world.proxy.connect();
  assert.equal(await session.ask('SET', 'kept', 'yes'), 'OK');
  const sequence = await appendForeign(world.nats, {
    type: 'ConfigurationChanged',
    version: 2,
    requestId: randomUUID(),
    at: new Date().toISOString(),
    actor: 'a later version',
    reason: '',
    prev: createHash('sha256').update(last.bytes).digest('hex'),
    changes: [{ op: 'put', kind: 'tenant', id: 'app', after: { shape: 'unknown' } }],
  });
  assert.equal(sequence, log.length + 1);
  const proxy = await until(
    async () => (await proxiesOf(world.api)).find((each) => each.status === 'rejected'),
    { what: 'the proxy to reject it' },
  );
  assert.equal(proxy.sequence, log.length, 'it serves with the state before');
  assert.equal(proxy.target, sequence);
  assert.match(proxy.error?.message ?? '', /version 2/);
  assert.equal(await session.ask('GET', 'kept'), 'yes');
  session.close();
});

test('and the control plane neither appends behind it nor hangs nor dies', async () => {
  const answer = await world.api.request('PUT', '/v1/tenants/later', { isolation: { mode: 'db' } });
  assert.ok(answer.status >= 500, `${answer.status}`);
  assert.match(codeOf(answer), /log-corrupt|log-unreachable/);
  assert.match(JSON.stringify(answer.body), /version 2/);
  assert.equal((await world.api.request('GET', '/livez')).status, 200);
  const log = await readVerifiedLog(world.nats);
  assert.equal(log.at(-1)?.value['actor'], 'a later version', 'nothing stands behind it');
});

test('and a proxy restarted now still serves, from its disk cache', async () => {
  await world.proxy.restart();
  const client = await world.proxy.connect();
  assert.equal(await client.ask('GET', 'kept'), 'yes');
  client.close();
});

function put(rawBody: Uint8Array<ArrayBuffer> | string): Promise<ApiAnswer> {
  return world.api.request('PUT', path, undefined, { rawBody });
}

async function refuses(sent: Promise<ApiAnswer>, status: number, code: string): Promise<void> {
  const answer = await sent;
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  const { error } = errorAnswer.parse(answer.body);
  assert.equal(error.code, code);
  assert.ok(error.message.length > 0 && error.requestId.length > 0);
}

function codeOf(answer: ApiAnswer): string {
  return errorAnswer.parse(answer.body).error.code;
}
