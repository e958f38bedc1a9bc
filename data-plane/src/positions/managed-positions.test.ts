/** Managed positions of one proxy alone, its buckets in memory and every clock the test's own. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pino from 'pino';
import { FakeLog } from '../test/fake-owner.ts';
import { MemoryBucket, MemoryKeys } from '../test/memory-keys.ts';
import { limits, stateOf, view } from '../test/positions-rig.ts';
import { VirtualClock } from '../test/virtual-clock.ts';
import { ManagedPositions, type PositionLimits } from './managed-positions.ts';
import type { OwnerHost } from './owner.ts';

const unit = { tenant: 'acme', topic: 'orders', consumer: 'worker' };

class World {
  readonly clock = new VirtualClock();
  /** What somebody set the clock of the machine forward by. */
  stepMs = 0;
  readonly sessions = new MemoryKeys(new MemoryBucket());
  readonly units = new MemoryBucket();
  readonly unitKeys = new MemoryKeys(this.units);
  readonly log = new FakeLog();
  readonly hosts: OwnerHost[] = [];
  readonly positions: ManagedPositions;

  constructor(t: TestContext, given: Partial<PositionLimits> = {}) {
    const { clock } = this;
    this.positions = new ManagedPositions({
      ...{ proxyId: 'p1', later: setImmediate, connection: () => null },
      limits: { ...limits, ...given },
      logger: pino({ level: 'silent' }),
      clock: {
        now: () => clock.now() + this.stepMs,
        after: (ms, then) => clock.after(ms, then),
      },
      nowMs: () => clock.now(),
      stores: { sessions: this.sessions, units: this.unitKeys },
      createOwner: (start, topic, host) => {
        this.hosts.push(host);
        return this.log.createOwner(start, topic, host);
      },
    });
    this.positions.follow(stateOf([unit]));
    t.after(async () => {
      const drained = this.positions.drain(1_000);
      await clock.advance(2_000);
      await drained;
    });
  }

  async pop(name = unit): Promise<string[]> {
    await this.clock.advance(0);
    const wish = { unit: name, topic: view(name), count: 10, bytesMax: 2 ** 20, waitMs: 0 };
    const popped = this.positions.pop(wish).deliveries;
    popped.catch(() => {});
    await this.clock.advance(20);
    const deliveries = await popped;
    for (const delivery of deliveries) delivery.ack();
    return deliveries.map(({ value }) => `${value}`);
  }
}

test('a clock that somebody sets moves no deadline of loans and commits', async (t) => {
  const world = new World(t);
  world.log.push('a');
  assert.deepEqual(await world.pop(), ['a']);
  const [host] = world.hosts;
  const before = host?.clock.now() ?? 0;
  world.stepMs = -3_600_000;
  assert.equal((host?.clock.now() ?? 0) - before, 0);
});

test('a fault in the owner of a unit ends that ownership, and the next one serves', async (t) => {
  const world = new World(t);
  world.log.push('a');
  assert.deepEqual(await world.pop(), ['a']);
  const [owner] = world.log.owners;
  assert(owner !== undefined);
  owner.exchange = async () => assert.fail('a fault of ours');
  world.log.push('b');
  assert.deepEqual(await world.pop(), ['a', 'b']);
  assert.equal(world.hosts.length, 2);
});

test('a unit that the bucket could not be told of is let go of once it can', async (t) => {
  const world = new World(t);
  world.log.push('a');
  assert.deepEqual(await world.pop(), ['a']);
  const entry = () => JSON.parse(world.units.text('acme/orders/worker') ?? '');
  assert.match(entry().owner, /^p1\./);
  world.unitKeys.nextWrite = 'away';
  world.positions.follow(stateOf([]));
  await world.clock.advance(3_000);
  assert.deepEqual(entry(), { owner: null, epoch: 1, seek: 0 });
});

test('a position that nobody uses for five minutes is let go, and goes on when it is used again', async (t) => {
  const world = new World(t);
  world.log.push('a');
  assert.deepEqual(await world.pop(), ['a']);
  await world.clock.advance(299_000);
  assert.equal(world.positions.owned().length, 1);
  await world.clock.advance(5_000);
  assert.equal(world.positions.owned().length, 0);
  const entry = () => JSON.parse(world.units.text('acme/orders/worker') ?? '');
  assert.deepEqual(entry(), { owner: null, epoch: 1, seek: 0 });
  world.log.push('b');
  assert.deepEqual(await world.pop(), ['b']);
  assert.deepEqual(entry().epoch, 2);
});

test('any number of topics are used in turn, with room for a few positions', async (t) => {
  const world = new World(t, { unitsMax: 5 });
  const units = Array.from({ length: 40 }, (_, n) => ({ ...unit, topic: `t${n}` }));
  world.positions.follow(stateOf(units));
  for (const [n, name] of [...units, ...units].entries()) {
    world.log.push(`${n}`);
    // All of them have one log here.
    assert.deepEqual(await world.pop(name), [`${n}`]);
    await world.clock.advance(300);
    assert(world.positions.owned().length <= 5);
  }
});

test('what is in use is not let go of for others', async (t) => {
  const world = new World(t, { unitsMax: 2 });
  const units = ['t0', 't1', 't2'].map((topic) => ({ ...unit, topic }));
  world.positions.follow(stateOf(units));
  const [one, other, third] = units as [typeof unit, typeof unit, typeof unit];
  const pop = async (name: typeof unit) => {
    const wish = { unit: name, topic: view(name), count: 1, bytesMax: 1, waitMs: 0 };
    const popped = world.positions.pop(wish).deliveries;
    popped.catch(() => {});
    await world.clock.advance(20);
    return await popped;
  };
  await world.clock.advance(0);
  world.log.push('a', 'b');
  const out = [...(await pop(one)), ...(await pop(other))];
  await world.clock.advance(20_000);
  await assert.rejects(pop(third), { code: 'overloaded' });
  for (const delivery of out) delivery.ack();
  await world.clock.advance(2_000);
  world.log.push('c');
  assert.equal((await pop(third)).length, 1);
});

test('no tenant has more commands waiting than it leaves free for the others', async (t) => {
  const world = new World(t, { waitingMax: 10 });
  const topics = ['t0', 't1'].map((topic) => ({ ...unit, topic }));
  world.positions.follow(stateOf(topics));
  const refused: string[] = [];
  const wait = (tenant: string, topic: string) => {
    const name = { ...unit, tenant, topic };
    const wish = { unit: name, topic: view(name), count: 1, bytesMax: 1, waitMs: 60_000 };
    world.positions.pop(wish).deliveries.catch(({ code }) => {
      if (code === 'overloaded') refused.push(tenant);
    });
  };
  for (let n = 0; n < 10; n++) wait('acme', `t${n % 2}`);
  await world.clock.advance(0);
  assert.equal(refused.length, 5);
  assert.equal(world.positions.sample().waiting, 5);
  wait('zeta', 'orders');
  await world.clock.advance(0);
  assert.equal(refused.length, 5);
});
