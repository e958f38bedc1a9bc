/** The stage itself: servers come up, change as told, and never outlive the test. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { startCluster } from '../topology/cluster.ts';
import { startHaproxy } from '../topology/haproxy.ts';
import { isClean, startLoad } from '../topology/load.ts';
import { Model } from '../topology/model.ts';
import { startNats } from '../topology/nats.ts';
import { askOnce, connectRaw, encode } from '../topology/raw-client.ts';
import { startRedis } from '../topology/redis.ts';
import type { Value } from '../topology/reply.ts';
import { leftOut, singleKeySamples } from '../topology/single-key-commands.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';
import { patienceMs, until } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld } from '../topology/world.ts';

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

test('nats-server keeps its store and port over kill -9, and confines a proxy', async () => {
  const nats = await startNats(stage);
  const admin = await nats.connect();
  const manager = await jetstreamManager(admin);
  await manager.streams.add({
    name: 'respool_log',
    subjects: ['respool.log.>'],
    allow_direct: true,
  });
  await jetstream(admin).publish('respool.log._global', 'first');
  await admin.close();
  await nats.kill9();
  await nats.restart();
  const { user, password } = nats.proxy(0);
  const proxy = await connect({
    servers: nats.url,
    user,
    pass: password,
    inboxPrefix: `_INBOX_${user}`,
  });
  const got = await proxy.request('$JS.API.DIRECT.GET.respool_log', '{"seq":1}');
  assert.equal(got.string(), 'first');
  await assert.rejects(
    proxy.request('respool.log._global', 'forged', { timeout: patienceMs }),
    /Permissions Violation/,
  );
  await proxy.close();
});

test('the load model accepts true histories and no other', async () => {
  const server = await startRedis(stage);
  const load = await startLoad({
    clients: 5,
    depth: 20,
    seed: 1,
    connect: () => server.connect(),
  });
  await until(() => load.batches() > 200, { what: '200 batches' });
  const report = await load.stop();
  assert.equal(isClean(report), null);
  const model = new Model(true);
  assert.equal(model.check(['SET', 'k', 'a'], '+OK\r\n'), null);
  assert.equal(model.check(['SET', 'k', 'b'], '+OK\r\n'), null);
  assert.equal(model.check(['GET', 'k'], '$1\r\nb\r\n'), null);
  assert.equal(model.check(['GET', 'k'], '$-1\r\n'), null, 'moved to the empty backend');
  assert.ok(model.moved);
  assert.ok(!model.movedBetween(new Set([0, 2])) && model.movedBetween(new Set([3])));
  assert.match(String(model.check(['GET', 'k'], '$1\r\nb\r\n')), /expected/);
});

test('a child ends with its owner, even with one that was killed with -9', async () => {
  const address = (name: string): string =>
    JSON.stringify(new URL(`../topology/${name}`, import.meta.url).href);
  const program = `
    const { newStage } = await import(${address('stage.ts')});
    const { startRedis } = await import(${address('redis.ts')});
    const server = await startRedis(newStage());
    console.log('pid', server.child().pid);
    setInterval(() => {}, 1000);`;
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const owner = stage.child({
      name: 'owner',
      command: process.execPath,
      args: ['--input-type=module', '-e', program],
      // Killed with -9 it cannot remove its folders; they go with ours.
      env: { TMPDIR: stage.folder('owner') },
    });
    const pid = await until(() => /pid (\d+)/.exec(owner.output())?.[1], { what: 'its redis' });
    owner.signal(signal);
    await owner.exited;
    await until(() => !existsSync(`/proc/${pid}`), { what: `redis to end after ${signal}` });
  }
});

test('behind haproxy, new connections go to the proxies that are ready', async () => {
  const world = await startWorld(stage, { proxies: 2, defaultTenant: 'app' });
  const redis = await startRedis(stage);
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  await createTenant(world.api, 'app', { routes: ['main'] });
  const balancer = await startHaproxy(stage, world.proxies);
  await world.proxy.stop();
  await until(
    async () => {
      const replies = await Promise.all(
        Array.from({ length: 4 }, () => askOnce({ port: balancer.port }, 'ECHO', 'there')),
      );
      return replies.every((reply) => reply === 'there');
    },
    { what: 'every new connection to reach the proxy that is left' },
  );
});

test('the single-key script covers the command table of the real server', async () => {
  const server = await startRedis(stage);
  const client = await server.connect();
  const table = (await client.call('COMMAND')) as readonly (readonly Value[])[];
  const sampled = new Set(singleKeySamples().map((sample) => sample.name));
  const missing: string[] = [];
  for (const entry of table.flatMap(withSubcommands)) {
    const [name, , flags, first, last] = entry as [string, number, string[], number, number];
    const isSingle = first > 0 && first === last;
    const isPlain = !flags.includes('blocking') && !flags.includes('movablekeys');
    if (isSingle && isPlain && !sampled.has(name) && !(name in leftOut)) missing.push(name);
  }
  assert.deepEqual(missing, []);
  const twice: string[][] = [];
  for (let round = 0; round < 2; round += 1) {
    await client.call('FLUSHALL');
    const replies: string[] = [];
    for (const { args } of singleKeySamples()) {
      replies.push((await client.raw(...args)).toString('latin1'));
    }
    twice.push(replies);
  }
  assert.deepEqual(twice[0], twice[1]);
  client.close();
});

function withSubcommands(entry: readonly Value[]): readonly (readonly Value[])[] {
  const subcommands = entry[9] as readonly (readonly Value[])[];
  return subcommands.length > 0 ? subcommands : [entry];
}
