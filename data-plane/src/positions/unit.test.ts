/** What an owned unit gives out, to whom, and when it says that there is nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shown, UnitRig } from '../test/unit-rig.ts';

test('records of a partition come in order, and each to one caller', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const first = await rig.take(owner, 2);
  const second = await rig.take(owner, 2, { from: 'two.1' });
  assert.deepEqual([shown(first), shown(second)], [['0:a', '0:b'], ['0:c']]);
  assert.deepEqual(
    [...first, ...second].map(({ id, offset, deliveries }) => [id, offset, deliveries]),
    [
      [1, 0, 1],
      [2, 1, 1],
      [3, 2, 1],
    ],
  );
});

test('partitions take turns', async () => {
  const rig = new UnitRig({ partitions: 3 });
  rig.push(0, 'a', 'b', 'c');
  rig.push(2, 'd', 'e');
  const owner = rig.start();
  await rig.take(owner, 1);
  await rig.run(owner, 100);
  assert.deepEqual(shown(await rig.take(owner, 10)), ['2:d', '0:b', '2:e', '0:c']);
});

test('what was pushed before the question is found, however long nobody looked', async () => {
  const rig = new UnitRig({ partitions: 2 });
  const owner = rig.start();
  assert.deepEqual(await rig.ask(owner, { take: 1 }), {
    kind: 'loans',
    loans: [],
    rest: 'empty',
    judged: [],
  });
  rig.push(1, 'a');
  assert.deepEqual(shown(await rig.take(owner, 1)), ['1:a']);
});

test('who asks while the ends are looked at waits for a look of its own', async () => {
  const rig = new UnitRig({ answerMs: 20 });
  const owner = rig.start();
  await rig.take(owner, 1);
  const before = rig.ask(owner, { take: 1 });
  await rig.clock.advance(15);
  rig.push(0, 'a');
  const after = rig.ask(owner, { take: 1, from: 'two.1' });
  const answers = await Promise.all([before, after]);
  assert.deepEqual(
    answers.map((answer) => answer.kind === 'loans' && [answer.rest, answer.loans.length]),
    [
      ['empty', 0],
      ['ready', 1],
    ],
  );
});

test('fewer than wanted come at once, and more may be asked for', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  const answer = await rig.ask(owner, { take: 5 });
  assert(answer.kind === 'loans');
  assert.deepEqual([shown(answer.loans), answer.rest], [['0:a'], 'ready']);
});

test('what is given back comes first, before newer records of its partition', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c', 'd');
  const owner = rig.start();
  const [a, b, c] = await rig.take(owner, 3);
  assert(a && b && c);
  await rig.settle(owner, [a], [c, b]);
  const again = await rig.take(owner, 3);
  assert.deepEqual(shown(again), ['0:b', '0:c', '0:d']);
  assert.deepEqual(
    again.map(({ deliveries }) => deliveries),
    [2, 2, 1],
  );
  assert.equal(owner.sample().redeliveries, 2);
});

test('a loan that ended is nobody’s: its acknowledgement changes nothing', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  const [a] = await rig.take(owner, 1);
  assert(a);
  await rig.settle(owner, [], [a]);
  await rig.settle(owner, [a]);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:a']);
});

test('an acknowledgement that arrives twice counts once', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a] = await rig.take(owner, 2);
  assert(a);
  await rig.settle(owner, [a, a]);
  await rig.settle(owner, [a]);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [1]);
  assert.equal(owner.sample().out, 1);
});

test('a record out for too long comes back', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.take(owner, 1);
  await rig.run(owner, 29_000);
  assert.equal((await rig.take(owner, 1)).length, 0);
  await rig.run(owner, 2_000);
  assert.deepEqual(shown(await rig.take(owner, 1, { from: 'two.1' })), ['0:a']);
});

test('in manual mode a record comes back after the time of its topic', async () => {
  const rig = new UnitRig({ topic: { ack: 'manual', ackMs: 5_000 } });
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.take(owner, 1);
  await rig.run(owner, 5_200);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:a']);
});

test('what a proxy had that is gone comes back at once', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  await rig.take(owner, 1, { from: 'one.1' });
  await rig.take(owner, 1, { from: 'two.1' });
  rig.gone.add('one.1');
  await rig.run(owner, 100);
  assert.deepEqual(shown(await rig.take(owner, 2, { from: 'two.1' })), ['0:a']);
});

test('a record is judged by its place, and only while it is out', async () => {
  const rig = new UnitRig({ topic: { ack: 'manual' } });
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  await rig.take(owner, 2);
  const verdicts = [
    { partition: 0, offset: 0, done: true },
    { partition: 0, offset: 0, done: true },
    { partition: 0, offset: 1, done: false },
    { partition: 0, offset: 2, done: true },
    { partition: 7, offset: 0, done: true },
  ];
  const answer = await rig.ask(owner, { verdicts });
  assert(answer.kind === 'loans');
  assert.deepEqual(answer.judged, [true, false, true, false, false]);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [1]);
  assert.deepEqual(shown(await rig.take(owner, 2)), ['0:b', '0:c']);
});

test('no more are out or uncommitted than the window allows', async () => {
  const rig = new UnitRig({ topic: { window: 2 } });
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const [a, b] = await rig.take(owner, 3);
  assert(a && b);
  const full = await rig.ask(owner, { take: 1 });
  assert(full.kind === 'loans');
  assert.deepEqual([full.loans.length, full.rest], [0, 'full']);
  // Done, and not the first: nothing may be committed.
  await rig.settle(owner, [b]);
  await rig.run(owner, 200);
  assert.equal((await rig.take(owner, 1)).length, 0);
  await rig.settle(owner, [a]);
  await rig.run(owner, 200);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:c']);
});

test('a window that is full says empty when nothing lies behind it', async () => {
  const rig = new UnitRig({ topic: { window: 1 } });
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.take(owner, 1);
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'loans');
  assert.equal(answer.rest, 'empty');
});

test('who waits is told once there is something: pushed, given back, or let by the window', async () => {
  const rig = new UnitRig({ topic: { window: 1 } });
  const owner = rig.start();
  await rig.take(owner, 1, { waits: true });
  assert.deepEqual(rig.hints, []);
  rig.push(0, 'a', 'b');
  await rig.run(owner, 100);
  assert.deepEqual(rig.hints.splice(0), ['one.1']);
  const [a] = await rig.take(owner, 1);
  assert(a);
  const other = { from: 'two.1', waits: true };
  assert.equal((await rig.take(owner, 1, other)).length, 0);
  await rig.settle(owner, [], [a]);
  assert.deepEqual(rig.hints.splice(0), ['two.1']);
  const [again] = await rig.take(owner, 1, other);
  assert(again);
  assert.equal((await rig.take(owner, 1, { waits: true })).length, 0);
  await rig.settle(owner, [again]);
  await rig.run(owner, 200);
  assert.deepEqual(rig.hints, ['one.1']);
});

test('another epoch is refused, and changes nothing', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a');
  const owner = rig.start();
  const [a] = await rig.take(owner, 1);
  assert(a);
  assert.deepEqual(await rig.ask(owner, { epoch: 7, acks: [a.id], take: 1 }), { kind: 'fenced' });
  assert.equal(owner.sample().out, 1);
});

test('it gives nothing out and commits nothing once the lease is lost', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a] = await rig.take(owner, 1);
  assert(a);
  await rig.settle(owner, [a]);
  rig.holds = false;
  assert.deepEqual(await rig.ask(owner, { take: 1 }), { kind: 'fenced' });
  assert.equal(owner.state, 'fenced');
  rig.holds = true;
  await rig.run(owner, 1_000);
  assert.deepEqual(await rig.ask(owner, { take: 1 }), { kind: 'fenced' });
  assert.equal(rig.ahead.bytes, 0);
});

test('it is in use while its end would repeat something, or have counts begin anew', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a, b] = await rig.take(owner, 2);
  await rig.run(owner, 2_000);
  assert.equal(owner.unusedMs, 0, 'they are out');
  await rig.settle(owner, [b!], [a!]);
  await rig.run(owner, 2_000);
  assert.equal(owner.unusedMs, 0, 'b is done, and not committed before a is');
  const [again] = await rig.take(owner, 1);
  await rig.settle(owner, [again!]);
  await rig.run(owner, 2_000);
  assert(owner.unusedMs >= 2_000);
  rig.push(0, 'c');
  await rig.settle(owner, [], await rig.take(owner, 1));
  await rig.run(owner, 2_000);
  assert(owner.unusedMs >= 2_000, 'one that came back is as it was');
  owner.follow({ ...rig.topic, maxDeliveries: 3 });
  assert.equal(owner.unusedMs, 0, 'its deliveries count');
  owner.follow(rig.topic);
  await rig.settle(owner, await rig.take(owner, 1));
  await rig.ask(owner, { take: 1, waits: true });
  await rig.run(owner, 1_500);
  assert.equal(owner.unusedMs, 0, 'somebody waits');
});
