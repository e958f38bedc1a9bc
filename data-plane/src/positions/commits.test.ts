/** What an owned unit commits and when, also while Kafka refuses, and how it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommitNote, writeCommitNote } from '@respool/contracts/commit-note';
import { group, kafkaName, shown, UnitRig } from '../test/unit-rig.ts';

const commits = (rig: UnitRig) => rig.kafka.tries.get('commit') ?? 0;

test('what had no position is committed before anything is given out', async () => {
  const rig = new UnitRig({ partitions: 2, topic: { startAt: 'latest' } });
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  await rig.run(owner, 100);
  assert.deepEqual(rig.committed(2), [2, 0]);
  const { topicId } = rig.kafka.topic(kafkaName);
  assert.deepEqual(readCommitNote(rig.note() ?? ''), { seek: 0, topicId });
  rig.push(0, 'c');
  assert.deepEqual(shown(await rig.take(owner, 5)), ['0:c']);
});

test('while latest cannot be committed nothing is given out, and the reason is told', async () => {
  const rig = new UnitRig({ topic: { startAt: 'latest' } });
  rig.kafka.setMember(group, true);
  const owner = rig.start();
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'failed');
  assert.equal(answer.code, 'group-in-use');
  rig.push(0, 'a');
  rig.kafka.setMember(group, false);
  await rig.run(owner, 2_000);
  assert.equal(owner.state, 'serving');
  assert.deepEqual(rig.committed(), [1]);
  assert.deepEqual(rig.noticed, ['group-in-use', 'group-free']);
});

test('a member outside from the beginning on stops commits, and nothing else', async () => {
  const rig = new UnitRig({ partitions: 2, topic: { window: 3 } });
  rig.push(0, 'a', 'b', 'c', 'd');
  rig.kafka.setMember(group, true);
  const owner = rig.start();
  const loans = await rig.take(owner, 5);
  assert.deepEqual(shown(loans), ['0:a', '0:b', '0:c'], 'as far as the window goes');
  await rig.settle(owner, loans);
  await rig.run(owner, 5_000);
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'loans');
  assert.equal(answer.rest, 'full');
  assert.deepEqual([rig.committed(2), rig.noticed], [[null, null], ['group-in-use']]);
  owner.fence();
  const next = rig.start();
  const again = await rig.take(next, 3);
  assert.deepEqual(shown(again), ['0:a', '0:b', '0:c'], 'the next owner finds the same place');
  await rig.settle(next, again);
  rig.kafka.setMember(group, false);
  await rig.run(next, 2_000);
  assert.deepEqual(rig.committed(2), [3, 0]);
  assert.deepEqual(rig.noticed, ['group-in-use', 'group-in-use', 'group-free']);
});

test('a partition without a position is served beside others while a member is in the group', async () => {
  const rig = new UnitRig({ partitions: 2, topic: { startAt: 'latest' } });
  rig.push(0, 'a', 'b');
  rig.push(1, 'c');
  const { topicId } = rig.kafka.topic(kafkaName);
  const note = writeCommitNote({ seek: 0, topicId });
  const position = { topic: kafkaName, partition: 0, offset: 1, note, leaderEpoch: 0 };
  rig.kafka.commit(group, [position]);
  rig.kafka.setMember(group, true);
  const owner = rig.start();
  const loans = [...(await rig.take(owner, 1)), ...(await rig.take(owner, 1))];
  assert.deepEqual(shown(loans), ['0:b', '1:c']);
});

test('acknowledgements are committed together, a tenth of a second after the last commit', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const [a, b, c] = await rig.take(owner, 3);
  assert(a && b && c);
  await rig.settle(owner, [a]);
  await rig.clock.advance(10);
  assert.deepEqual(rig.committed(), [1]);
  await rig.settle(owner, [b]);
  await rig.settle(owner, [c]);
  assert.deepEqual(rig.committed(), [1]);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [3]);
  assert.equal(commits(rig), 3);
});

test('many acknowledgements are committed at once, one request at a time', async () => {
  const rig = new UnitRig({ limits: { commitRecords: 10 } });
  rig.push(0, ...Array.from({ length: 100 }, (_, at) => `${at}`));
  const owner = rig.start();
  const loans = await rig.take(owner, 100);
  await rig.settle(owner, loans.slice(0, 1));
  await rig.clock.advance(10);
  const before = commits(rig);
  await rig.settle(owner, loans.slice(1, 12));
  await rig.settle(owner, loans.slice(12, 50));
  await rig.clock.advance(3);
  assert.deepEqual(rig.committed(), [50]);
  assert.equal(commits(rig) - before, 2);
});

test('nothing behind a record that is out is committed', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const [a, b, c] = await rig.take(owner, 3);
  assert(a && b && c);
  await rig.settle(owner, [b, c]);
  await rig.run(owner, 1_000);
  assert.deepEqual(rig.committed(), [0]);
  await rig.settle(owner, [a]);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(), [3]);
});

test('the next owner goes on at what was committed', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const [a] = await rig.take(owner, 2);
  assert(a);
  await rig.settle(owner, [a]);
  await rig.run(owner, 200);
  owner.fence();
  const next = rig.start();
  assert.deepEqual(shown(await rig.take(next, 3)), ['0:b', '0:c']);
});

test('a member outside is noticed once; records are served until the window is full', async () => {
  const rig = new UnitRig({ topic: { window: 3 } });
  rig.push(0, 'a', 'b', 'c', 'd');
  const owner = rig.start();
  await rig.run(owner, 100);
  rig.kafka.setMember(group, true);
  for (let at = 0; at < 3; at++) {
    await rig.settle(owner, await rig.take(owner, 1));
    await rig.run(owner, 1_500);
  }
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'loans');
  assert.equal(answer.rest, 'full');
  const before = commits(rig);
  await rig.run(owner, 10_000);
  assert(commits(rig) - before <= 10, `${commits(rig) - before}`);
  assert.deepEqual(rig.noticed, ['group-in-use']);
  rig.kafka.setMember(group, false);
  await rig.run(owner, 1_500);
  assert.deepEqual(rig.committed(), [3]);
  assert.deepEqual(rig.noticed, ['group-in-use', 'group-free']);
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:d']);
});

test('a commit that came too late and undid a younger one is made good', async () => {
  const rig = new UnitRig({ limits: { askMsMax: 1_000 } });
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a, b] = await rig.take(owner, 2);
  assert(a && b);
  rig.kafka.fail({ operation: 'commit', kind: 'delay', delayMs: 8_000 });
  await rig.settle(owner, [a]);
  await rig.run(owner, 2_000);
  await rig.settle(owner, [b]);
  await rig.run(owner, 1_000);
  assert.deepEqual(rig.committed(), [2]);
  await rig.run(owner, 6_000);
  assert.deepEqual(rig.committed(), [1]);
  await rig.run(owner, 12_000);
  assert.deepEqual(rig.committed(), [2]);
});

test('a position that does not move is committed again before its group expires', async () => {
  const rig = new UnitRig({ partitions: 2, limits: { refreshMs: 60_000 } });
  rig.push(0, 'a');
  const owner = rig.start();
  await rig.run(owner, 20_000);
  const before = commits(rig);
  for (let at = 0; at < 6; at++) {
    await rig.settle(owner, await rig.take(owner, 1));
    await rig.run(owner, 9_500);
  }
  const between = commits(rig) - before;
  await rig.run(owner, 120_000);
  assert.equal(between, 2, 'one for the record, one for the partition without any');
  assert.equal(commits(rig) - before, 6);
});

test('draining gives nothing out, waits for what is out, commits it, and ends', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b', 'c');
  const owner = rig.start();
  const [a, b] = await rig.take(owner, 2);
  assert(a && b);
  const drained = owner.drain(1_000);
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'loans');
  assert.deepEqual([answer.loans.length, answer.rest, owner.state], [0, 'full', 'draining']);
  await rig.settle(owner, [a]);
  await rig.settle(owner, [b]);
  await rig.until(drained, 100);
  assert.deepEqual([owner.state, rig.committed()], ['fenced', [2]]);
  assert.deepEqual(await rig.ask(owner, { take: 1 }), { kind: 'fenced' });
});

test('draining does not wait for ever for what is out', async () => {
  const rig = new UnitRig();
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a] = await rig.take(owner, 2);
  assert(a);
  await rig.settle(owner, [a]);
  await rig.until(owner.drain(1_000), 1_100);
  assert.deepEqual(rig.committed(), [1]);
});

test('draining ends though Kafka is away, and though the unit never was loaded', async () => {
  const rig = new UnitRig({ limits: { askMsMax: 2_000 } });
  rig.push(0, 'a');
  const owner = rig.start();
  const loans = await rig.take(owner, 1);
  rig.kafka.isReachable = false;
  await rig.settle(owner, loans);
  await rig.until(owner.drain(1_000), 5_000);
  const next = rig.start();
  await rig.until(next.drain(1_000), 5_000);
  assert.deepEqual([owner.state, next.state], ['fenced', 'fenced']);
});

test('a commit under way when the lease is lost changes nothing afterwards', async () => {
  const rig = new UnitRig({ answerMs: 20 });
  rig.push(0, 'a');
  const owner = rig.start();
  const loans = await rig.take(owner, 1);
  await rig.settle(owner, loans);
  owner.fence();
  await rig.run(owner, 1_000);
  assert.deepEqual(rig.committed(), [1]);
  assert.equal(rig.clock.pending, 0);
});

test('a lease that is lost between two commits ends them, and the process goes on', async () => {
  const rig = new UnitRig({ limits: { commitRecords: 1 } });
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const [a, b] = await rig.take(owner, 2);
  assert(a && b);
  await rig.settle(owner, [a]);
  await rig.settle(owner, [b]);
  rig.holds = false;
  await rig.clock.advance(50);
  assert.deepEqual(rig.committed(), [1]);
  owner.tick();
  assert.equal(owner.state, 'fenced');
});

test('what was acknowledged while Kafka was away is committed though nobody asks any more', async () => {
  const rig = new UnitRig({ topic: { ack: 'manual', ackMs: 600_000 } });
  rig.push(0, 'a', 'b');
  const owner = rig.start();
  const out = await rig.take(owner, 2);
  await rig.run(owner, 31_000);
  rig.kafka.isReachable = false;
  // Asked after so long, it looks whether the topic is the same still, and cannot.
  assert.equal((await rig.ask(owner, { take: 1 })).kind, 'failed');
  await rig.run(owner, 31_000);
  rig.kafka.isReachable = true;
  await rig.settle(owner, out);
  await rig.run(owner, 40_000);
  assert.deepEqual(rig.committed(), [2]);
});
