/**
 * 10,000 commands in one pipeline over a Redis Cluster answer as a single redis-server does, byte
 * for byte and command by command.
 *
 * Method: the same commands go to a real redis-server and, written in pieces of random size, to the
 * proxy; then raw replies are compared one by one. Commands whose reply depends on time, on a
 * server's random seed or on the order of an unordered collection are not drawn. RESPOOL_TEST_SEED
 * repeats a run.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { startCluster } from '../topology/cluster.ts';
import { generator } from '../topology/load.ts';
import { mixedCommand } from '../topology/mixed-commands.ts';
import { type Argument, connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { singleKeySamples } from '../topology/single-key-commands.ts';
import { useStage } from '../topology/stage.ts';
import { clusterBody, createTenant, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const commandCount = 10_000;
const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);
let world: World;
let reference: RedisServer;

before(async () => {
  const [cluster] = await Promise.all([
    startCluster(stage),
    startWorld(stage, { proxies: 1 }).then((started) => {
      world = started;
    }),
    startRedis(stage).then((started) => {
      reference = started;
    }),
  ]);
  await world.api.put('/v1/backends/cluster', clusterBody(cluster));
  for (const prefix of ['two:', 'three:', 'whole:', 'script:']) {
    const tenant = prefix.slice(0, -1);
    const isolation = { mode: 'prefix', prefix } as const;
    await createTenant(world.api, tenant, { isolation, routes: ['cluster'] });
  }
});

for (const [tenant, protocol] of [
  ['two', 2],
  ['three', 3],
] as const) {
  test(`RESP${protocol}: ${commandCount} mixed commands, seed ${seed}`, async () => {
    const random = generator(seed + protocol);
    const commands = Array.from({ length: commandCount }, () => mixedCommand(random));
    await compare(tenant, protocol, commands, random);
  });
}

test('every single-key command, in one pipeline', async () => {
  const commands = singleKeySamples().map((sample) => sample.args);
  await compare('script', 2, commands, generator(seed));
});

async function compare(
  tenant: string,
  protocol: 2 | 3,
  commands: readonly (readonly Argument[])[],
  random: () => number,
): Promise<void> {
  const auth = [tenant, 'any'];
  const direct = await connectRaw({ port: reference.port, protocol });
  const proxied = await connectRaw({ port: world.proxy.port, protocol, auth });
  await direct.call('FLUSHALL');
  const bytes = Buffer.concat(commands.map((command) => encode(...command)));
  const expected = direct.replies(commands.length);
  direct.send(bytes);
  const actual = proxied.replies(commands.length);
  await sendInPieces(proxied, bytes, random);
  const [want, got] = [await expected, await actual];
  for (const [index, command] of commands.entries()) {
    if (want[index]?.equals(got[index] ?? Buffer.alloc(0)) === true) continue;
    assert.fail(
      `seed ${seed}, command ${index}: ${command.join(' ').slice(0, 300)}\n` +
        `redis-server: ${shown(want[index])}\nthrough proxy: ${shown(got[index])}`,
    );
  }
  assert.equal(proxied.waiting, 0, 'no reply beyond the last command');
  assert.equal(await proxied.ask('ECHO', 'end'), 'end');
  direct.close();
  proxied.close();
}

/**
 * Most pieces are small, some large; a turn of the event loop between them lets each be a read of
 * its own.
 */
async function sendInPieces(client: RawClient, bytes: Buffer, random: () => number): Promise<void> {
  for (let cursor = 0; cursor < bytes.length; ) {
    const size = 1 + Math.floor(random() ** 4 * 60_000);
    client.send(bytes.subarray(cursor, cursor + size));
    cursor += size;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function shown(reply: Buffer | undefined): string {
  return JSON.stringify(reply?.toString('latin1').slice(0, 300));
}
