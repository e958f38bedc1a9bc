/** KPOP … BLOCK over real sockets: who waits, what wakes it, and every way to end a wait. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { PositionError } from '../positions/positions.ts';
import { all, PopRig, replies, shopWith, write } from '../test/pop-rig.ts';
import type { TestClient } from '../test/test-client.ts';

let rig: PopRig;

beforeEach(async () => {
  rig = await PopRig.start();
});

afterEach(() => rig.stop());

/** A client that waits for a record of `orders`. */
async function waiting(...more: readonly string[]): Promise<TestClient> {
  const client = await rig.login();
  write(client, 'KPOP orders BLOCK 0', ...more);
  await rig.positions.until(() => rig.positions.callers === 1);
  return client;
}

test('a record that is pushed wakes it, and what it sent meanwhile comes after', async () => {
  const client = await waiting('PING');
  assert.equal(rig.counts.blocked, 1);
  assert.equal(rig.path.observe.counters.clientsBlocked, 1);
  rig.push('a');
  assert.deepEqual(await replies(client, 2), ['*3 $1 0 $1 0 $1 a', '+PONG']);
  assert.deepEqual(rig.positions.log, ['lent 0:0'], 'PING had come before the reply was flushed');
  await all(client, 'PING');
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'ack 0:0']);
});

test('COUNT takes what is there, and never waits for more than one', async () => {
  const client = await rig.login();
  rig.push('a', 'b');
  assert.deepEqual(await all(client, 'KPOP orders BLOCK 0 COUNT 9'), [
    '*6 $1 0 $1 0 $1 a $1 0 $1 1 $1 b',
  ]);
});

for (const [protocol, nil] of [[2, '$-1'] as const, [3, '_'] as const]) {
  test(`RESP${protocol}: nothing came in time`, async () => {
    const client = await rig.login(protocol);
    assert.deepEqual(await all(client, 'KPOP orders BLOCK 20', 'PING'), [nil, '+PONG']);
    assert.equal(rig.counts.empty, 1);
  });
}

test('earlier commands of a pipeline are answered before it waits', async () => {
  const client = await rig.login();
  write(client, 'PING', 'KPOP orders', 'KPOP orders BLOCK 0');
  assert.deepEqual(await replies(client, 2), ['+PONG', '$-1']);
  await rig.positions.until(() => rig.positions.callers === 1);
  rig.push('a');
  assert.deepEqual(await replies(client), ['*3 $1 0 $1 0 $1 a']);
});

test('CLIENT UNBLOCK ends it as after its time, or with an error, and CLIENT LIST shows it', async () => {
  const operator = await rig.login();
  for (const [how, told] of [
    ['TIMEOUT', '$-1'],
    ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK'],
  ] as const) {
    const client = await rig.login();
    const [id = ''] = await all(client, 'CLIENT ID');
    write(client, 'KPOP orders BLOCK 0');
    await rig.positions.until(() => rig.positions.callers === 1);
    assert.match(await operator.text('CLIENT', 'LIST', 'ID', id.slice(1)), / flags=b .*cmd=kpop/);
    assert.deepEqual(await all(operator, `CLIENT UNBLOCK ${id.slice(1)} ${how}`), [':1']);
    assert.deepEqual(await replies(client), [told]);
    assert.equal(rig.positions.callers, 0);
  }
  rig.push('a');
  assert.deepEqual(rig.positions.log, [], 'nobody waits');
});

test('who leaves while it waits gets nothing: the record goes to the next', async () => {
  const client = await waiting();
  await rig.left(client);
  await rig.positions.until(() => rig.positions.callers === 0);
  const other = await rig.login();
  rig.push('a');
  assert.deepEqual(await all(other, 'KPOP orders'), ['*3 $1 0 $1 0 $1 a']);
  assert.deepEqual(rig.positions.log, ['lent 0:0']);
});

test('who leaves as the record comes gives it back', async () => {
  const client = await waiting();
  const [connection] = rig.path.connections;
  rig.push('a');
  // The record is lent by now, and its reply is made in this turn: the client is gone before.
  connection!.wait?.gone();
  await rig.positions.logged('back 0:0');
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'back 0:0']);
  await rig.left(client);
});

test('who leaves with the reply on its way gives it back', async () => {
  const client = await waiting();
  rig.push('a');
  await replies(client);
  await rig.left(client);
  await rig.positions.logged('nack 0:0');
});

test('when the proxy drains, it is told so and takes nothing', async () => {
  const client = await waiting();
  const drained = rig.path.clients.drain(60_000);
  assert.deepEqual(await replies(client), [
    '-UNBLOCKED the session ends: this proxy stops, or the user is gone',
  ]);
  await drained;
  assert.deepEqual(rig.positions.log, []);
});

for (const [what, tenants, told] of [
  [
    'lost its grant',
    shopWith({ orders: { backend: 'queues', grant: { produce: true, consume: false } } }),
    "-NOPERM this user has no 'consume' grant on 'orders'",
  ],
  [
    'disabled topic',
    shopWith({ orders: { backend: 'queues', enabled: false } }),
    "-ERR topic 'orders' is disabled",
  ],
  [
    'closed backend',
    shopWith({ orders: { backend: 'nowhere' } }),
    '-TRYAGAIN this proxy opens no Kafka backends',
  ],
  ['removed user', {}, '-UNBLOCKED the session ends: this proxy stops, or the user is gone'],
] as const) {
  test(`a change ends the wait: ${what}`, async () => {
    const client = await waiting();
    rig.path.swap(tenants);
    assert.deepEqual(await replies(client), [told]);
    assert.deepEqual([rig.positions.callers, rig.positions.log], [0, []]);
  });
}

test('any other change of the topic is followed, and it waits on', async () => {
  const client = await waiting();
  rig.path.swap(shopWith({ orders: { backend: 'queues', ack: 'manual' } }));
  await rig.positions.until(() => rig.positions.views.length === 2 && rig.positions.callers === 1);
  assert.deepEqual(
    rig.positions.views.map(({ ack }) => ack),
    ['auto', 'manual'],
  );
  rig.push('a');
  assert.deepEqual(await replies(client), ['*3 $1 0 $1 0 $1 a']);
});

test('an error of the position is told, and the client goes on', async () => {
  const client = await waiting('PING');
  rig.positions.fails = new PositionError('no-owner', 'nobody keeps this position now');
  rig.positions.serve();
  assert.deepEqual(await replies(client, 2), ['-TRYAGAIN nobody keeps this position now', '+PONG']);
});
