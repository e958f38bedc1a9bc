/**
 * Bad input on the wire: a clear error each, no crash, no memory growth, nothing executed by half.
 *
 * Method: where Redis says something, the same bytes go to a real redis-server and the words must
 * be the same. Malformed frames are cut at every byte into two writes, because a decoder that
 * resumes can go wrong at any of them. RESPOOL_TEST_SEED repeats the fuzzed part.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { generator } from '../topology/load.ts';
import { mixedCommand } from '../topology/mixed-commands.ts';
import { connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { decodeReply } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until, within } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? 1);
const megabyte = 1024 * 1024;
/** What a test may leave behind: heap that was used once and is kept for the next time. */
const growthBytesMax = 150 * megabyte;
let world: World;
let reference: RedisServer;
let pid: number;
let rssBefore: number;

before(async () => {
  const [backend, plain, started] = await Promise.all([
    startRedis(stage, { name: 'backend' }),
    startRedis(stage, { name: 'reference' }),
    startWorld(stage, { proxies: 1, defaultTenant: 'app' }),
  ]);
  [reference, world] = [plain, started];
  await world.api.put('/v1/backends/main', standaloneBody(backend));
  await createTenant(world.api, 'app', { routes: ['main'] });
  pid = world.proxy.child().pid;
  const warm = await world.proxy.connect();
  await warm.pipeline(Array.from({ length: 2_000 }, (_, n) => ['SET', `warm:${n}`, n]));
  warm.close();
  rssBefore = world.proxy.rssBytes();
});

const malformed: Readonly<Record<string, string>> = {
  'a count that is no number': '*abc\r\n',
  'a count with a blank': '* 1\r\n',
  'a count too large': '*2147483648\r\n',
  'a count beyond 64 bits': '*99999999999999999999\r\n',
  'something else than a bulk string': '*2\r\n$3\r\nGET\r\n:1\r\n',
  'a negative length': '*2\r\n$3\r\nGET\r\n$-1\r\n',
  'a length that is no number': '*1\r\n$x\r\nPING\r\n',
  'a length beyond 512 MB': '*2\r\n$3\r\nGET\r\n$536870913\r\n',
  'an empty length': '*1\r\n$\r\nPING\r\n',
  'quotes that do not end': 'SET key "value\r\n',
  'quotes with more behind': 'SET key "value"more\r\n',
};

for (const [what, frame] of Object.entries(malformed)) {
  test(`${what}: Redis's own words, then the end, whatever the cut`, async () => {
    const bytes = Buffer.from(`${encode('ECHO', 'first')}${frame}`);
    const expected = await repliesUntilClose(await reference.connect(), [bytes]);
    assert.match(expected, /ERR Protocol error/, 'Redis takes it for malformed too');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const got = await repliesUntilClose(await world.proxy.connect(), pieces);
      assert.equal(got, expected, `cut at ${cut}`);
    }
  });
}

test('a command cut off at any byte is not executed', async () => {
  const whole = encode('SET', 'never-written', 'value');
  for (let cut = 0; cut < whole.length; cut += 1) {
    const client = await world.proxy.connect();
    client.send(Buffer.concat([encode('SET', 'written', cut), whole.subarray(0, cut)]));
    assert.equal(decodeReply((await client.replies(1))[0] ?? Buffer.alloc(0)), 'OK');
    client.socket.end();
    await within(client.closed, 'the half-closed connection to end');
  }
  const client = await world.proxy.connect();
  assert.equal(await client.ask('EXISTS', 'never-written'), 0);
  assert.equal(await client.ask('GET', 'written'), String(whole.length - 1));
  client.close();
});

test('empty commands get no reply, as in Redis', async () => {
  const client = await world.proxy.connect();
  client.send('\r\n*0\r\n*-1\r\n\r\nPING\r\n*1\r\n$4\r\nPING\r\n');
  const replies = (await client.replies(2)).map(decodeReply);
  assert.deepEqual(replies, ['PONG', 'PONG']);
  assert.equal(await client.ask('ECHO', 'in step'), 'in step');
  client.close();
});

test('unknown commands, wrong arity and wrong arguments: the words of Redis, and on it goes', async () => {
  const commands = [
    ['NOSUCH'],
    ['NOSUCH', 'with', 'arguments'],
    ['NOSUCH', 'x'.repeat(500), 'y'.repeat(500)],
    ['n\u00f6such'],
    ['NOSUCH', 'cut\0here', 'next'],
    ['NOSUCH', 'two\r\nlines'],
    ['NOSUCH', 'cut\0here', 'next'],
    ['NOSUCH', 'two\r\nlines'],
    [''],
    ['GET'],
    ['GET', 'a', 'b'],
    ['SET', 'a'],
    ['MSET', 'a'],
    ['MSET', 'a', '1', 'b'],
    ['MGET'],
    ['DEL'],
    ['OBJECT'],
    ['OBJECT', 'NOSUCH', 'key'],
    ['XGROUP', 'NOSUCH', 'key'],
    ['SET', 'a', 'b', 'EX', 'no'],
    ['SET', 'a', 'b', 'NOSUCHOPTION'],
    ['ECHO'],
    ['PING', 'a', 'b'],
    ['SELECT'],
    ['INCRBY', 'a', '9223372036854775808'],
  ];
  const [direct, proxied] = [await reference.connect(), await world.proxy.connect()];
  for (const command of commands) {
    const want = (await direct.raw(...command)).toString('latin1');
    const got = (await proxied.raw(...command)).toString('latin1');
    assert.equal(got, want, JSON.stringify(command).slice(0, 80));
  }
  const want = (await direct.pipeline(commands)).map(String);
  assert.deepEqual((await proxied.pipeline(commands)).map(String), want, 'all in one pipeline');
  direct.close();
  proxied.close();
});

test(`noise and damaged pipelines end in a clean close or clean replies, seed ${seed}`, async () => {
  const random = generator(seed);
  for (let round = 0; round < 300; round += 1) {
    const commands = Array.from({ length: 5 }, () => encode(...mixedCommand(random)));
    const bytes = Buffer.concat(commands);
    const damaged = round % 3 === 0 ? noise(random) : damage(bytes, random);
    const client = await connectRaw({ port: world.proxy.port });
    client.send(damaged);
    client.socket.end();
    // The raw client fails on any byte that is no reply; the close itself is what is waited for.
    await within(client.closed, `round ${round} of seed ${seed} to end`);
    const broken = await client.replies(10_000).catch((error: Error) => error.message);
    assert.doesNotMatch(String(broken), /cannot start with/, `round ${round} of seed ${seed}`);
  }
  await answers();
});

test('after all this the proxy is the same process, as small as before', async () => {
  assert.ok(world.proxy.child().running() && world.proxy.child().pid === pid);
  await until(() => world.proxy.rssBytes() - rssBefore <= growthBytesMax, {
    what: `memory to be given back: ${rssBefore} bytes before, ${world.proxy.rssBytes()} now`,
  });
});

test('and it has let go of every client: a stop has nobody to wait for', async () => {
  const nobody = async () => /^respool_connections_open 0$/m.test(await world.proxy.metrics());
  await until(nobody, { what: 'the last client to be let go' });
  assert.equal(await world.proxy.stop(), 0);
});

function noise(random: () => number): Buffer {
  return Buffer.from(
    Array.from({ length: 1 + Math.floor(random() * 2_000) }, () => random() * 256),
  );
}

/** A few bytes changed, left out or doubled. */
function damage(bytes: Buffer, random: () => number): Buffer {
  let damaged = Buffer.from(bytes);
  for (let times = 0; times < 3; times += 1) {
    const at = Math.floor(random() * damaged.length);
    const kind = Math.floor(random() * 3);
    if (kind === 0) damaged[at] = Math.floor(random() * 256);
    const rest = damaged.subarray(at + (kind === 1 ? 1 : 0));
    const double = kind === 2 ? damaged.subarray(at, at + 1) : Buffer.alloc(0);
    damaged = Buffer.concat([damaged.subarray(0, at), double, rest]);
  }
  return damaged;
}

/** The proxy serves a client of good manners. */
async function answers(): Promise<void> {
  const client = await world.proxy.connect();
  assert.equal(await client.ask('GET', 'warm:1'), '1');
  client.close();
}

/** Everything the server says to these pieces until it closes. */
async function repliesUntilClose(client: RawClient, pieces: readonly Buffer[]): Promise<string> {
  for (const piece of pieces) {
    client.send(piece);
    // Two turns let the piece leave and be read before the next one follows.
    await turn();
    await turn();
  }
  await within(client.closed, 'the connection to be closed');
  const replies: Buffer[] = client.waiting > 0 ? await client.replies(client.waiting) : [];
  return replies.map((reply) => reply.toString('latin1')).join('');
}
