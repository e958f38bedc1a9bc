/** The stage itself: servers come up, change as told, and never outlive the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from './cluster.ts';
import { connectRaw, encode } from './raw-client.ts';
import { startRedis } from './redis.ts';
import { slotOf } from './slot.ts';
import { useStage } from './stage.ts';

const stage = useStage();

test('a redis with password and TLS answers over TLS with the password only', async () => {
  const server = await startRedis(stage, { password: 'p@ss word', tls: true, databases: 3 });
  const client = await server.connect();
  assert.equal(await client.call('SET', 'k', 'v'), 'OK');
  assert.match(String(await client.ask('SELECT', 3)), /out of range/);
  client.close();
  const authority = server.certificate?.authority ?? '';
  const stranger = await connectRaw({ port: server.port, authority });
  assert.match(String(await stranger.ask('GET', 'k')), /NOAUTH/);
  stranger.close();
});

test('the raw client keeps every byte of pipelined replies, RESP2 and RESP3', async () => {
  const server = await startRedis(stage);
  for (const protocol of [2, 3] as const) {
    const client = await connectRaw({ port: server.port, protocol });
    const payload = Buffer.from([0, 13, 10, 255, 36, 42]);
    const batch = [
      ['SET', 'b', payload],
      ['GET', 'b'],
      ['HSET', 'h', 'f', 'x'],
      ['HGETALL', 'h'],
      ['GET', 'none'],
    ];
    client.send(Buffer.concat(batch.map((command) => encode(...command))));
    const [ok, got, , all, none] = await client.replies(5);
    assert.equal(ok?.toString('latin1'), '+OK\r\n');
    assert.deepEqual(got, Buffer.concat([Buffer.from('$6\r\n'), payload, Buffer.from('\r\n')]));
    assert.equal(all?.toString(), `${protocol === 3 ? '%1' : '*2'}\r\n$1\r\nf\r\n$1\r\nx\r\n`);
    assert.equal(none?.toString(), protocol === 3 ? '_\r\n' : '$-1\r\n');
    client.close();
  }
});

test('a cluster migrates a slot with its keys, and fails over by command and by kill -9', async () => {
  const cluster = await startCluster(stage, { masters: 3, replicas: 3 });
  const keys = Array.from({ length: 120 }, (_, index) => `{tag}${index}`);
  const slot = slotOf('{tag}0');
  const from = await cluster.nodeOf(slot);
  const writer = await from.server.connect();
  for (const key of keys) assert.equal(await writer.call('SET', key, `v${key}`), 'OK');
  const to = (await cluster.masters()).find((node) => node !== from);
  assert.ok(to);
  let asked = '';
  await cluster.migrateSlot(slot, to, async () => {
    asked = String(await writer.ask('GET', '{tag}missing'));
  });
  assert.match(asked, /^ReplyError: ASK /);
  assert.equal(await cluster.nodeOf(slot), to);
  const reader = await to.server.connect();
  for (const key of keys) assert.equal(await reader.call('GET', key), `v${key}`);
  writer.close();
  reader.close();
  const graceful = await cluster.failover(to, 'graceful');
  assert.equal(await cluster.nodeOf(slot), graceful);
  const [victim] = (await cluster.masters()).filter((node) => node !== graceful);
  assert.ok(victim);
  const heir = await cluster.failover(victim, 'kill9');
  assert.notEqual(heir.id, victim.id);
  assert.equal((await cluster.masters()).length, 3);
});
