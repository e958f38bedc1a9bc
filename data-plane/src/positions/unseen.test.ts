/** Records that nobody saw: whatever kept them from a client, they are neither dropped nor counted. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaError } from '@respool/kafka/kafka-error';
import { askMsMax, LendingWorld } from '../test/lending-world.ts';
import { quietAsk } from '../test/quiet-ask.ts';
import { shown } from '../test/unit-rig.ts';

test('a value that its forwarder cannot read was shown to nobody: it is not dropped', async () => {
  const world = new LendingWorld({ maxDeliveries: 1 });
  const large = 'x'.repeat(100_000);
  world.rig.push(0, large, 'b');
  const { topic } = world;
  const read = () => Promise.reject(new KafkaError('leader-moved', 'the leader moved'));
  world.topic = { ...topic, backend: { read } as never };
  for (let n = 0; n < 3; n++) {
    await assert.rejects(world.pop({ count: 2 }), { code: 'leader-moved' });
    await world.pass(200);
  }
  world.topic = topic;
  const got = await world.pop({ count: 2 });
  assert.deepEqual(
    got.map(({ value, deliveries }) => [value?.length, deliveries]),
    [
      [100_000, 1],
      [1, 1],
    ],
  );
  assert.deepEqual([world.rig.noticed, world.owner.sample().deadLetters], [[], 0]);
});

test('a value that its forwarder does not find is not dropped either, nor asked for in circles', async () => {
  const world = new LendingWorld({ maxDeliveries: 1 });
  world.rig.push(0, 'x'.repeat(100_000));
  const { topic } = world;
  world.topic = { ...topic, backend: { read: async () => [] } as never };
  await assert.rejects(world.pop(), { code: 'no-owner' });
  const taking = world.asks.filter(({ take }) => take > 0);
  assert(taking.length <= 15, `${taking.length} questions`);
  world.topic = topic;
  const [got] = await world.pop();
  assert.deepEqual([got?.value?.length, got?.deliveries], [100_000, 1]);
  assert.deepEqual(world.rig.noticed, []);
});

test('what was lent with an answer that got lost comes again at once, as if it had not been lent', async () => {
  const world = new LendingWorld({ maxDeliveries: 1, window: 100 });
  world.rig.push(0, ...Array.from({ length: 100 }, (_, n) => `${n}`));
  world.ways = ['lose'];
  await assert.rejects(world.pop({ count: 100 }), { code: 'no-owner' });
  await world.pass(askMsMax);
  assert.equal(world.owner.sample().out, 0);
  const [lost] = world.asks;
  assert.deepEqual(world.asks.at(-1)?.turn?.lost, [lost?.turn?.number]);
  const got = await world.pop({ count: 100 });
  assert.deepEqual(
    got.map(({ offset, deliveries }) => [offset, deliveries]),
    Array.from({ length: 100 }, (_, n) => [n, 1]),
  );
  assert.deepEqual(world.asks.at(-1)?.turn?.lost, []);
});

test('an answer that comes when its owner was told that it is lost is nobody’s', async () => {
  const world = new LendingWorld();
  world.rig.push(0, 'a', 'b');
  world.ways = ['late'];
  await assert.rejects(world.pop(), { code: 'no-owner' });
  const [first] = await world.pop({ waitMs: 10_000 });
  await world.pass(2 * askMsMax);
  const [second] = await world.pop();
  assert.deepEqual([`${first?.value}`, `${second?.value}`], ['a', 'b']);
  assert.equal(world.owner.sample().out, 2);
  assert.deepEqual(
    world.asks.flatMap(({ returns }) => returns),
    [],
  );
});

test('a question that was given up lends nothing when it comes after that was told', async () => {
  const { rig, owner } = new LendingWorld();
  rig.push(0, 'a');
  const turn = (number: number, lost: readonly number[]) => ({ number, oldest: number, lost });
  assert.equal((await rig.take(owner, 0, { turn: turn(2, [1]) })).length, 0);
  const late = { take: 1, turn: turn(1, []), verdicts: [{ partition: 0, offset: 0, done: false }] };
  const [loan] = await rig.take(owner, 1, { turn: turn(3, []) });
  assert.equal((await rig.ask(owner, late)).kind, 'failed');
  assert.equal(owner.sample().out, 1, 'a verdict that is late takes it from nobody');
  await rig.ask(owner, { ...late, acks: [loan?.id ?? 0] });
  assert.equal(owner.sample().out, 0, 'what it says of loans counts');
});

test('a question that waits when it is given up lends nothing', async () => {
  const { rig, owner } = new LendingWorld();
  const waits = { from: 'one.1', waits: true, take: 1, bytesMax: 100, unit: owner.unit };
  const ask = { ...quietAsk, ...waits, epoch: owner.epoch };
  await rig.run(owner, 100);
  const waiting = owner.exchange({ ...ask, turn: { number: 1, oldest: 1, lost: [] } });
  rig.push(0, 'a');
  await rig.ask(owner, { turn: { number: 2, oldest: 2, lost: [1] } });
  assert.equal((await rig.until(waiting)).kind, 'failed');
  assert.equal(owner.sample().out, 0);
});

test('proxies of an earlier build are asked and answered as ever', async () => {
  const world = new LendingWorld({}, 'p2.bbbbbbbbbbbbbbbb');
  world.rig.push(0, 'a', 'b');
  world.ways = ['late'];
  await assert.rejects(world.pop(), { code: 'no-owner' });
  await world.pass(2 * askMsMax);
  assert.deepEqual(
    world.asks.flatMap(({ returns }) => returns),
    [1],
  );
  const got = await world.pop({ count: 2 });
  assert.deepEqual(
    got.map(({ value }) => `${value}`),
    ['a', 'b'],
  );
  assert(world.asks.every(({ turn }) => turn === null));
});

test('without a dead-letter topic nothing is dropped that only proxies had which are gone', async () => {
  const { rig, owner } = new LendingWorld({ maxDeliveries: 2 });
  rig.push(0, 'a', 'b');
  for (let n = 0; n < 5; n++) {
    const [loan] = await rig.take(owner, 1, { from: `gone.${n}` });
    assert.deepEqual([loan?.offset, loan?.deliveries], [0, n + 1]);
    rig.gone.add(`gone.${n}`);
    await rig.run(owner, 100);
  }
  await rig.settle(owner, [], await rig.take(owner, 1));
  assert.deepEqual(rig.noticed, []);
  await rig.settle(owner, [], await rig.take(owner, 1));
  await rig.run(owner, 100);
  assert.deepEqual(rig.noticed, ['dropped'], 'it was delivered twice by proxies that said so');
  assert.deepEqual(shown(await rig.take(owner, 2)), ['0:b']);
});

test('a record whose time is over counts once its proxy is known to have had it', async () => {
  for (const isLost of [false, true]) {
    const { rig, owner } = new LendingWorld({ maxDeliveries: 1, ack: 'manual', ackMs: 1_000 });
    rig.push(0, 'a', 'b');
    await rig.take(owner, 1, { turn: { number: 1, oldest: 1, lost: [] } });
    await rig.run(owner, 1_500);
    assert.deepEqual([owner.sample().out, rig.noticed], [0, []]);
    const turn = { number: 2, oldest: 2, lost: isLost ? [1] : [] };
    const [loan] = await rig.take(owner, 1, { turn });
    await rig.run(owner, 100);
    assert.deepEqual(
      [loan?.offset, loan?.deliveries, rig.noticed],
      isLost ? [0, 1, []] : [1, 1, ['dropped']],
    );
  }
});

test('what waited for a dead-letter topic that was taken away is dropped only if it was delivered', async () => {
  const { rig, owner } = new LendingWorld({ maxDeliveries: 1 });
  const letters = { ...rig.view('letters', 'shop.letters'), enabled: false };
  rig.topic = { ...rig.topic, deadLetter: letters };
  owner.follow(rig.topic);
  rig.push(0, 'a', 'b');
  const [, b] = [
    await rig.take(owner, 1, { from: 'gone.1' }),
    await rig.take(owner, 1, { from: 'one.1' }),
  ];
  rig.gone.add('gone.1');
  await rig.settle(owner, [], b);
  await rig.run(owner, 1_000);
  assert.deepEqual(rig.noticed, []);
  owner.follow({ ...rig.topic, deadLetter: null });
  await rig.run(owner, 10_000);
  assert.deepEqual(
    [rig.notices[0]?.kind, rig.notices[0]?.from, rig.notices[0]?.to],
    ['dropped', 1, 1],
  );
  assert.deepEqual(shown(await rig.take(owner, 2)), ['0:a']);
});

test('what no client took whole counts for dead letters, and drops nothing', async () => {
  const { rig, owner, forwarder, ...world } = new LendingWorld({ maxDeliveries: 2 });
  rig.push(0, 'a', 'b');
  const pop = async () => {
    const wish = { unit: owner.unit, topic: world.topic, count: 1, bytesMax: 100, waitMs: 0 };
    const [got] = await rig.until(forwarder.pop(wish).deliveries);
    return got;
  };
  for (let n = 0; n < 4; n++) {
    const got = await pop();
    assert.deepEqual([got?.offset, got?.deliveries], [0, n + 1]);
    got?.doubt();
    await rig.run(owner, 200);
  }
  assert.deepEqual(rig.noticed, []);
  rig.kafka.create({ name: 'shop.letters', partitions: 1 });
  owner.follow({ ...rig.topic, deadLetter: rig.view('letters', 'shop.letters') });
  (await pop())?.doubt();
  await rig.run(owner, 500);
  assert.deepEqual(rig.noticed, ['dead-letter']);
  assert.equal((await pop())?.offset, 1);
});
