/** Leases of proxies on a clock that the test owns: held, lost, taken over, and never by two at once. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MemoryBucket, MemoryKeys } from '../test/memory-keys.ts';
import { VirtualClock } from '../test/virtual-clock.ts';
import type { SessionId } from './exchange.ts';
import { type Probed, Sessions } from './sessions.ts';

interface TestProxy {
  readonly sessions: Sessions;
  readonly keys: MemoryKeys;
  readonly ended: SessionId[];
  readonly errors: string[];
  /** Time that its own clock is ahead by: a pause in which nothing of it ran. */
  pausedMs: number;
}

class World {
  readonly clock = new VirtualClock();
  readonly bucket = new MemoryBucket();
  /** What a probe of any session finds. */
  probed: Probed = 'silent';
  /** Added to the time of day alone. */
  readonly #proxies: TestProxy[] = [];

  start(t: TestContext, proxyId: string): TestProxy {
    const keys = new MemoryKeys(this.bucket);
    const [ended, errors]: [SessionId[], string[]] = [[], []];
    const logger = {
      ...{ info: () => {}, warn: () => {} },
      error: (_facts: unknown, words: string) => errors.push(words),
    };
    const sessions = new Sessions({
      ...{ proxyId, keys, clock: this.clock, logger: logger as never },
      nowMs: () => this.clock.now() + proxy.pausedMs,
      begin: () => {},
      end: (session) => ended.push(session),
      probe: async () => this.probed,
    });
    const proxy: TestProxy = { sessions, keys, ended, errors, pausedMs: 0 };
    this.#proxies.push(proxy);
    t.after(() => sessions.stop());
    sessions.start();
    return proxy;
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      await this.clock.advance(100);
      for (const { sessions } of this.#proxies) sessions.tick();
    }
  }
}

function sessionOf({ sessions }: TestProxy): SessionId {
  const { session } = sessions;
  assert(session !== null);
  return session;
}

test('a lease is held as long as it is renewed, and others see it alive', async (t) => {
  const world = new World();
  const [one, other] = [world.start(t, 'p1'), world.start(t, 'p2')];
  await world.pass(3_000);
  const session = sessionOf(one);
  for (let round = 0; round < 20; round++) {
    await world.pass(1_000);
    assert.equal(one.sessions.session, session);
    assert.equal(other.sessions.isGone(session), false);
  }
  assert.deepEqual(new Set(other.sessions.alive()), new Set([session, other.sessions.session]));
});

test('a proxy whose renewals fail ends by itself before anybody takes it for gone', async (t) => {
  const world = new World();
  const [one, other] = [world.start(t, 'p1'), world.start(t, 'p2')];
  await world.pass(5_000);
  const session = sessionOf(one);
  one.keys.isAway = true;
  const cutAtMs = world.clock.now();
  let [heldMs, goneMs] = [0, 0];
  for (let passed = 0; passed < 12_000; passed += 100) {
    await world.pass(100);
    if (one.sessions.session === session) heldMs = world.clock.now() - cutAtMs;
    if (goneMs === 0 && other.sessions.isGone(session)) goneMs = world.clock.now() - cutAtMs;
  }
  assert(heldMs <= 4_000, `held for ${heldMs} ms`);
  assert(goneMs > heldMs + 1_000 && goneMs <= 10_000, `gone after ${goneMs} ms`);
  assert.deepEqual(one.ended, [session]);
});

test('after a pause of more than four seconds nothing is held, before anything else runs', async (t) => {
  const world = new World();
  const one = world.start(t, 'p1');
  await world.pass(1_000);
  const session = sessionOf(one);
  assert.equal(one.sessions.holds(), true);
  one.pausedMs += 4_001;
  assert.equal(one.sessions.holds(), false);
  assert.equal(one.sessions.isGone(session), true);
  await world.pass(3_000);
  assert.notEqual(sessionOf(one), session);
  assert.deepEqual([one.ended, one.sessions.losses], [[session], 1]);
});

test('a renewal that was stored and whose answer was lost ends nothing', async (t) => {
  const world = new World();
  const one = world.start(t, 'p1');
  await world.pass(1_000);
  const session = sessionOf(one);
  for (let round = 0; round < 10; round++) {
    one.keys.nextWrite = 'lost';
    await world.pass(2_000);
    assert.equal(one.sessions.session, session);
  }
  assert.deepEqual(one.ended, []);
});

test('no time of day is looked at: a jump of it neither ends a lease nor makes one gone', async (t) => {
  const world = new World();
  const [one, other] = [world.start(t, 'p1'), world.start(t, 'p2')];
  await world.pass(3_000);
  const session = sessionOf(one);
  const { now } = world.clock;
  const real = now.bind(world.clock);
  for (const jumpMs of [86_400_000, -86_400_000]) {
    t.mock.method(Date, 'now', () => real() + jumpMs);
    await world.pass(10_000);
    assert.equal(one.sessions.session, session);
    assert.equal(other.sessions.isGone(session), false);
  }
});

test('a server that lost its memory ends the lease, and the next one has another name', async (t) => {
  const world = new World();
  const one = world.start(t, 'p1');
  await world.pass(1_000);
  const session = sessionOf(one);
  world.bucket.forget();
  await world.pass(3_000);
  assert.deepEqual(one.ended, [session]);
  assert.notEqual(sessionOf(one), session);
});

test('a bucket that counts anew shows nobody for whom it showed before', async (t) => {
  const world = new World();
  const [one, other] = [world.start(t, 'p1'), world.start(t, 'p2')];
  await world.pass(1_000);
  for (const { keys } of [one, other]) keys.isAway = true;
  await world.pass(10_000);
  const before = world.bucket.all();
  world.bucket.forget();
  for (const { keys } of [one, other]) keys.isAway = false;
  await world.pass(600);
  // The same sequences as at the beginning, and other sessions.
  for (const [key, { sequence }] of world.bucket.all()) {
    assert.equal(before.get(key)?.sequence, sequence);
  }
  assert.equal(await other.sessions.lookedUpGone(sessionOf(one)), false);
  assert.equal(other.sessions.alive().length, 2);
});

test('of two processes with one proxy id the younger yields, and says so', async (t) => {
  const world = new World();
  const elder = world.start(t, 'p1');
  await world.pass(1_000);
  world.probed = 'there';
  const younger = world.start(t, 'p1');
  await world.pass(20_000);
  assert(elder.sessions.holds());
  assert.equal(younger.sessions.session, null);
  assert.match(younger.errors[0] ?? '', /another process runs under this proxy id/);
  assert.equal(younger.errors.length, 1);
});

test('a rival that answers nothing and renews nothing is replaced after six seconds', async (t) => {
  const world = new World();
  const elder = world.start(t, 'p1');
  await world.pass(1_000);
  elder.keys.isAway = true;
  const younger = world.start(t, 'p1');
  await world.pass(5_000);
  assert.equal(younger.sessions.session, null);
  await world.pass(2_500);
  assert(younger.sessions.holds());
});

test('a proxy that was started anew takes its entry at once when nobody listens there', async (t) => {
  const world = new World();
  const before = world.start(t, 'p1');
  const other = world.start(t, 'p2');
  await world.pass(3_000);
  const session = sessionOf(before);
  before.keys.isAway = true;
  world.probed = 'nobody';
  const after = world.start(t, 'p1');
  await world.pass(100);
  assert(after.sessions.holds());
  assert.equal(await other.sessions.lookedUpGone(sessionOf(after)), false);
  assert.equal(await other.sessions.lookedUpGone(session), true);
});

test('who says goodbye is gone at the next look', async (t) => {
  const world = new World();
  const [one, other] = [world.start(t, 'p1'), world.start(t, 'p2')];
  await world.pass(3_000);
  const session = sessionOf(one);
  await one.sessions.stop();
  await world.pass(2_100);
  assert.equal(other.sessions.isGone(session), true);
  assert.deepEqual(other.sessions.alive(), [sessionOf(other)]);
});

test('while the store is away nobody becomes gone', async (t) => {
  const world = new World();
  const [one, other] = [world.start(t, 'p1'), world.start(t, 'p2')];
  await world.pass(3_000);
  const session = sessionOf(one);
  other.keys.isAway = true;
  await world.pass(30_000);
  assert.equal(other.sessions.isGone(session), false);
  assert.equal(other.sessions.session, null);
});

test('a session that no look has shown yet is not gone before one could have shown it', async (t) => {
  const world = new World();
  const other = world.start(t, 'p2');
  await world.pass(2_050);
  const one = world.start(t, 'p1');
  await world.pass(100);
  assert.equal(other.sessions.isGone(sessionOf(one)), false);
  assert.equal(other.sessions.isGone('p9.0000000000000000'), false);
  await world.pass(2_500);
  assert.equal(other.sessions.isGone(sessionOf(one)), false);
  assert.equal(other.sessions.isGone('p9.0000000000000000'), true);
});
