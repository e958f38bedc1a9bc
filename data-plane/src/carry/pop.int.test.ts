/** KPOP from managed positions over real sockets: replies, and when a record counts as delivered. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { KafkaError } from '@respool/kafka/kafka-error';
import { tenantText } from '../observe/tenant-text.ts';
import { PositionError } from '../positions/positions.ts';
import { all, PopRig, replies, write } from '../test/pop-rig.ts';

let rig: PopRig;
const nil = { 2: '$-1', 3: '_' } as const;
const mebi = 1024 * 1024;

beforeEach(async () => {
  rig = await PopRig.start();
});

afterEach(() => rig.stop());

for (const protocol of [2, 3] as const) {
  test(`RESP${protocol}: a record, or nothing; with COUNT records in one flat list`, async () => {
    const client = await rig.login(protocol);
    rig.push('a', 'b', 'c');
    rig.positions.push('shop/orders', null, 1);
    const tombstone = protocol === 2 ? '$-1' : '_';
    assert.deepEqual(
      await all(client, 'KPOP orders', 'kpop orders count 2', 'KPOP orders COUNT 9', 'KPOP orders'),
      [
        '*3 $1 0 $1 0 $1 a',
        '*6 $1 0 $1 1 $1 b $1 0 $1 2 $1 c',
        `*3 $1 1 $1 0 ${tombstone}`,
        nil[protocol],
      ],
    );
    assert.deepEqual(await all(client, 'KPOP orders COUNT 9'), [nil[protocol]]);
    const { pops, empty, acks, out, redeliveries } = rig.counts;
    assert.deepEqual(
      { pops, empty, acks, out, redeliveries },
      {
        ...{ pops: 4, empty: 2, acks: 4, out: 0, redeliveries: 0 },
      },
    );
  });
}

test('pops of one pipeline are under way side by side, and answered in their order', async () => {
  const client = await rig.login();
  rig.positions.holds = true;
  write(client, 'KPOP orders', 'PING', 'KPOP orders COUNT 2', 'KPOP orders');
  await rig.positions.until(() => rig.positions.callers === 3);
  rig.push('a', 'b', 'c', 'd');
  rig.positions.holds = false;
  rig.positions.serve();
  assert.deepEqual(await replies(client, 4), [
    ...['*3 $1 0 $1 0 $1 a', '+PONG', '*6 $1 0 $1 1 $1 b $1 0 $1 2 $1 c', '*3 $1 0 $1 3 $1 d'],
  ]);
});

test('what a client had sent before the reply was flushed says nothing, what it sends then does', async () => {
  const client = await rig.login();
  rig.push('a', 'b');
  await all(client, 'KPOP orders', 'KPOP orders', 'PING', 'PING');
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'lent 0:1']);
  await all(client, 'PING');
  assert.deepEqual(rig.positions.log.slice(2), ['ack 0:0', 'ack 0:1']);
});

test('any bytes do: half a command says that the reply was read', async () => {
  const client = await rig.login();
  rig.push('a');
  await all(client, 'KPOP orders');
  client.socket.write('*');
  await rig.positions.logged('ack 0:0');
});

test('a connection that stays open settles after a while, without a word', async () => {
  const soon = await PopRig.start({ settle: { openMs: 40, everyMs: 10 } });
  const client = await soon.login();
  soon.push('a');
  await all(client, 'KPOP orders');
  await soon.positions.logged('ack 0:0');
  await soon.stop();
});

test('a client that leaves with a record gives it to the next one, who is told of it first', async () => {
  const [first, second] = [await rig.login(), await rig.login()];
  rig.push('a', 'b');
  assert.deepEqual(await all(first, 'KPOP orders'), ['*3 $1 0 $1 0 $1 a']);
  await rig.left(first);
  assert.deepEqual(await all(second, 'KPOP orders'), ['*3 $1 0 $1 0 $1 a']);
  await all(second, 'PING');
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'nack 0:0', 'lent 0:0', 'ack 0:0']);
  assert.equal(rig.counts.redeliveries, 1);
});

test('a reply that is not all taken is not delivered, whatever else comes from its client', async () => {
  const client = await rig.login();
  rig.push('x'.repeat(32 * mebi));
  client.socket.pause();
  write(client, 'KPOP orders');
  await rig.positions.logged('lent 0:0');
  const [connection] = rig.path.connections;
  const ended = connection!.outlet.given;
  write(client, 'PING');
  while (connection!.outlet.given === ended) await nextTurn();
  assert.deepEqual(rig.positions.log, ['lent 0:0']);
  client.socket.resetAndDestroy();
  await rig.positions.logged('nack 0:0');
});

test('a client that takes a large reply late has it delivered then', async () => {
  const client = await rig.login();
  rig.push('x'.repeat(8 * mebi));
  client.socket.pause();
  write(client, 'KPOP orders');
  await rig.positions.logged('lent 0:0');
  client.socket.resume();
  assert.match((await client.next()).toString('latin1', 0, 40), /^\*3\r\n.*\$8388608\r\nx/s);
  await all(client, 'PING');
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'ack 0:0']);
});

test('a client that leaves before it is answered gets nothing, and nothing is lost', async () => {
  const client = await rig.login();
  rig.positions.holds = true;
  write(client, 'KPOP orders', 'KPOP orders COUNT 5');
  await rig.positions.until(() => rig.positions.callers === 2);
  await rig.left(client);
  await rig.positions.until(() => rig.positions.callers === 0);
  rig.push('a');
  rig.positions.holds = false;
  assert.deepEqual(await all(await rig.login(), 'KPOP orders'), ['*3 $1 0 $1 0 $1 a']);
  assert.deepEqual(rig.positions.log, ['lent 0:0']);
});

test('records behind a reply that never comes go back', async () => {
  const client = await rig.login();
  rig.positions.heldTopic = 'jobs';
  rig.push('a');
  write(client, 'KPOP jobs', 'KPOP orders');
  await rig.positions.logged('lent 0:0');
  await rig.left(client);
  await rig.positions.logged('nack 0:0');
});

test('QUIT says that everything was taken, also in one pipeline with the pop', async () => {
  const client = await rig.login();
  rig.push('a', 'b');
  assert.deepEqual(await all(client, 'KPOP orders', 'KPOP orders', 'QUIT'), [
    ...['*3 $1 0 $1 0 $1 a', '*3 $1 0 $1 1 $1 b', '+OK'],
  ]);
  await rig.positions.logged('ack 0:1');
  assert.deepEqual(rig.positions.log.slice(2), ['ack 0:0', 'ack 0:1']);
});

test('RESET leaves them to be settled as before', async () => {
  const client = await rig.login();
  rig.push('a');
  assert.deepEqual(await all(client, 'KPOP orders', 'RESET'), ['*3 $1 0 $1 0 $1 a', '+RESET']);
  assert.deepEqual(rig.positions.log, ['lent 0:0']);
  await client.ask('HELLO', '3', 'AUTH', 'shop', '');
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'ack 0:0']);
});

test('who is killed gives back what it had', async () => {
  const [client, other] = [await rig.login(), await rig.login()];
  rig.push('a');
  const [id = ''] = await all(client, 'CLIENT ID');
  await all(client, 'KPOP orders');
  assert.deepEqual(await all(other, `CLIENT KILL ID ${id.slice(1)}`), [':1']);
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'nack 0:0']);
});

test('when the proxy drains, who follows it in ending the connection has its record', async () => {
  const client = await rig.login();
  rig.push('a');
  await all(client, 'KPOP orders');
  await rig.path.clients.drain(60_000);
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'ack 0:0']);
});

test('when the proxy drains, who was cut off gives it back before that is over', async () => {
  const client = await rig.login();
  rig.push('x'.repeat(32 * mebi));
  client.socket.pause();
  write(client, 'KPOP orders');
  await rig.positions.logged('lent 0:0');
  await rig.path.clients.drain(20);
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'nack 0:0']);
});

test('without replies nothing is taken: nobody would be told of it', async () => {
  const client = await rig.login();
  rig.push('a');
  write(client, 'CLIENT REPLY OFF', 'KPOP orders', 'KPOP orders BLOCK 0', 'CLIENT REPLY ON');
  assert.deepEqual(await replies(client), ['+OK']);
  write(client, 'CLIENT REPLY SKIP', 'KPOP orders', 'PING');
  assert.deepEqual(await replies(client), ['+PONG']);
  assert.deepEqual(rig.positions.log, []);
  assert.deepEqual(await all(client, 'KPOP orders'), ['*3 $1 0 $1 0 $1 a']);
});

test('who has much unsettled is made to wait, read from all the same', async () => {
  const few = await PopRig.start({ settle: { unsettledMax: 2 } });
  const client = await few.login();
  few.push('a', 'b', 'c');
  write(client, 'KPOP orders', 'KPOP orders', 'KPOP orders');
  await replies(client, 2);
  assert.deepEqual(few.positions.log, ['lent 0:0', 'lent 0:1']);
  write(client, 'PING');
  assert.deepEqual(await replies(client, 2), ['*3 $1 0 $1 2 $1 c', '+PONG']);
  await few.left(client);
  await few.stop();
});

test('a client that leaves while it is made to wait asks for nothing more', async () => {
  const few = await PopRig.start({ settle: { unsettledMax: 1 } });
  const client = await few.login();
  few.push('a', 'b');
  write(client, 'KPOP orders', 'KPOP orders');
  await replies(client);
  await few.left(client);
  await few.positions.logged('nack 0:0');
  assert.deepEqual(few.positions.log, ['lent 0:0', 'nack 0:0']);
  await few.stop();
});

test('errors say what happened, and whether asking again helps', async () => {
  const client = await rig.login();
  const told: string[] = [];
  for (const error of [
    new PositionError('no-owner', 'nobody keeps this position now'),
    new PositionError('window-full', '1000 records of shop.orders are out'),
    new PositionError('closed', 'this proxy stops'),
    new KafkaError('broker-unreachable', 'no broker of shop.orders answers'),
  ]) {
    rig.positions.fails = error;
    told.push(...(await all(client, 'KPOP orders')));
  }
  assert.deepEqual(told, [
    '-TRYAGAIN nobody keeps this position now',
    '-TRYAGAIN 1000 records of orders are out',
    '-TRYAGAIN this proxy stops',
    '-TRYAGAIN Kafka does not serve it now: no broker of orders answers',
  ]);
});

test('the metrics tell of each tenant what its consumers did', async () => {
  const client = await rig.login();
  rig.push('a', 'b');
  await all(client, 'KPOP orders');
  await all(client, 'KPOP orders', 'KPOP orders');
  const lines: string[] = [];
  for await (const piece of tenantText(rig.path.observe.meters())) lines.push(...piece.split('\n'));
  for (const line of [
    'respool_queue_records_popped_total{tenant="shop"} 2',
    'respool_queue_records_acked_total{tenant="shop"} 1',
    'respool_queue_records_nacked_total{tenant="shop"} 0',
    'respool_queue_records_unsettled{tenant="shop"} 1',
    'respool_queue_pops_empty_total{tenant="shop"} 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(
    !lines.some((line) => line.startsWith('respool_queue_') && line.includes('_anonymous')),
  );
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
