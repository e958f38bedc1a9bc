/**
 * Commands over keys of several slots, and about all keys, answer as one redis-server does, byte
 * for byte: for each kind of tenant, in RESP2 and RESP3, and leave nothing of their own behind.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Emulation, startEmulation, type TenantName, tenants } from '../topology/emulation.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { decodeReply, ReplyError, type Value } from '../topology/reply.ts';
import { severalKeysSamples } from '../topology/several-keys-commands.ts';
import { useStage } from '../topology/stage.ts';

const stage = useStage();
const emulating = (Object.keys(tenants) as TenantName[]).filter((one) => one !== 'cluster-strict');
let emulation: Emulation;

before(async () => {
  emulation = await startEmulation(stage);
});

for (const protocol of [2, 3] as const) {
  describe(`RESP${protocol}`, () => {
    for (const tenant of emulating) {
      test(`every reply is the server's own for ${tenant}`, async () => {
        const direct = await emulation.reference.connect();
        if (protocol === 3) await direct.call('HELLO', 3);
        const proxied = await emulation.login(tenant, protocol);
        await direct.call('FLUSHALL');
        await proxied.call('FLUSHALL');
        for (const { args, unordered } of severalKeysSamples()) {
          const [want, got] = [await direct.raw(...args), await proxied.raw(...args)];
          const line = args.join(' ');
          if (unordered) assert.deepEqual(sorted(got), sorted(want), line);
          else assert.equal(got.toString('latin1'), want.toString('latin1'), line);
        }
        assert.deepEqual(await leftOver(tenant), [], 'no copy is left');
        direct.close();
        proxied.close();
      });
    }
  });
}

/** Type of the reply, and its items in an order of their own. */
function sorted(reply: Buffer): Value {
  const value = decodeReply(reply);
  const items = Array.isArray(value) ? value.map(String).sort() : value;
  return [
    String.fromCharCode(reply[0] as number),
    items instanceof ReplyError ? items.message : items,
  ];
}

/** What is on the tenant's servers once it has no key left. */
async function leftOver(tenant: TenantName): Promise<Value[]> {
  const { cluster, server } = emulation;
  const keys: Value[] = [];
  const list = async (client: RawClient): Promise<void> => {
    keys.push(...((await client.call('KEYS', '*')) as Value[]));
  };
  if (tenant.startsWith('cluster')) await cluster.onMasters(list);
  else await list(await server.connect());
  return keys;
}

test('a tenant that wants no emulation is told that its keys lie apart', async () => {
  const client = await emulation.login('cluster-strict');
  const commands = ['SUNION a b', 'RENAME a b', 'BITOP AND a b c', 'SORT a BY w_*', 'MGET a b'];
  for (const line of commands) {
    const reply = await client.ask(...(line.split(' ') as [string]));
    assert.match(String(reply), /CROSSSLOT Keys in request don't hash to the same slot/, line);
  }
  assert.equal(await client.ask('SUNION', '{x}a', '{x}b').then(JSON.stringify), '[]');
  client.close();
});

test('MSETNX over slots says why it cannot be done', async () => {
  const client = await emulation.login('cluster-own');
  const reply = String(await client.ask('MSETNX', 'a', 1, 'b', 2));
  assert.match(reply, /CROSSSLOT .* MSETNX sets all of them or none/);
  client.close();
});

test('a key is carried to another database on a server of one’s own only', async () => {
  const own = await emulation.login('server-own');
  await own.call('SET', 'k', 'v');
  assert.equal(await own.ask('COPY', 'k', 'k', 'DB', 1), 1);
  assert.equal(await own.ask('MOVE', 'k', 1), 0);
  await own.call('SELECT', 1);
  assert.equal(await own.ask('GET', 'k'), 'v');
  await own.call('FLUSHALL');
  for (const tenant of ['server-prefix', 'server-db', 'cluster-prefix'] as const) {
    const client = await emulation.login(tenant);
    for (const words of [
      ['COPY', 'k', 'j', 'DB', 1],
      ['MOVE', 'k', 1],
    ] as const) {
      assert.match(
        String(await client.ask(...words)),
        /is refused here: it would carry a key/,
        tenant,
      );
    }
    client.close();
  }
  own.close();
});

test('flushing one tenant leaves the others as they are', async () => {
  const clients = new Map<TenantName, RawClient>();
  for (const tenant of ['cluster-prefix', 'server-prefix', 'server-db'] as const) {
    const client = await emulation.login(tenant);
    assert.equal(await client.call('FLUSHALL'), 'OK');
    clients.set(tenant, client);
  }
  const others = [await emulation.server.connect(), ...(await masterClients())];
  for (const [index, other] of others.entries()) {
    for (let slot = 0; slot < 50; slot++) await other.ask('SET', `other:${index}:${slot}`, 'x');
  }
  const sizes = async (): Promise<Value[]> => Promise.all(others.map((one) => one.call('DBSIZE')));
  const before = await sizes();
  for (const [tenant, client] of clients) {
    for (let n = 0; n < 300; n++) await client.call('SET', `mine:${n}`, n);
    assert.equal(await client.call('DBSIZE'), 300, tenant);
    assert.equal(await client.call(tenant === 'server-db' ? 'FLUSHALL' : 'FLUSHDB'), 'OK');
    assert.equal(await client.call('DBSIZE'), 0, tenant);
    client.close();
  }
  assert.deepEqual(await sizes(), before);
  for (const other of others) other.close();
});

async function masterClients(): Promise<RawClient[]> {
  const nodes = await emulation.cluster.masters();
  return Promise.all(nodes.map(({ server }) => server.connect()));
}
