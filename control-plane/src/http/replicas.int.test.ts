/** Control planes as processes: repeated requests through two, a wrong password, signed checkpoints. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import { checkpointBucket } from '@respool/contracts/subjects';
import { NatsServer } from '../../test/nats-server.ts';
import { PlaneProcess } from '../../test/plane-process.ts';

const dedicated = { isolation: { mode: 'dedicated' } };

test('one request repeated through two control planes at once is one event, told to all', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const planes = await Promise.all([PlaneProcess.start(nats), PlaneProcess.start(nats)]);
  t.after(() => Promise.all(planes.map((plane) => plane.stop())));
  for (let round = 0; round < 20; round++) {
    const headers = { 'idempotency-key': `round-${round}` };
    const path = `/v1/tenants/t-${round}`;
    const answers = await Promise.all(
      [...planes, ...planes, ...planes].map((plane) => plane.ok('PUT', path, dedicated, headers)),
    );
    const sequences = new Set(answers.map(({ body }) => body.sequence));
    assert.deepEqual([...sequences], [round + 2]);
    assert.equal(answers.filter(({ body }) => body.changed).length, 1);
    const replayed = answers.filter((one) => one.headers.get('idempotency-replayed') === 'true');
    assert.equal(replayed.length, 5);
  }
});

test('a wrong NATS password is said, waited out, and no secret of it is written', async (t) => {
  const nats = await NatsServer.start({ password: 'the-right-one' });
  t.after(() => nats.close());
  const access = { RESPOOL_NATS_USER: 'plane', RESPOOL_NATS_PASSWORD: 'a-wrong-one' };
  const plane = await PlaneProcess.start(nats, access, false);
  t.after(() => plane.stop());
  assert.equal((await plane.call('GET', '/livez')).status, 200);
  assert.equal((await plane.call('GET', '/readyz')).status, 503);
  const write = await plane.call('PUT', '/v1/tenants/acme', dedicated);
  assert.deepEqual([write.status, write.body.error.code], [503, 'log-unreachable']);
  await plane.until(() => /Authorization Violation/.test(plane.output));
  assert.doesNotMatch(plane.output, /a-wrong-one/);
  const right = { ...access, RESPOOL_NATS_PASSWORD: 'the-right-one' };
  const other = await PlaneProcess.start(nats, right);
  t.after(() => other.stop());
  await other.ok('PUT', '/v1/tenants/acme', dedicated);
});

test('the audit verifies the checkpoints that were signed on the way', async (t) => {
  const nats = await NatsServer.start();
  t.after(() => nats.close());
  const plane = await PlaneProcess.start(nats);
  t.after(() => plane.stop());
  const write = (at: number) => plane.ok('PUT', `/v1/tenants/t-${at}`, dedicated);
  await Promise.all(Array.from({ length: 120 }, (_, at) => write(at)));
  const audit = async () => (await plane.ok('GET', '/v1/audit/verify')).body;
  await plane.until(async () => (await audit()).checkpoints > 0);
  const { sound, sequence, unknownKeys } = await audit();
  assert.deepEqual([sound, sequence, unknownKeys], [true, 121, 0]);
  const intruder = await connect({ servers: nats.url });
  t.after(() => intruder.close());
  const bucket = await new Kvm(intruder).open(checkpointBucket);
  await bucket.put('intruder', 'no checkpoint');
  const { sound: stillSound, badSequence, reason } = await audit();
  assert.deepEqual([stillSound, badSequence], [false, 0]);
  assert.match(reason, /among the checkpoints: not a checkpoint/);
});
