/**
 * `npm start`: serves everything, stops everything it started and nothing else, and keeps the data.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import type { Child } from '../topology/child.ts';
import {
  apiOf,
  familyOf,
  launchEmbedded,
  newPlace,
  type Place,
  portSettings,
  ready,
  respOf,
  stillRunning,
} from '../topology/embedded.ts';
import { startRedis } from '../topology/redis.ts';
import { run } from '../topology/run.ts';
import { useStage } from '../topology/stage.ts';
import { redisCli } from '../topology/tools.ts';
import { until, within } from '../topology/until.ts';

const stage = useStage();
let place: Place;
let running: Child;
let banner: string;

before(async () => {
  place = await newPlace(stage);
  running = launchEmbedded(stage, place);
  banner = await ready(running);
});

test('it prints the addresses and three commands that work', async () => {
  const { ports } = place;
  for (const port of [ports.RESPOOL_RESP_PORT, ports.RESPOOL_API_PORT, ports.RESPOOL_ADMIN_PORT]) {
    assert.ok(banner.includes(`127.0.0.1:${port}`), `${port} in\n${banner}`);
  }
  const commands = banner.split('\n').filter((line) => /^ +(\S*redis-cli|curl) /.test(line));
  assert.equal(commands.length, 3, banner);
  const env = { PATH: `${process.env['PATH']}:${(await redisCli()).replace(/\/[^/]*$/, '')}` };
  for (const command of commands) {
    const result = await run('bash', ['-c', command], {
      env,
      cwd: new URL('../..', import.meta.url).pathname,
    });
    assert.equal(result.code, 0, `${command}\n${result.stdout}${result.stderr}`);
    assert.ok(result.stdout.trim().length > 0, command);
    assert.doesNotMatch(result.stdout, /"error"|^\(?error|ERR|refused/i, command);
  }
});

test('the demo tenant needs no password here, and health is told by both planes', async () => {
  const client = await respOf(place);
  assert.equal(await client.ask('PING'), 'PONG');
  assert.equal(await client.ask('SET', 'kept', 'over restarts'), 'OK');
  assert.equal(await client.ask('GET', 'kept'), 'over restarts');
  client.close();
  for (const port of [place.ports.RESPOOL_API_PORT, place.ports.RESPOOL_ADMIN_PORT]) {
    for (const path of ['livez', 'readyz']) {
      const answer = await fetch(`http://127.0.0.1:${port}/${path}`);
      assert.equal(answer.status, 200, `${port}/${path}`);
    }
  }
  const metrics = await fetch(`http://127.0.0.1:${place.ports.RESPOOL_ADMIN_PORT}/metrics`);
  assert.match(await metrics.text(), /^respool_/m);
  const docs = await fetch(`http://127.0.0.1:${place.ports.RESPOOL_API_PORT}/docs`);
  assert.equal(docs.status, 200);
  await apiOf(place).put('/v1/tenants/kept-too', { isolation: { mode: 'prefix', prefix: 'k:' } });
});

test('a second start beside it is refused, naming what to set', async () => {
  const same = launchEmbedded(stage, place);
  assert.notEqual(await within(same.exited, 'the refusal'), 0);
  assert.match(same.output(), /RESPOOL_STATE_DIR/);
  const elsewhere = await newPlace(stage);
  for (const setting of portSettings) {
    const busy = launchEmbedded(stage, elsewhere, { [setting]: String(place.ports[setting]) });
    const family = familyOf(busy.pid);
    assert.notEqual(await within(busy.exited, `the refusal of ${setting}`), 0);
    assert.match(busy.output(), new RegExp(setting));
    assert.match(busy.output(), new RegExp(`\\b${place.ports[setting]}\\b`));
    assert.doesNotMatch(busy.output(), /^\s+at /m, 'a message, not a stack');
    assert.deepEqual(stillRunning(family), []);
  }
  const client = await respOf(place);
  assert.equal(await client.ask('GET', 'kept'), 'over restarts', 'the first one is unharmed');
  client.close();
});

test('Ctrl-C stops everything it started and nothing else', async () => {
  const bystander = await startRedis(stage, { name: 'bystander' });
  await stops(running, 'SIGINT');
  const client = await bystander.connect();
  assert.equal(await client.ask('PING'), 'PONG');
  client.close();
});

test('the next start has the data and the configuration', async (context) => {
  const began = performance.now();
  running = launchEmbedded(stage, place);
  await ready(running);
  context.diagnostic(`it took ${Math.round(performance.now() - began)} ms`);
  await hasEverything();
  await stops(running, 'SIGTERM');
});

test('killed with -9 it leaves nothing running, and starts again', async () => {
  running = launchEmbedded(stage, place);
  await ready(running);
  const family = familyOf(running.pid);
  await running.kill9();
  await until(() => stillRunning(family).length === 0, { what: 'its servers to end with it' });
  running = launchEmbedded(stage, place);
  await ready(running);
  await hasEverything();
  await stops(running, 'SIGINT');
});

let occupant: Server | undefined;
after(() => occupant?.close());

test('a port taken by a stranger is a clear error, and the stranger keeps it', async () => {
  occupant = createServer((socket) => socket.end('stranger'));
  await new Promise<void>((resolve) => {
    occupant?.listen(place.ports.RESPOOL_RESP_PORT, '127.0.0.1', resolve);
  });
  const refused = launchEmbedded(stage, place);
  assert.notEqual(await within(refused.exited, 'the refusal'), 0);
  assert.match(refused.output(), /RESPOOL_RESP_PORT/);
  assert.ok(occupant.listening);
});

async function hasEverything(): Promise<void> {
  const client = await respOf(place);
  assert.equal(await client.ask('GET', 'kept'), 'over restarts');
  client.close();
  assert.equal((await apiOf(place).request('GET', '/v1/tenants/kept-too')).status, 200);
}

/** Signals the group as a terminal does; the whole family must be gone soon, and the ports free. */
async function stops(child: Child, signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
  const family = familyOf(child.pid);
  assert.ok(family.length >= 5, `npm start, two servers and two planes, not ${family}`);
  child.signal(signal);
  await within(child.exited, `npm start to end after ${signal}`);
  await until(() => stillRunning(family).length === 0, {
    what: `no process to be left of ${family}`,
  });
}
