/**
 * A change of several entities is never seen by halves, on any proxy.
 *
 * Method: one change-set moves the routes of two tenants and turns a user read-only. Checkers read
 * both tenants in turn through two proxies without pause; a half-applied change would show as a
 * reading that goes back to the state before. On one connection, a batch asks where it is and
 * writes: the pair of answers must belong together.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { RawClient } from '../topology/raw-client.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const flips = 40;
let world: World;

before(async () => {
  let servers: RedisServer[];
  [world, servers] = await Promise.all([
    startWorld(stage, { proxies: 2 }),
    Promise.all(['red', 'blue'].map((name) => startRedis(stage, { name }))),
  ]);
  for (const [index, name] of ['red', 'blue'].entries()) {
    const server = servers[index];
    assert.ok(server);
    await world.api.put(`/v1/backends/${name}`, standaloneBody(server));
    const writer = await server.connect();
    for (const prefix of ['a:', 'b:']) await writer.call('SET', `${prefix}where`, name);
    writer.close();
  }
  for (const tenant of ['a', 'b']) {
    const isolation = { mode: 'prefix', prefix: `${tenant}:` } as const;
    await createTenant(world.api, tenant, { isolation, routes: ['red'] });
  }
});

/** Both tenants to one colour; blue allows reading only. One change-set, so one event. */
async function paint(colour: 'red' | 'blue'): Promise<void> {
  const readOnly = colour === 'blue';
  await world.api.changeApplied([
    ...['a', 'b'].map((tenant) => ({
      ...{ op: 'put', kind: 'route', tenant, id: 'red', value: { backend: colour } },
    })),
    ...['a', 'b'].map((tenant) => ({
      ...{ op: 'patch', kind: 'user', tenant, id: 'default', value: { readOnly } },
    })),
  ]);
}

test(`${flips} change-sets, read continuously through two proxies`, async () => {
  const stop = { now: false };
  const seen = world.proxies.map(() => ({ readings: 0 }));
  const watchers = world.proxies.map(async (proxy, index) => {
    const [a, b] = [await login(proxy, 'a'), await login(proxy, 'b')];
    const across = watchAcross([a, b], stop, seen[index] ?? { readings: 0 });
    const within = Promise.all(
      ['a', 'b'].map(async (tenant) => watchBatches(await login(proxy, tenant), stop)),
    );
    return { across: await across, within: (await within).flat() };
  });
  let painted: 'red' | 'blue' = 'red';
  for (let flip = 0; flip < flips; flip += 1) {
    painted = painted === 'red' ? 'blue' : 'red';
    await paint(painted);
    // Two readings of each tenant at least, so that no change can pass between two readings.
    const goals = seen.map((each) => each.readings + 4);
    await until(() => seen.every((each, index) => each.readings >= (goals[index] ?? 0)), {
      what: 'the watchers to look',
      everyMs: 1,
    });
  }
  stop.now = true;
  for (const { across, within } of await Promise.all(watchers)) {
    assert.equal(across.changes, flips, `colour changed ${across.changes} times: ${across.trail}`);
    assert.ok(across.readings > flips * 2, `only ${across.readings} readings`);
    for (const pair of within) assert.fail(`half a change in one batch: ${pair}`);
  }
});

test('a change-set with one bad entity changes nothing at all', async () => {
  const before = await world.api.get('/v1/state');
  const answer = await world.api.request('POST', '/v1/changes', {
    changes: [
      { op: 'put', kind: 'route', tenant: 'a', id: 'red', value: { backend: 'blue' } },
      { op: 'put', kind: 'route', tenant: 'b', id: 'red', value: { backend: 'no-such-backend' } },
    ],
  });
  assert.equal(answer.status, 409, JSON.stringify(answer.body));
  assert.match(JSON.stringify(answer.body), /no-such-backend/);
  assert.deepEqual((await world.api.get('/v1/state')).body, before.body);
});

async function login(proxy: World['proxy'], tenant: string): Promise<RawClient> {
  return proxy.connect({ auth: [tenant, 'any'] });
}

/** Reads tenant a, then b, then a…: each reading must be as new as the one before. */
async function watchAcross(
  clients: readonly RawClient[],
  stop: { now: boolean },
  seen: { readings: number },
): Promise<{ readings: number; changes: number; trail: string }> {
  const trail: string[] = [];
  let [changes, last] = [0, 'red'];
  // One more round after the end, so that the last change is seen.
  for (let ending = false; !ending; ) {
    ending = stop.now;
    for (const [index, client] of clients.entries()) {
      const where = String(await client.call('GET', 'where'));
      seen.readings += 1;
      if (where === last) continue;
      changes += 1;
      last = where;
      trail.push(`${seen.readings}:${index === 0 ? 'a' : 'b'}=${where}`);
    }
  }
  return { readings: seen.readings, changes, trail: trail.slice(-12).join(' ') };
}

/** Asks and writes in one batch: red and written, or blue and refused, nothing between. */
async function watchBatches(client: RawClient, stop: { now: boolean }): Promise<string[]> {
  const wrong: string[] = [];
  for (let turn = 0; !stop.now; turn += 1) {
    const [first, written, second] = await client.pipeline([
      ['GET', 'where'],
      ['SET', 'scratch', turn],
      ['GET', 'where'],
    ]);
    const refused = written instanceof ReplyError && written.code === 'NOPERM';
    const fits = first === second && (first === 'red' ? written === 'OK' : refused);
    if (!fits && wrong.length < 5) wrong.push([first, written, second].map(shown).join(' '));
  }
  return wrong;
}

function shown(value: Value | undefined): string {
  return value instanceof Error ? value.message : String(value);
}
