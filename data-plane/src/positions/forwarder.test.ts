/** Wishes of one unit on a clock the test owns: gathered, in order, settled, never forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contents, far, turns, World } from '../test/forward-world.ts';
import type { Answer } from './exchange.ts';
import { type Delivery, PositionError } from './positions.ts';

test('all callers of a turn share one question, and get records in the order they came', async () => {
  const world = new World();
  world.log.push(...Array.from({ length: 100 }, (_, n) => `${n}`));
  const popped = Array.from({ length: 100 }, () => world.pop().deliveries);
  const got = await Promise.all(popped);
  assert.deepEqual(
    got.flatMap(contents),
    Array.from({ length: 100 }, (_, n) => `${n}`),
  );
  assert.deepEqual(
    world.asks.map(({ take }) => take),
    [100],
  );
  assert.equal(world.waiting.count, 0);
});

test('two questions are under way at most, and the next takes for all who wait then', async () => {
  const world = new World();
  world.log.push(...Array.from({ length: 50 }, (_, n) => `${n}`));
  world.ways = ['hold', 'hold', 'pass'];
  const popped: Promise<readonly Delivery[]>[] = [];
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 10; n++) popped.push(world.pop().deliveries);
    await turns();
  }
  assert.deepEqual(
    world.asks.map(({ take }) => take),
    [10, 10],
  );
  // The second answer overtakes the first.
  world.held[1]?.();
  world.held[0]?.();
  const got = await Promise.all(popped);
  assert.equal(new Set(got.flatMap(contents)).size, 50);
  assert.deepEqual(
    world.asks.map(({ take }) => take),
    [10, 10, 30],
  );
});

test('acknowledgements ride on the next question, or go alone after five milliseconds', async () => {
  const world = new World();
  world.log.push('a', 'b', 'c');
  const [first] = await world.pop().deliveries;
  first?.ack();
  first?.nack();
  const [second] = await world.pop().deliveries;
  assert.deepEqual(world.asks[1]?.acks, [1]);
  assert.deepEqual(world.asks[1]?.nacks, []);
  second?.nack();
  await world.clock.advance(4);
  assert.equal(world.asks.length, 2);
  await world.clock.advance(1);
  assert.deepEqual([world.asks[2]?.take, world.asks[2]?.nacks], [0, [2]]);
  const [again] = await world.pop().deliveries;
  assert.deepEqual([again?.offset, again?.deliveries], [1, 2]);
});

test('an acknowledgement is said again until an answer shows that it was heard', async () => {
  const world = new World();
  world.log.push('a');
  const [delivery] = await world.pop().deliveries;
  world.ways = ['lose', 'away', 'pass'];
  delivery?.ack();
  await world.clock.advance(6_000);
  await turns();
  assert.deepEqual(
    world.asks.slice(1).map(({ acks }) => acks),
    [[1], [1], [1]],
  );
  assert.equal(world.log.committed, 1);
});

test('nothing is said to a new owner of what the one before it lent', async () => {
  const world = new World();
  world.log.push('a', 'b');
  const [delivery] = await world.pop().deliveries;
  world.owner.fence();
  world.newOwner(2);
  assert.deepEqual(contents(await world.pop().deliveries), ['a']);
  delivery?.ack();
  await world.clock.advance(100);
  assert.deepEqual(
    world.asks.flatMap(({ acks }) => acks),
    [],
  );
  assert.equal(world.log.committed, 0);
});

test('loans of an answer that came too late are given out or given back', async () => {
  const world = new World();
  world.log.push('a', 'b');
  world.ways = ['hold'];
  const { deliveries } = world.pop();
  await turns();
  const refused = assert.rejects(deliveries, PositionError);
  await world.clock.advance(2_000);
  await refused;
  world.held[0]?.();
  await world.clock.advance(10);
  assert.deepEqual(world.asks.at(-1)?.returns, [1]);
  assert.deepEqual(contents(await world.pop().deliveries), ['a']);
});

test('an owner that fails says why, to those who asked', async () => {
  const world = new World();
  const failed: Answer = {
    kind: 'failed',
    code: 'broker-unreachable',
    message: 'no broker answers',
  };
  world.owner.exchange = async () => failed;
  await assert.rejects(world.pop().deliveries, { code: 'broker-unreachable' });
});

test('verdicts of workers are answered one by one, and not repeated in doubt', async () => {
  const world = new World();
  world.log.push('a', 'b');
  await world.pop({ count: 2 }).deliveries;
  const verdicts = [0, 7, 1].map((offset) => ({ partition: 0, offset, done: true }));
  assert.deepEqual(await world.forwarder.judge(verdicts), [true, false, true]);
  world.ways = ['lose'];
  const refused = assert.rejects(world.forwarder.judge(verdicts), {
    code: 'in-doubt',
    message: /may have been done/,
  });
  await world.clock.advance(3_000);
  await refused;
  assert.equal(world.asks.filter((ask) => ask.verdicts.length > 0).length, 2);
});

test('verdicts that were not sent are refused as such, and are not done later', async () => {
  const world = new World();
  world.trouble = new PositionError('no-owner', 'nobody owns it');
  const verdicts = [{ partition: 0, offset: 0, done: false }];
  const refused = assert.rejects(world.forwarder.judge(verdicts), { code: 'no-owner' });
  await world.clock.advance(2_000);
  world.forwarder.tick();
  await refused;
  world.trouble = null;
  await world.clock.advance(5_000);
  assert.deepEqual(
    world.asks.flatMap((ask) => ask.verdicts),
    [],
  );
});

test('verdicts on their way to an owner that is replaced are in doubt', async () => {
  const world = new World();
  world.log.push('a');
  await world.pop().deliveries;
  world.ways = ['hold'];
  const verdicts = [{ partition: 0, offset: 0, done: false }];
  const refused = assert.rejects(world.forwarder.judge(verdicts), { code: 'in-doubt' });
  await turns();
  world.gone = [far];
  world.forwarder.tick();
  await refused;
});

test('a proxy that is gone is asked nothing more, and its successor is found', async () => {
  const world = new World();
  world.log.push('a', 'b');
  const [first] = await world.pop().deliveries;
  world.ways = ['lose'];
  const popped = world.pop({ waitMs: 10_000 }).deliveries;
  await turns();
  world.owner.fence();
  world.newOwner(2);
  world.gone = [far];
  world.forwarder.tick();
  world.gone = [];
  await turns();
  assert.deepEqual(contents(await popped), ['a']);
  first?.ack();
  await world.clock.advance(10);
  assert.deepEqual(world.asks.at(-1)?.acks, []);
});

test('answers under way are bounded, and who had no room asks once there is some', async () => {
  const world = new World(100_000);
  world.log.push('a', 'b', 'c');
  world.ways = ['hold'];
  const one = world.pop().deliveries;
  await turns();
  const other = world.pop().deliveries;
  await world.clock.advance(100);
  assert.equal(world.asks.length, 1);
  world.held[0]?.();
  assert.deepEqual([contents(await one), contents(await other)], [['a'], ['b']]);
});

test('at its end it has said what became of every loan', async () => {
  const world = new World();
  world.log.push('a', 'b', 'c');
  const got = await world.pop({ count: 2 }).deliveries;
  const waits = assert.rejects(world.pop({ waitMs: 9_000, count: 1 }).deliveries, {
    code: 'closed',
  });
  for (const delivery of got) delivery.ack();
  const closed = world.forwarder.close();
  await world.clock.advance(10);
  await Promise.all([closed, waits]);
  assert.equal(world.log.committed, 2);
});
