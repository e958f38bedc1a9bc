/**
 * Commands about topics over real sockets, before a Kafka in memory that fails when it is told to.
 *
 * The tenant has no Redis at all: what is about topics needs no route.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Fault, MemoryKafka } from '@respool/kafka/memory';
import type { KafkaBackend } from '../backend/kafka/kafka.ts';
import type { PushLimits } from '../backend/kafka/produce.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { HotPath } from '../test/hot-path.ts';
import { kafkaOver, memoryGateway } from '../test/queues.ts';
import type { TestTenant } from '../test/tenant-state.ts';
import { TestClient } from '../test/test-client.ts';

const dedicated = { backend: 'none', isolation: { mode: 'dedicated' } } as const;
const tenants: Readonly<Record<string, TestTenant>> = {
  shop: {
    ...dedicated,
    topics: {
      orders: { backend: 'queues' },
      notes: { backend: 'queues', grant: { produce: false, consume: true } },
      mail: { backend: 'queues', grant: { produce: true, consume: false } },
      closed: { backend: 'queues', grant: { produce: false, consume: false } },
      off: { backend: 'queues', enabled: false },
      gone: { backend: 'queues' },
      lost: { backend: 'nowhere' },
    },
  },
  other: { ...dedicated, topics: { orders: { backend: 'queues' } } },
  reader: { ...dedicated, readOnly: true, topics: { orders: { backend: 'queues' } } },
};

let memory: MemoryKafka;
let kafka: KafkaBackend;
let path: HotPath;
const clients: TestClient[] = [];

beforeEach(async () => {
  memory = new MemoryKafka();
  for (const tenant of ['shop', 'other', 'reader']) {
    memory.create({ name: `${tenant}.orders`, partitions: 2 });
  }
  for (const name of ['notes', 'mail', 'closed', 'off']) {
    memory.create({ name: `shop.${name}`, partitions: 1 });
  }
  kafka = kafkaOver(memoryGateway(memory));
  path = await HotPath.start({ backends: {}, tenants, kafkas: [kafka] });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await path.stop();
  kafka.close();
  assert.deepEqual(path.failures, []);
});

/** The backend gives up soon, or takes little. */
function reopen(push: Partial<PushLimits>): void {
  kafka.close();
  kafka = kafkaOver(memoryGateway(memory), { push });
  path.kafkas = [kafka];
  path.swap();
}

async function login(tenant: string, protocol: 2 | 3 = 2): Promise<TestClient> {
  const client = await TestClient.connect(path.port);
  clients.push(client);
  await client.ask('HELLO', String(protocol), 'AUTH', tenant, '');
  return client;
}

/** One command a line, in one write; the replies as text, line ends as blanks. */
async function all(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  client.socket.write(Buffer.concat(lines.map((line) => encodeRequest(line.split(' ')))));
  const replies: string[] = [];
  for (const _ of lines) replies.push(shown(await client.next()));
  return replies;
}

function shown(reply: Buffer): string {
  return reply.toString('latin1').trimEnd().replaceAll('\r\n', ' ');
}

for (const protocol of [2, 3] as const) {
  test(`RESP${protocol}: what is pushed can be read at its place, in one pipeline`, async () => {
    const client = await login('shop', protocol);
    assert.deepEqual(
      await all(
        ...[client, 'KPUSH orders 1 first', 'KPUSH orders 1 second', 'kpop orders 1 0'],
        ...['KPOP orders 1 0 1000', 'KPOP orders 1 2', 'KOFFSET orders 1 -1', 'KPARTITION orders'],
        ...['KPARTITIONS orders', 'KOFFSET orders 0 -2', 'KOFFSET orders 0 5'],
      ),
      [
        '*2 $1 1 $1 0',
        '*2 $1 1 $1 1',
        '*3 $1 1 $1 0 $5 first',
        '*6 $1 1 $1 0 $5 first $1 1 $1 1 $6 second',
        '*0',
        '*2 $1 2 $2 -1',
        '*2 $1 0 $1 1',
        '*2 $1 0 $1 1',
        '*2 $1 0 $2 -1',
        '*2 $2 -1 $2 -1',
      ],
    );
  });
}

test('equal keys go to one partition, and any bytes come back as they were', async () => {
  const client = await login('shop');
  const content = Buffer.from([0, 13, 10, 255, 36, 42]);
  const places: string[] = [];
  for (let at = 0; at < 4; at++) {
    const reply = await client.ask('KPUSH', 'orders', content, 'KEY', 'ann');
    assert.ok(reply.type === 'array');
    const [partition] = reply.items;
    assert.ok(partition?.type === 'bulk');
    places.push(String(partition.bytes));
  }
  assert.equal(new Set(places).size, 1);
  const popped = await client.ask('KPOP', 'orders', places[0] as string, '3');
  assert.ok(popped.type === 'array');
  assert.deepEqual(popped.items[2], { type: 'bulk', bytes: content });
});

test('many pushes of one connection are under way at once, and answered in their order', async () => {
  const client = await login('shop');
  const count = 5_000;
  const lines = Array.from({ length: count }, (_, at) => `KPUSH orders 0 m${at}`);
  const replies = await all(client, ...lines);
  const wrong = replies.findIndex((reply, at) => !reply.endsWith(` ${at}`));
  assert.equal(wrong, -1, `reply ${wrong}: ${replies[wrong]}`);
  const writes = memory.batches.length;
  assert.ok(writes < count / 20, `${writes} batches for ${count} pushes`);
  const last = await all(client, `KPOP orders 0 ${count - 1}`);
  assert.deepEqual(last, [`*3 $1 0 $4 ${count - 1} $5 m${count - 1}`]);
});

test('who may not, is told so; a topic of another tenant is not there at all', async () => {
  const client = await login('shop');
  const told = await all(
    ...[client, 'KPUSH notes x', 'KPOP notes 0 0', 'KPOP mail 0 0', 'KPARTITION mail'],
    ...['KOFFSET closed 0 -1', 'KPUSH off x', 'KPUSH other.orders x', 'KPOP shop.orders 0 0'],
    ...['KPUSH gone x', 'KPUSH lost x'],
  );
  assert.deepEqual(told, [
    "-NOPERM this user has no 'produce' grant on 'notes'",
    '*0',
    "-NOPERM this user has no 'consume' grant on 'mail'",
    '*1 $1 0',
    "-NOPERM this user has no 'consume' grant on 'closed'",
    "-ERR topic 'off' is disabled",
    "-ERR this tenant has no topic 'other.orders'",
    "-ERR this tenant has no topic 'shop.orders'",
    '-ERR Kafka refuses it: the backend has no topic gone',
    '-TRYAGAIN this proxy opens no Kafka backends',
  ]);
  const reader = await login('reader');
  assert.match((await all(reader, 'KPUSH orders x'))[0] ?? '', /^-NOPERM this user is read-only/);
  assert.deepEqual(await all(reader, 'KPOP orders 0 0'), ['*0']);
  const nobody = await TestClient.connect(path.port);
  clients.push(nobody);
  assert.match(await nobody.text('KPUSH', 'orders', 'x'), /^-NOAUTH/);
  const [others] = await all(await login('other'), 'KOFFSET orders 0 -1');
  assert.equal(others, '*2 $1 0 $2 -1', 'nothing was pushed anywhere');
});

test('what does not fit is refused with what would', async () => {
  const client = await login('shop');
  await all(client, 'KPUSH orders 0 a');
  const told = await all(
    ...[client, 'KPUSH orders 2 x', 'KPOP orders 2 0', 'KOFFSET orders 2 -1', 'KPOP orders 0 5'],
    ...['KPOP orders', 'KACK orders 0 0', 'KNACK orders 0 0', 'KSEEK orders latest'],
    ...['KPUSH orders'],
  );
  const has = 'topic orders has partitions 0 to 1, not 2';
  assert.deepEqual(told.slice(0, 3), [`-ERR ${has}`, `-ERR ${has}`, `-ERR ${has}`]);
  assert.match(told[3] ?? '', /^-OUTOFRANGE .*0 to 1, not 5$/);
  assert.equal(told[4], '-TRYAGAIN this proxy keeps no positions');
  for (const at of [5, 6])
    assert.match(told[at] ?? '', /^-ERR topic 'orders' is not in manual mode/);
  assert.equal(told[7], "-NOPERM this user has no 'seek' grant on 'orders'");
  assert.equal(told[8], "-ERR wrong number of arguments for 'kpush' command");
});

test('inside MULTI they are refused, and the transaction with them', async () => {
  const client = await login('shop');
  const told = await all(client, 'MULTI', 'KPUSH orders x', 'EXEC');
  assert.match(told[1] ?? '', /^-ERR /);
  assert.match(told[2] ?? '', /^-EXECABORT/);
  assert.deepEqual(await all(client, 'KOFFSET orders 0 -1'), ['*2 $1 0 $2 -1']);
});

const failing = async (fault: Fault, pushMsMax = 60_000) => {
  reopen({ pushMsMax });
  const client = await login('shop');
  await all(client, 'KPUSH orders 0 first');
  memory.fail(fault);
  return (await all(client, 'KPUSH orders 0 second'))[0] ?? '';
};

test('a push whose confirmation was lost is told to be in doubt', async () => {
  const told = await failing({ operation: 'produce', kind: 'stall' }, 500);
  assert.match(told, /^-INDOUBT the record may be stored: not done within \d+ ms/);
});

test('a push that was refused is told to be refused', async () => {
  const told = await failing({ operation: 'produce', kind: 'refuse', code: 'message-too-large' });
  assert.match(told, /^-ERR the record is refused, and not stored: /);
});

test('while no broker answers, reads and pushes are told to try again, and work afterwards', async () => {
  reopen({ pushMsMax: 500 });
  const client = await login('shop');
  await all(client, 'KPUSH orders 0 first');
  memory.isReachable = false;
  const [pushed] = await all(client, 'KPUSH orders 0 second');
  assert.match(pushed ?? '', /^-TRYAGAIN Kafka does not serve it now: /);
  memory.isReachable = true;
  const after = await all(client, 'KPUSH orders 0 third', 'KPOP orders 0 0 1000');
  assert.deepEqual(after, ['*2 $1 0 $1 1', '*6 $1 0 $1 0 $5 first $1 0 $1 1 $5 third']);
});

test('clients wait while too much is on its way, and none of theirs is refused', async () => {
  reopen({ queuedBytesMax: 64 * 1024, batchBytesMax: 8 * 1024 });
  const content = 'x'.repeat(4_000);
  const many = await Promise.all(Array.from({ length: 4 }, () => login('shop')));
  const lines = Array.from({ length: 100 }, () => `KPUSH orders 0 ${content}`);
  const replies = (await Promise.all(many.map((client) => all(client, ...lines)))).flat();
  assert.ok(replies.every((reply) => reply.startsWith('*2 $1 0 ')));
  assert.deepEqual(await all(many[0] as TestClient, 'KOFFSET orders 0 -1'), ['*2 $3 400 $2 -1']);
});

test('a backend that is opened anew stores what is on its way first', async () => {
  const client = await login('shop');
  const before = kafka;
  client.send(['KPUSH', 'orders', '0', 'old']);
  const began = Promise.withResolvers<void>();
  const looking = setInterval(() => before.sample().queuedRecords > 0 && began.resolve(), 1);
  await began.promise;
  clearInterval(looking);
  kafka = kafkaOver(memoryGateway(memory));
  path.kafkas = [kafka];
  path.swap();
  const retired = before.retire(5_000);
  client.send(['KPUSH', 'orders', '0', 'new']);
  assert.equal(shown(await client.next()), '*2 $1 0 $1 0');
  assert.equal(shown(await client.next()), '*2 $1 0 $1 1');
  await retired;
  assert.deepEqual(await all(client, 'KPOP orders 0 0'), ['*3 $1 0 $1 0 $3 old']);
});

test('what a client pushed before it left is stored', async () => {
  const client = await login('shop');
  client.send(['KPUSH', 'orders', '0', 'last']);
  client.socket.end();
  const other = await login('shop');
  let reply = '';
  while (reply !== '*3 $1 0 $1 0 $4 last') [reply = ''] = await all(other, 'KPOP orders 0 0');
});

test('INFO and the metrics tell of it, and what the tenant did is counted', async () => {
  const client = await login('shop');
  await all(client, 'KPUSH orders 0 abc', 'KPUSH orders 0 d KEY ef', 'KPOP orders 0 0 100');
  const info = await client.text('INFO', 'backends');
  assert.match(info, /kafka0:backend=queues,topics=6,up=1\r\n/);
  const { pushes, pushedBytes, reads, recordsRead, queuedRecords } = kafka.sample();
  assert.deepEqual([pushes, reads, queuedRecords], [2, 1, 0]);
  assert.ok(pushedBytes === 6 && recordsRead >= 1);
  const family = path.observe.families.indexOf('queue');
  assert.equal(path.observe.meter('shop').commands[family], 3);
});
