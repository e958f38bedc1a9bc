/**
 * Two control planes take 1,000 changes at once, 500 each; NATS is killed with -9 in the middle.
 *
 * Method: all requests are sent before the first is answered. Each carries an Idempotency-Key and
 * is repeated, in turn at the one control plane and the other, until it is acknowledged: who waits
 * too long for a turn is told 503. Afterwards the log is read straight from NATS: contiguous,
 * chained, every acknowledged change in it exactly once, and the state is what the log says.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import {
  type Acknowledged,
  changeUntilAcknowledged,
  sequenceOf,
} from '../topology/persistent-change.ts';
import { useStage } from '../topology/stage.ts';
import { readVerifiedLog } from '../topology/stored-log.ts';
import { until } from '../topology/until.ts';
import { converged, stateOf } from '../topology/views.ts';
import { startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const changes = 1_000;
let world: World;

before(async () => {
  world = await startWorld(stage, { proxies: 1, controlPlanes: 2 });
});

test('no acknowledged change is lost or doubled, with NATS killed on the way', async () => {
  const acknowledged: Acknowledged[] = [];
  const unexpected: string[] = [];
  const planes = world.controlPlanes.map(({ api }) => api);
  const asked = Array.from({ length: changes }, async (_, index) => {
    acknowledged.push(await changeUntilAcknowledged(planes, index, unexpected));
  });
  await until(() => acknowledged.length > changes / 3, { what: 'a third', deadlineMs: 180_000 });
  await world.nats.kill9();
  await world.nats.restart();
  await Promise.all(asked);

  assert.deepEqual(unexpected, [], 'only 503 and broken connections may ask for a retry');
  assert.equal(acknowledged.length, changes);
  const log = await readVerifiedLog(world.nats);
  const bySequence = new Map(log.map((message) => [message.sequence, message.value]));
  for (const { id, sequence } of acknowledged) {
    const stored = JSON.stringify(bySequence.get(sequence));
    assert.ok(stored?.includes(`"id":"${id}"`), `${id} is not at sequence ${sequence}: ${stored}`);
  }
  assert.equal(new Set(acknowledged.map((each) => each.sequence)).size, changes);
  assert.equal(log.length, 1 + changes, 'LogCreated and one event for each change, none twice');
  const tenants = (await stateOf(world.api)).tenants.map((tenant) => tenant.id);
  assert.equal(tenants.length, changes);
});

test('both control planes and the proxy agree on the end of the log', async () => {
  const [one, two] = world.controlPlanes;
  assert.ok(one && two);
  await until(async () => (await stateOf(one.api)).hash === (await stateOf(two.api)).hash, {
    what: 'the control planes to agree',
  });
  const [proxy] = await converged(one.api, 1);
  assert.equal(proxy?.behind, 0);
});

test('changes of one entity through both: each If-Match wins once', async () => {
  const path = '/v1/tenants/contended';
  const isolation = { mode: 'dedicated' };
  await world.api.put(path, { isolation, description: 'start' });
  for (let round = 0; round < 10; round += 1) {
    const etag = (await world.api.get(path)).headers.get('etag') ?? '';
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        planeAt(index).request(
          'PUT',
          path,
          { isolation, description: `${round}-${index}` },
          { headers: { 'if-match': etag } },
        ),
      ),
    );
    const statuses = answers.map((answer) => answer.status).sort();
    assert.deepEqual(statuses, [200, ...Array.from({ length: 9 }, () => 412)], `round ${round}`);
  }
});

test('an Idempotency-Key repeats the answer at the other control plane, and refuses another body', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const body = { isolation: { mode: 'dedicated' }, description: 'once' };
  const [first, second] = [planeAt(0), planeAt(1)];
  const created = await first.ok('PUT', '/v1/tenants/once', body, { headers });
  const again = await second.ok('PUT', '/v1/tenants/once', body, { headers });
  assert.equal(sequenceOf(again), sequenceOf(created));
  const other = await second.request(
    'PUT',
    '/v1/tenants/once',
    { ...body, description: 'twice' },
    { headers },
  );
  assert.equal(other.status, 422, JSON.stringify(other.body));
});

function planeAt(index: number): World['api'] {
  const plane = world.controlPlanes[index % world.controlPlanes.length];
  assert.ok(plane);
  return plane.api;
}
