/** The pass-through grant: dangerous commands reach a server of the tenant's own, as they are. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import { useStage } from '../topology/stage.ts';
import { type Surface, startSurface } from '../topology/surface.ts';

const stage = useStage();
let surface: Surface;

before(async () => {
  const granted = { passThrough: true } as const;
  surface = await startSurface(stage, {
    root: { backend: 'one', isolation: { mode: 'dedicated' }, ...granted },
    sharer: { backend: 'one', isolation: { mode: 'prefix', prefix: 'q:' }, ...granted },
    rootOfMany: { backend: 'three', isolation: { mode: 'dedicated' }, ...granted },
    looker: { backend: 'one', isolation: { mode: 'dedicated' }, ...granted, readOnly: true },
  });
});

const client = (tenant: string): Promise<RawClient> =>
  connectRaw({ port: surface.path.port, auth: [tenant, ''] });

test('CONFIG SET reaches the server, and CONFIG GET tells what is true of it', async () => {
  const [root, direct] = await Promise.all([client('root'), surface.redis.connect()]);
  assert.equal(await root.call('CONFIG', 'SET', 'maxmemory', '123456789'), 'OK');
  const theirs = await direct.call('CONFIG', 'GET', 'maxmemory');
  assert.deepEqual(theirs, ['maxmemory', '123456789']);
  assert.deepEqual(await root.call('CONFIG', 'GET', 'maxmemory'), theirs);
  const plain = await client('demo');
  assert.deepEqual(await plain.call('CONFIG', 'GET', 'maxmemory'), ['maxmemory', '0']);
  await root.call('CONFIG', 'SET', 'maxmemory', '0');
});

test('replies keep their order among others of a pipeline', async () => {
  const root = await client('root');
  const replies = await root.pipeline([
    ['SET', 'k', 'v'],
    ['DEBUG', 'OBJECT', 'k'],
    ['GET', 'k'],
    ['LASTSAVE'],
    ['SWAPDB', '2', '3'],
    ['PING'],
  ]);
  // The server's own word: a default one keeps DEBUG to itself.
  assert.match(String(replies[1]), /^Value at:|DEBUG command not allowed/);
  assert.deepEqual([replies[0], replies[2], replies[4], replies[5]], ['OK', 'v', 'OK', 'PONG']);
  assert.equal(typeof replies[3], 'number');
});

test('what would make a shared connection something else stays refused', async () => {
  const root = await client('root');
  for (const line of ['PSYNC ? -1', 'SYNC', 'REPLCONF ACK 0', 'CLIENT PAUSE 10']) {
    assert.match(String(await root.ask(...line.split(' '))), /is refused: it would/, line);
  }
  assert.match(String(await root.ask('DEBUG', 'PROTOCOL', 'push')), /is refused/);
  assert.equal(await root.call('PING'), 'PONG');
});

test('without effect where servers are shared, on a cluster, and against read-only', async () => {
  for (const tenant of ['sharer', 'rootOfMany']) {
    const one = await client(tenant);
    for (const line of ['CONFIG SET maxmemory 1', 'DEBUG SLEEP 0', 'SAVE', 'SWAPDB 1 2']) {
      assert.match(String(await one.ask(...line.split(' '))), /is refused/, `${tenant} ${line}`);
    }
  }
  const looker = await client('looker');
  assert.match(String(await looker.ask('MOVE', 'k', '1')), /NOPERM this user is read-only/);
});

test('a SHUTDOWN ends the server and says that its outcome is unknown', async () => {
  const root = await client('root');
  assert.match(String(await root.ask('SHUTDOWN', 'NOSAVE')), /may have/);
  await surface.redis.child().exited;
});
