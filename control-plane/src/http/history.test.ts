/** The past: events with filters, the state as of any moment, differences, and the way back. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { diffAnswer, eventsAnswer, stateAnswer, writeAnswer } from '@respool/contracts/api-answers';
import { type Answer, otherToken, TestApi } from '../../test/api.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
  await api.ok('PUT', '/v1/tenants/acme', { isolation: { mode: 'prefix', prefix: 'a:' } });
  await api.ok('PUT', '/v1/backends/cache?reason=first', backend(16));
  await api.ok('PUT', '/v1/tenants/acme/routes/main', { backend: 'cache' });
  await api.ok('PUT', '/v1/tenants/beta', { isolation: { mode: 'db' } }, { token: otherToken });
  await api.ok('PATCH', '/v1/backends/cache', { databases: 8 });
});
after(() => api.close());

function backend(databases: number) {
  return { kind: 'standalone', address: { host: '127.0.0.1', port: 6379 }, databases };
}

async function events(query: string): Promise<{ sequences: number[]; next: number | null }> {
  const { items, next } = eventsAnswer.parse((await api.ok('GET', `/v1/events?${query}`)).body);
  return { sequences: items.map((one) => one.sequence), next };
}

test('events are listed oldest first, a page at a time', async () => {
  assert.deepEqual(await events(''), { sequences: [1, 2, 3, 4, 5, 6], next: null });
  assert.deepEqual(await events('limit=2'), { sequences: [1, 2], next: 2 });
  assert.deepEqual(await events('limit=4&after=2'), { sequences: [3, 4, 5, 6], next: null });
  assert.deepEqual(await events('after=1&before=4'), { sequences: [2, 3], next: null });
  assert.deepEqual(await events('after=100'), { sequences: [], next: null });
});

test('events are found by tenant, kind, id, actor and time', async () => {
  assert.deepEqual((await events('tenant=acme')).sequences, [2, 4]);
  assert.deepEqual((await events('kind=backend')).sequences, [3, 6]);
  assert.deepEqual((await events('id=acme/main')).sequences, [4]);
  assert.deepEqual((await events('kind=tenant&id=beta')).sequences, [5]);
  assert.deepEqual((await events('actor=other')).sequences, [5]);
  assert.deepEqual((await events('until=2001-01-01T00:00:00Z')).sequences, []);
  assert.deepEqual((await events('since=2001-01-01T00:00:00Z')).sequences.length, 6);
  assert.deepEqual((await events('since=2999-01-01T00:00:00Z')).sequences, []);
});

test('one event says who changed what, why, and what stood there before', async () => {
  const { body } = await api.ok('GET', '/v1/events/3');
  assert.equal((body as { reason: string }).reason, 'first');
  const { changes } = (await api.ok('GET', '/v1/events/6')).body as {
    changes: { before: { databases: number }; after: { databases: number } }[];
  };
  assert.deepEqual([changes[0]?.before.databases, changes[0]?.after.databases], [16, 8]);
  assert.equal((await api.call('GET', '/v1/events/999')).status, 404);
  assert.equal((await api.call('GET', '/v1/events/0')).status, 400);
});

async function stateAt(at: string): Promise<{ sequence: number; tenants: string[] }> {
  const { body } = await api.ok('GET', `/v1/state?at=${encodeURIComponent(at)}`);
  const { sequence, tenants } = stateAnswer.parse(body);
  return { sequence, tenants: tenants.map((one) => one.id) };
}

test('the state is read as of a sequence or a time', async () => {
  assert.deepEqual(await stateAt('2'), { sequence: 2, tenants: ['acme'] });
  assert.deepEqual(await stateAt('5'), { sequence: 5, tenants: ['acme', 'beta'] });
  assert.deepEqual(await stateAt('0'), { sequence: 0, tenants: [] });
  assert.deepEqual((await stateAt('2999-01-01T00:00:00Z')).sequence, 6);
  assert.deepEqual((await stateAt('2001-01-01T00:00:00Z')).sequence, 0);
  const { items } = eventsAnswer.parse((await api.ok('GET', '/v1/events')).body);
  const at = items[3]?.at ?? '';
  const sequences = items.filter((one) => one.at <= at).map((one) => one.sequence);
  assert.equal((await stateAt(at)).sequence, Math.max(...sequences));
  const future = await api.call('GET', '/v1/state?at=99');
  assert.deepEqual([future.status, codeOf(future)], [400, 'sequence-in-future']);
});

test('a difference tells what leads from one moment to another', async () => {
  const { changes } = diffAnswer.parse((await api.ok('GET', '/v1/diff?from=4&to=6')).body);
  const lines = changes.map(({ op, kind, id }) => `${op} ${kind} ${id}`);
  assert.deepEqual(lines, ['put tenant beta', 'put backend cache']);
  const back = diffAnswer.parse((await api.ok('GET', '/v1/diff?from=6&to=1')).body);
  assert.equal(back.changes.length, 4);
  assert.ok(back.changes.every((one) => one.op === 'delete'));
});

test('a revert is a new event that brings the old state back', async () => {
  const answer = await api.ok('POST', '/v1/revert', { to: 4, scope: { backend: 'cache' } });
  const { sequence, changes } = writeAnswer.parse(answer.body);
  assert.deepEqual(changes, [{ op: 'put', kind: 'backend', id: 'cache' }]);
  const event = (await api.ok('GET', `/v1/events/${sequence}`)).body as { revertOf: number };
  assert.equal(event.revertOf, 4);
  assert.equal(
    writeAnswer.parse((await api.ok('POST', '/v1/revert', { to: sequence })).body).changed,
    false,
  );
  const whole = await api.ok('POST', '/v1/revert', { to: 1, reason: 'start over' });
  assert.equal(writeAnswer.parse(whole.body).changes.length, 4);
  assert.deepEqual((await stateAt(String(sequence + 1))).tenants, []);
});

test('a revert that would not be valid is refused with the reasons, one to the future too', async () => {
  const answer = await api.call('POST', '/v1/revert', { to: 4, scope: { tenant: 'acme' } });
  assert.deepEqual([answer.status, codeOf(answer)], [409, 'conflict-reference']);
  assert.match(answer.text, /backend cache, which does not exist/);
  const future = await api.call('POST', '/v1/revert', { to: 99 });
  assert.equal(codeOf(future), 'sequence-in-future');
});

test('the audit walks the whole log', async () => {
  const { body } = await api.ok('GET', '/v1/audit/verify');
  const { sound, sequence } = body as { sound: boolean; sequence: number };
  assert.deepEqual([sound, sequence], [true, api.stage.follower.state().snapshot.sequence]);
});

function codeOf(answer: Answer): string {
  return (answer.body as { error: { code: string } }).error.code;
}
