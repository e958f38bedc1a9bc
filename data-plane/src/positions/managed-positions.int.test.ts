/** Several proxies on a real nats-server: who owns what, and what becomes of it when one of them goes. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  makeBuckets,
  type Pace,
  paces,
  popAgain,
  positionsWorld,
  type TestPositions,
  untilLeased,
} from '../test/positions-rig.ts';
import { until } from '../test/proxy.ts';
import { type UnitName, unitKey } from './exchange.ts';
import { preferred } from './rendezvous.ts';

const unit: UnitName = { tenant: 'acme', topic: 'orders', consumer: 'worker' };
const others = Array.from({ length: 12 }, (_, n) => ({ ...unit, topic: `t${n}` }));

/** Who owns the unit, and the others. */
function parted(proxies: readonly TestPositions[]): [TestPositions, TestPositions[]] {
  const owner = proxies.find(({ owned }) => owned.includes(unitKey(unit)));
  assert(owner !== undefined);
  return [owner, proxies.filter((proxy) => proxy !== owner)];
}

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

async function served(t: TestContext, count: number, pace: Pace = 'calm', units = [unit]) {
  const world = await positionsWorld(t, count, units, pace);
  const log = world.logs.of(unit);
  log.push(...numbered(100));
  await popAgain(world.proxies[0]!, unit);
  const [owner, rest] = parted(world.proxies);
  return { ...world, log, owner, rest };
}

test('any proxy gives out records of a unit that one of them owns, each once and in order', async (t) => {
  const { proxies, logs, log } = await served(t, 3);
  const got = ['0'];
  for (let n = 1; n < 100; n++) got.push(await popAgain(proxies[n % 3]!, unit));
  assert.deepEqual(got, numbered(100));
  assert.equal(logs.takers.get(unitKey(unit))?.length, 1);
  assert.deepEqual(await proxies[1]!.pop(unit), []);
  await until(
    () => log.committed === 100,
    () => log.committed,
  );
});

test('many callers of all proxies at once get each record once', async (t) => {
  const { proxies, log } = await served(t, 3);
  log.push(...numbered(900));
  const popped = numbered(600).map((_, n) => popAgain(proxies[n % 3]!, unit));
  const got = await Promise.all(popped);
  assert.equal(got.length, 600);
  await until(
    () => log.committed === 601,
    () => log.committed,
  );
});

test('whoever asks first, the preferred proxy owns a unit', async (t) => {
  const { proxies, logs } = await positionsWorld(t, 3, others, 'usual');
  // Each knows all leases once it has read them.
  const alive = () => proxies.map(({ positions }) => positions.alive().length);
  await until(() => alive().every((count) => count === 3), alive);
  for (const [n, one] of others.entries()) {
    logs.of(one).push('a');
    await popAgain(proxies[n % 3]!, one);
    const best = preferred(unitKey(one), proxies[0]!.positions.alive());
    assert.deepEqual(logs.takers.get(unitKey(one)), [best?.split('.')[0]]);
  }
});

test('an owner that is killed is followed by another once its lease is over', async (t) => {
  const { owner, rest, logs, log } = await served(t, 3, 'hurried');
  await owner.cutOff();
  const startMs = performance.now();
  assert.equal(await popAgain(rest[0]!, unit), '1');
  const tookMs = (performance.now() - startMs) * paces.hurried;
  t.diagnostic(`taken over after ${Math.round(tookMs)} ms`);
  assert.equal(await popAgain(rest[1]!, unit), '2');
  const [first, ...next] = logs.takers.get(unitKey(unit)) ?? [];
  assert.equal(first, owner.proxyId);
  assert(next.length > 0 && !next.includes(owner.proxyId), next.join());
  assert.equal(log.owners.length, 1);
});

test('an owner that drains is followed at once: nobody is refused', async (t) => {
  const { owner, rest } = await served(t, 3, 'usual');
  await owner.stop();
  for (const [n, proxy] of rest.entries()) {
    const [delivery] = await proxy.pop(unit);
    assert.equal(`${delivery?.value}`, `${n + 1}`);
    delivery?.ack();
  }
});

test('what a killed proxy had on loan comes back, and nothing of it is lost', async (t) => {
  const { owner, rest } = await served(t, 3, 'hurried');
  const [lost, other] = rest as [TestPositions, TestPositions];
  const held = await lost.pop(unit, { count: 5 });
  assert.equal(held.length, 5);
  await lost.cutOff();
  const got = new Set<string>();
  while (got.size < 99) got.add(await popAgain(got.size % 2 === 0 ? owner : other, unit));
  assert.deepEqual(got, new Set(numbered(100).slice(1)));
});

test('an owner that reaches nobody stops by itself before another begins', async (t) => {
  const { owner, rest, logs } = await served(t, 2, 'hurried');
  await owner.cutOff();
  // It serves its own clients for as long as its lease holds, and refuses them then.
  const refused = async () => {
    for (;;) {
      try {
        for (const delivery of await owner.pop(unit)) delivery.nack();
      } catch (error) {
        return error as { readonly code?: string };
      }
    }
  };
  const [error, next] = await Promise.all([refused(), popAgain(rest[0]!, unit)]);
  assert.equal(error.code, 'no-owner');
  assert.equal(next, '1');
  owner.join();
  await untilLeased([owner]);
  assert.equal(await popAgain(owner, unit), '2');
  const takers = logs.takers.get(unitKey(unit)) ?? [];
  assert.deepEqual(takers.slice(0, 2), [owner.proxyId, rest[0]?.proxyId]);
});

test('NATS stops for a moment: the owner goes on, and everybody else after it', async (t) => {
  const { nats, owner, rest, logs } = await served(t, 2, 'usual');
  await nats.kill();
  assert.equal(await popAgain(owner, unit), '1');
  await nats.restart();
  assert.equal(await popAgain(rest[0]!, unit), '2');
  assert((logs.takers.get(unitKey(unit))?.length ?? 0) <= 2);
});

test('NATS stays away: positions are refused, and served again when it is back', async (t) => {
  const { nats, proxies, owner } = await served(t, 2, 'hurried');
  await nats.kill();
  await until(
    () => proxies.every(({ leased }) => !leased),
    () => proxies.map(({ leased }) => leased),
  );
  await assert.rejects(owner.pop(unit), { code: 'no-owner' });
  assert.deepEqual(owner.owned, []);
  await nats.start();
  await untilLeased(proxies);
  assert.equal(await popAgain(proxies[0]!, unit), '1');
  assert.equal(await popAgain(proxies[1]!, unit), '2');
});

test('NATS comes back without its memory: leases begin anew, and nothing is taken twice', async (t) => {
  const { nats, admin, proxies } = await served(t, 2, 'hurried');
  await nats.kill();
  await nats.forget();
  await nats.restart();
  await until(
    () => proxies.every(({ leased }) => !leased),
    () => proxies.map(({ leased }) => leased),
  );
  await assert.rejects(proxies[0]!.pop(unit), /no bucket|no lease|not get through/);
  await makeBuckets(admin);
  await untilLeased(proxies);
  assert.equal(await popAgain(proxies[0]!, unit), '1');
  assert.equal(await popAgain(proxies[1]!, unit), '2');
});

test('a caller that waits is hinted at across proxies', async (t) => {
  const { rest, log } = await served(t, 2, 'usual');
  const [far] = rest as [TestPositions];
  for (const delivery of await far.pop(unit, { count: 99 })) delivery.ack();
  const waits = far.pop(unit, { waitMs: Number.POSITIVE_INFINITY });
  await until(
    () => far.positions.sample().waiting === 1,
    () => far.positions.sample(),
  );
  log.push('late');
  assert.deepEqual(
    (await waits).map(({ value }) => `${value}`),
    ['late'],
  );
});

test('verdicts by place reach the owner from any proxy', async (t) => {
  const { proxies } = await served(t, 2);
  const [one, other] = proxies as [TestPositions, TestPositions];
  const [delivery] = await one.pop(unit);
  assert(delivery !== undefined);
  const verdict = { partition: 0, offset: delivery.offset, done: true };
  const judge = (verdicts: readonly (typeof verdict)[]) =>
    other.positions.judge(unit, {} as never, verdicts);
  assert.deepEqual(await judge([verdict, { ...verdict, offset: 77 }]), [true, false]);
  assert.deepEqual(await judge([verdict]), [false]);
});

test('a fault in one owned unit is not the others’: it begins anew', async (t) => {
  const other = others[0]!;
  const { proxies, logs, log } = await served(t, 1, 'calm', [unit, other]);
  const [proxy] = proxies as [TestPositions];
  logs.of(other).push('a', 'b');
  assert.equal(await popAgain(proxy, other), 'a');
  const [faulty] = log.owners;
  assert(faulty !== undefined);
  faulty.tick = () => {
    throw new Error('a test broke it');
  };
  await until(
    () => !proxy.owned.includes(unitKey(unit)),
    () => proxy.owned,
  );
  assert.deepEqual(proxy.owned, [unitKey(other)]);
  assert.equal(await popAgain(proxy, unit), '1');
  assert.equal(await popAgain(proxy, other), 'b');
});

test('a topic that is gone is refused, and its owner ends', async (t) => {
  const { proxies, owner } = await served(t, 2);
  for (const { positions } of proxies) positions.follow({ tenants: new Map() } as never);
  await until(
    () => owner.owned.length === 0,
    () => owner.owned,
  );
  await assert.rejects(proxies[1]!.pop(unit), { code: 'topic-unknown' });
});
