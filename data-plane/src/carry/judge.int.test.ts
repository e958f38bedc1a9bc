/** KACK, KNACK, KLAG and KSEEK over real sockets: what workers and operators say of a position. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { consumerGroup } from '@respool/contracts/queues';
import { PositionError } from '../positions/positions.ts';
import { type Seek, WishError, type Wishes } from '../positions/wishes.ts';
import { all, PopRig, replies, write } from '../test/pop-rig.ts';
import { memoryGateway } from '../test/queues.ts';

let rig: PopRig;
const sought: Seek[] = [];
let refuses: WishError | null = null;
const wishes: Wishes = {
  seek(wish) {
    sought.push(wish);
    return refuses === null ? Promise.resolve(40 + sought.length) : Promise.reject(refuses);
  },
};

beforeEach(async () => {
  sought.length = 0;
  refuses = null;
  rig = await PopRig.start({ wishes });
});

afterEach(() => rig.stop());

test('a record of a manual topic waits for KACK, from any connection, whatever its client does', async () => {
  const [first, second] = [await rig.login(), await rig.login()];
  for (const content of ['a', 'b', 'c']) rig.positions.push('shop/jobs', content);
  await all(first, 'KPOP jobs COUNT 3', 'PING');
  await all(first, 'PING');
  await rig.left(first);
  assert.deepEqual(rig.positions.log, ['lent 0:0', 'lent 0:1', 'lent 0:2']);
  assert.deepEqual(await all(second, 'KACK jobs 0 0 0 2', 'KACK jobs 0 0', 'KNACK jobs 0 1 1 7'), [
    ...[':2', ':0', ':1'],
  ]);
  assert.deepEqual(await all(second, 'KPOP jobs'), ['*3 $1 0 $1 1 $1 b']);
  assert.deepEqual(rig.positions.log.slice(3), ['kack 0:0', 'kack 0:2', 'knack 0:1', 'lent 0:1']);
  const { pops, acks, nacks, redeliveries } = rig.counts;
  assert.deepEqual(
    { pops, acks, nacks, redeliveries },
    {
      ...{ pops: 4, acks: 2, nacks: 1, redeliveries: 1 },
    },
  );
});

test('a record of a manual topic whose reply was not taken goes back at once', async () => {
  const client = await rig.login();
  rig.positions.push('shop/jobs', 'x'.repeat(32 * 1024 * 1024));
  client.socket.pause();
  client.send(['KPOP', 'jobs']);
  await rig.positions.logged('lent 0:0');
  client.socket.resetAndDestroy();
  await rig.positions.logged('nack 0:0');
});

test('what is wrong about a verdict is said', async () => {
  const client = await rig.login();
  const told = await all(
    client,
    'KACK jobs 0',
    'KACK jobs 0 1 2',
    'KNACK jobs 0 x',
    'KACK none 0 0',
  );
  assert.deepEqual(told, [
    "-ERR wrong number of arguments for 'kack' command",
    '-ERR each partition needs an offset behind it',
    '-ERR offset is not a whole number from 0 to 9007199254740991',
    "-ERR this tenant has no topic 'none'",
  ]);
  rig.positions.fails = new PositionError('no-owner', 'nobody keeps this position now');
  assert.deepEqual(await all(client, 'KACK jobs 0 0'), [
    '-TRYAGAIN nobody keeps this position now',
  ]);
});

test('KLAG: position, end and lag of each partition, as Kafka has them', async () => {
  const client = await rig.login();
  await all(client, 'KPUSH orders 0 a', 'KPUSH orders 0 b', 'KPUSH orders 0 c', 'KPUSH orders 1 d');
  const fresh = '*8 $1 0 $1 0 $1 3 $1 3 $1 1 $1 0 $1 1 $1 1';
  assert.deepEqual(await all(client, 'KLAG orders'), [fresh]);
  const gateway = memoryGateway(rig.memory);
  const group = consumerGroup('shop', 'default');
  const at = (partition: number, offset: number) => {
    return { topic: 'shop.orders', partition, offset, note: '', leaderEpoch: null };
  };
  await gateway.commit(group, [at(0, 2), at(1, 9)], 1_000);
  // Beyond the end of partition 1 there is no position: that topic was another one.
  const moved = '*8 $1 0 $1 2 $1 3 $1 1 $1 1 $1 0 $1 1 $1 1';
  assert.deepEqual(await all(client, 'KLAG orders'), [moved]);
  await gateway.close();
});

test('KSEEK asks the control plane for an event, and answers with its sequence', async () => {
  const client = await rig.login();
  assert.deepEqual(
    await all(client, 'KSEEK orders earliest', 'KSEEK orders 0', 'KSEEK orders 0 7 1 8', 'PING'),
    [':41', ':42', ':43', '+PONG'],
  );
  const whose = { tenant: 'shop', user: 'default', topic: 'orders' };
  const offsets = [
    { partition: 0, offset: 7 },
    { partition: 1, offset: 8 },
  ];
  assert.deepEqual(sought, [
    { ...whose, to: 'earliest' },
    { ...whose, to: { time: '1970-01-01T00:00:00.000Z' } },
    { ...whose, to: { offsets } },
  ]);
});

test('KSEEK needs its grant, and tells why it came to nothing', async () => {
  const client = await rig.login();
  refuses = new WishError('seek-refused', 'topic shop/orders has 2 partitions, and no 7');
  const told = await all(client, 'KSEEK jobs latest', 'KSEEK orders now', 'KSEEK orders 7 0');
  refuses = new WishError('seek-in-doubt', 'NATS is away; it was not sent');
  told.push(...(await all(client, 'KSEEK orders latest')));
  assert.deepEqual(told, [
    "-NOPERM this user has no 'seek' grant on 'jobs'",
    '-ERR a seek goes to earliest, latest, milliseconds since 1970, or to an offset of each partition named',
    '-ERR topic shop/orders has 2 partitions, and no 7',
    '-TRYAGAIN NATS is away; it was not sent',
  ]);
  assert.equal(sought.length, 2);
});

test('a client that leaves while it is not read gives its record back, however late that is seen', async () => {
  const [asked, said] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()];
  const slow: Wishes = {
    seek() {
      asked.resolve();
      return said.promise;
    },
  };
  const other = await PopRig.start({ wishes: slow, settle: { openMs: 0, everyMs: 3_600_000 } });
  const client = await other.login();
  other.push('a');
  // Nothing is read of a client whose KSEEK waits for a control plane.
  write(client, 'KPOP orders', 'KSEEK orders latest');
  await replies(client);
  await asked.promise;
  client.socket.resetAndDestroy();
  for (let looks = 0; looks < 3; looks++) other.path.proxy.unsettled.tick();
  assert.deepEqual(other.positions.log, ['lent 0:0']);
  said.resolve(41);
  await other.positions.logged('nack 0:0');
  await other.stop();
});

test('PROXY EXPLAIN tells of the topic, its place in Kafka, the consumer and the grants', async () => {
  const client = await rig.login();
  const reply = await client.ask('PROXY', 'EXPLAIN', 'KPOP', 'orders');
  assert.ok(reply.type === 'array');
  const texts = reply.items.map((item) => (item.type === 'bulk' ? String(item.bytes) : item));
  const told = (field: string) => texts[texts.indexOf(field) + 1];
  const fields = ['verdict', 'topic', 'kafka-name', 'backend', 'consumer-group', 'ack'];
  assert.deepEqual(fields.map(told), [
    ...['admitted', 'orders', 'shop.orders', 'queues', 'kq.shop.default', 'auto'],
  ]);
  const [denied] = await all(client, 'PROXY EXPLAIN KSEEK jobs latest');
  assert.match(denied ?? '', /NOPERM this user has no 'seek' grant on 'jobs'/);
  assert.match((await all(client, 'PROXY EXPLAIN KPOP none'))[0] ?? '', /no topic 'none'/);
  assert.match((await all(client, 'PROXY EXPLAIN KPOP'))[0] ?? '', /wrong number of arguments/);
  assert.match((await all(client, 'PROXY COMMAND KPOP KACK'))[0] ?? '', / kpop .* native .* kack /);
  assert.match((await all(client, 'PROXY COMMAND GET'))[0] ?? '', /^-ERR no route/);
  assert.match((await all(client, 'PROXY EXPLAIN GET x'))[0] ?? '', /^-ERR no route/);
  assert.deepEqual(rig.positions.log, []);
});
