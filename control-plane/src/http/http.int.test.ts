/** Control planes as processes over a real nats-server: together, without it, and when it goes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { ackSubject } from '@respool/contracts/subjects';
import { NatsServer } from '../../test/nats-server.ts';
import { PlaneProcess, planeMasterKey, planeToken } from '../../test/plane-process.ts';

const dedicated = { isolation: { mode: 'dedicated' } };

test('two control planes make hundreds of changes at once, none lost and none twice', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const planes = [await PlaneProcess.start(nats), await PlaneProcess.start(nats)];
  t.after(() => Promise.all(planes.map((plane) => plane.stop())));
  const changes = 300;
  const sequences = await Promise.all(
    Array.from({ length: changes }, async (_, at) => {
      const plane = planes[at % 2] as PlaneProcess;
      const headers = { 'idempotency-key': `change-${at}` };
      for (;;) {
        const answer = await plane.call('PUT', `/v1/tenants/t-${at}`, dedicated, headers);
        if (answer.status === 200) return answer.body.sequence as number;
        // Told to come again, which the key makes safe even where the change may be in the log.
        assert.equal(answer.status, 503, JSON.stringify(answer.body));
      }
    }),
  );
  const expected = Array.from({ length: changes }, (_, at) => at + 2);
  assert.deepEqual(
    sequences.sort((a, b) => a - b),
    expected,
  );
  const states = await Promise.all(planes.map((plane) => plane.level('/v1/state')));
  assert.equal(states[0]?.body.hash, states[1]?.body.hash);
  assert.equal(states[0]?.body.tenants.length, changes);
  const audit = await (planes[0] as PlaneProcess).ok('GET', '/v1/audit/verify');
  assert.deepEqual([audit.body.sound, audit.body.sequence], [true, changes + 1]);
});

test('what one control plane has answered, the other one reads at once', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const [one, two] = [await PlaneProcess.start(nats), await PlaneProcess.start(nats)];
  t.after(() => Promise.all([one.stop(), two.stop()]));
  for (let round = 0; round < 30; round++) {
    const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one];
    const written = await writer.ok('PUT', `/v1/tenants/t-${round}`, dedicated);
    const read = await reader.level(`/v1/tenants/t-${round}`);
    assert.equal(read.body.revision, written.body.sequence);
    const user = { secret: { none: true } };
    await reader.ok('PUT', `/v1/tenants/t-${round}/users/app`, user);
  }
});

test('both seal with the same key, which outlives them; another master key is told so', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const planes = [await PlaneProcess.start(nats), await PlaneProcess.start(nats)];
  const backend = {
    kind: 'standalone',
    address: { host: 'h', port: 1 },
    password: 'sealed-p4ssword',
  };
  const answers = await Promise.all(
    planes.map((plane) => plane.ok('PUT', '/v1/backends/cache', backend)),
  );
  await Promise.all(planes.map((plane) => plane.stop()));
  const later = await PlaneProcess.start(nats);
  t.after(() => later.stop());
  const same = await later.ok('PUT', '/v1/backends/cache', backend);
  assert.equal(same.body.changed, false, 'the password opened with the key of before');
  assert.ok(answers.length === 2);
  const stranger = await PlaneProcess.start(nats, { RESPOOL_MASTER_KEY: 'ab'.repeat(32) });
  t.after(() => stranger.stop());
  const refused = await stranger.call('PUT', '/v1/backends/cache', backend);
  assert.deepEqual([refused.status, refused.body.error.code], [500, 'internal']);
  assert.match(refused.body.error.message, /RESPOOL_MASTER_KEY/);
});

test('it starts while NATS is away, says so, and serves when NATS comes', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  await nats.kill9();
  const plane = await PlaneProcess.start(nats, {}, false);
  t.after(() => plane.stop());
  assert.equal((await plane.call('GET', '/livez')).status, 200);
  assert.equal((await plane.call('GET', '/readyz')).status, 503);
  const write = await plane.call('PUT', '/v1/tenants/acme', dedicated);
  assert.deepEqual([write.status, write.body.error.code], [503, 'log-unreachable']);
  assert.equal(write.headers.get('retry-after'), '1');
  await nats.restart();
  await plane.untilReady();
  await plane.ok('PUT', '/v1/tenants/acme', dedicated);
});

test('NATS killed: writes are 503 at their deadline, reads go on, and all is well when it returns', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const plane = await PlaneProcess.start(nats, { RESPOOL_CHANGE_MS_MAX: '1500' });
  t.after(() => plane.stop());
  const put = async (id: string) =>
    (await plane.call('PUT', `/v1/tenants/${id}`, dedicated)).status === 200;
  await plane.until(() => put('acme'));
  await nats.kill9();
  const answers = await Promise.all(
    ['a', 'b', 'c'].map((id) => plane.call('PUT', `/v1/tenants/${id}`, dedicated)),
  );
  for (const { status, body } of answers) {
    assert.deepEqual([status, body.error.code], [503, 'log-unreachable']);
  }
  const read = await plane.ok('GET', '/v1/tenants/acme');
  assert.equal(read.headers.get('respool-stale'), 'true');
  await nats.restart();
  await plane.untilReady();
  await plane.until(() => put('a'));
  assert.equal((await plane.ok('GET', '/v1/audit/verify')).body.sound, true);
});

test('acks on NATS show who applied what; one under a foreign name is refused', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const plane = await PlaneProcess.start(nats);
  t.after(() => plane.stop());
  const proxy = await connect({ servers: nats.url });
  t.after(() => proxy.close());
  const { sequence } = (await plane.ok('PUT', '/v1/tenants/acme', dedicated)).body;
  const { logId, hash } = (await plane.ok('GET', '/v1/state')).body;
  const at = new Date().toISOString();
  const ack = { proxyId: 'p1', logId, sequence, hash, status: 'applied', target: sequence };
  const bytes = JSON.stringify({ ...ack, error: null, at, startedAt: at });
  proxy.publish(ackSubject('p2'), bytes);
  proxy.publish(ackSubject('p1'), 'not an ack');
  proxy.publish(ackSubject('p1'), bytes);
  await plane.until(async () => (await plane.ok('GET', '/v1/proxies')).body.items.length === 1);
  const rollout = await plane.ok('GET', `/v1/rollouts/${sequence}`);
  assert.deepEqual(rollout.body.applied, ['p1']);
  const refused = () => plane.output.match(/an ack was refused/g)?.length ?? 0;
  await plane.until(() => refused() >= 2);
  assert.equal(refused(), 2);
});

test('SIGTERM: requests under way are finished, then it exits with 0', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const plane = await PlaneProcess.start(nats);
  t.after(() => plane.stop());
  const headers = { ...plane.headers, 'content-type': 'application/json', expect: '100-continue' };
  const url = `${plane.url}/v1/tenants/acme`;
  const underWay = request(url, { method: 'PUT', headers, agent: false });
  const answered = once(underWay, 'response');
  underWay.flushHeaders();
  await once(underWay, 'continue');
  const code = plane.stop();
  await plane.until(() => /"cause":"SIGTERM"/.test(plane.output));
  underWay.end(JSON.stringify(dedicated));
  const [answer] = await answered;
  assert.equal(answer.statusCode, 200);
  answer.resume();
  assert.equal(await code, 0);
  assert.match(plane.output, /"msg":"stopped"/);
});

test('nothing the process writes holds a secret, at the most talkative level', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const plane = await PlaneProcess.start(nats);
  const secrets = ['chosen-by-a-person', 'backend-p4ssword', planeToken, planeMasterKey];
  await plane.ok('PUT', '/v1/tenants/acme', dedicated);
  const [password, sealed] = secrets;
  await plane.ok('PUT', '/v1/tenants/acme/users/a', { secret: { password } });
  const address = { host: '127.0.0.1', port: 1 };
  await plane.ok('PUT', '/v1/backends/cache', { kind: 'standalone', address, password: sealed });
  await plane.call('PUT', '/v1/backends/cache', { password: sealed, nonsense: sealed });
  const { body } = await plane.ok('POST', '/v1/tenants/acme/users/a/token');
  const token: string = body.tokens['acme/a'];
  assert.match(token, /^rsp_/);
  await plane.call('GET', `/v1/tenants?token=${planeToken}`);
  assert.equal(await plane.stop(), 0);
  for (const secret of [...secrets, token]) assert.ok(!plane.output.includes(secret), secret);
  assert.match(plane.output, /users\/a\/token/);
});

test('a NATS server that acknowledges before it writes to disk is refused at the start', async (t) => {
  const nats = await NatsServer.start({ sync: 'default' });
  t.after(() => nats.close());
  const plane = PlaneProcess.launch(nats);
  assert.equal(await plane.ended(), 1);
  assert.match(plane.output, /sync_interval: always/);
});

test('a port that is taken and a setting that is wrong are one clear line each', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const plane = await PlaneProcess.start(nats);
  t.after(() => plane.stop());
  const second = PlaneProcess.launch(nats, { RESPOOL_API_PORT: new URL(plane.url).port });
  assert.equal(await second.ended(), 2);
  assert.match(second.output, /^respool control plane: port \d+ .* RESPOOL_API_PORT/m);
  const wrong = PlaneProcess.launch(nats, { RESPOOL_API_PORT: 'high' });
  assert.equal(await wrong.ended(), 2);
  assert.match(wrong.output, /^respool control plane: RESPOOL_API_PORT must be .*\n$/);
});
