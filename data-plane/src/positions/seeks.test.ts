/** A consumer that is sent elsewhere: where it goes on, what is forgotten, and that it is done once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommitNote } from '@respool/contracts/commit-note';
import type { SeekTarget } from '@respool/contracts/queues';
import { group, kafkaName, shown, UnitRig } from '../test/unit-rig.ts';
import type { UnitOwner } from './unit.ts';

function seek(rig: UnitRig, owner: UnitOwner | null, generation: number, to: SeekTarget): void {
  rig.topic = { ...rig.topic, seeks: new Map([['worker', { generation, to }]]) };
  owner?.follow(rig.topic);
}

const all = [0, 1].map((partition) => ({ topic: kafkaName, partition }));

/** Two partitions with five records each, the first three of each done. */
async function begun(): Promise<{ rig: UnitRig; owner: UnitOwner }> {
  const rig = new UnitRig({ partitions: 2 });
  for (const partition of [0, 1]) {
    for (let at = 0; at < 5; at++) {
      rig.push(partition, `${at}`);
      await rig.clock.advance(1_000);
    }
  }
  rig.kafka.commit(
    group,
    all.map((one) => ({ ...one, offset: 3, note: '', leaderEpoch: null })),
  );
  const owner = rig.start();
  await rig.run(owner, 100);
  return { rig, owner };
}

const ends: readonly (readonly [string, SeekTarget, number[]])[] = [
  ['the first records', 'earliest', [0, 0]],
  ['the end', 'latest', [5, 5]],
  ['a time', { time: '2026-01-01T00:00:06.500Z' }, [5, 2]],
  ['places by offset', { offsets: [{ partition: 1, offset: 4 }] }, [3, 4]],
  [
    'places outside the log',
    {
      offsets: [
        { partition: 0, offset: 9 },
        { partition: 1, offset: 0 },
      ],
    },
    [5, 0],
  ],
];

for (const [name, to, committed] of ends) {
  test(`it is sent to ${name}, and that is committed and noted before it goes on`, async () => {
    const { rig, owner } = await begun();
    seek(rig, owner, 40, to);
    await rig.run(owner, 100);
    assert.equal(owner.state, 'serving');
    assert.deepEqual(rig.committed(2), committed);
    assert.equal(readCommitNote(rig.note(0) ?? '')?.seek, 40);
    assert.equal(readCommitNote(rig.note(1) ?? '')?.seek, 40);
    assert.deepEqual([rig.seeksNoted, rig.noticed], [[40], ['sought']]);
  });
}

test('what was out is forgotten, and its late acknowledgement moves nothing', async () => {
  const { rig, owner } = await begun();
  const loans = await rig.take(owner, 4);
  seek(rig, owner, 40, 'earliest');
  await rig.settle(owner, loans);
  await rig.run(owner, 1_000);
  assert.deepEqual([rig.committed(2), owner.sample().out], [[0, 0], 0]);
  assert.equal((await rig.take(owner, 10)).length > 0, true);
});

test('partitions that are not named keep what is out of them', async () => {
  const { rig, owner } = await begun();
  const loans = [...(await rig.take(owner, 2)), ...(await rig.take(owner, 2))];
  seek(rig, owner, 40, { offsets: [{ partition: 0, offset: 0 }] });
  await rig.run(owner, 100);
  await rig.settle(owner, loans);
  await rig.run(owner, 200);
  assert.deepEqual(rig.committed(2), [0, 5]);
});

test('while it is under way nothing is given out, and who asks waits', async () => {
  const { rig, owner } = await begun();
  seek(rig, owner, 40, 'earliest');
  assert.equal(owner.state, 'loading');
  assert.deepEqual(shown(await rig.take(owner, 1)), ['0:0']);
});

test('a generation that was done is not done again, by whoever knows of it', async () => {
  const { rig, owner } = await begun();
  seek(rig, owner, 40, 'earliest');
  await rig.run(owner, 100);
  const [first] = await rig.take(owner, 1);
  assert(first);
  await rig.settle(owner, [first]);
  await rig.run(owner, 200);
  owner.follow({ ...rig.topic, seeks: new Map([['worker', { generation: 39, to: 'latest' }]]) });
  await rig.until(owner.drain(100));
  // One knows by the note in Kafka.
  const next = rig.start();
  await rig.run(next, 300);
  assert.deepEqual(rig.committed(2), [1, 0]);
  next.fence();
  // The other by the lease alone: somebody else committed.
  rig.kafka.commit(
    group,
    all.map((one) => ({ ...one, offset: 2, note: '', leaderEpoch: null })),
  );
  const last = rig.start({}, 40);
  await rig.run(last, 300);
  assert.deepEqual([rig.committed(2), rig.seeksNoted], [[2, 2], [40]]);
});

test('one that is wished for while nobody owns the unit is done when it is loaded', async () => {
  const { rig, owner } = await begun();
  await rig.until(owner.drain(100));
  seek(rig, null, 40, 'latest');
  const next = rig.start();
  const answer = await rig.ask(next, { take: 1 });
  assert(answer.kind === 'loans');
  assert.deepEqual([answer.rest, rig.committed(2)], ['empty', [5, 5]]);
});

test('Kafka refuses: who asks is told, and it is tried until it succeeds, asked or not', async () => {
  const { rig, owner } = await begun();
  rig.kafka.setMember(group, true);
  seek(rig, owner, 40, 'earliest');
  const answer = await rig.ask(owner, { take: 1 });
  assert(answer.kind === 'failed');
  assert.equal(answer.code, 'group-in-use');
  await rig.run(owner, 60_000);
  rig.kafka.setMember(group, false);
  await rig.run(owner, 6_000);
  assert.deepEqual([rig.committed(2), rig.seeksNoted], [[0, 0], [40]]);
});

test('a younger wish that comes while one is under way is done after it', async () => {
  const { rig, owner } = await begun();
  seek(rig, owner, 40, 'earliest');
  await rig.clock.advance(1);
  seek(rig, owner, 41, 'latest');
  await rig.run(owner, 200);
  assert.deepEqual(
    [rig.committed(2), rig.seeksNoted],
    [
      [5, 5],
      [40, 41],
    ],
  );
});

test('a commit under way does not undo it', async () => {
  const { rig, owner } = await begun();
  const loans = await rig.take(owner, 4);
  rig.kafka.fail({ operation: 'commit', kind: 'delay', delayMs: 300 });
  await rig.settle(owner, loans);
  seek(rig, owner, 40, 'earliest');
  await rig.run(owner, 1_000);
  assert.deepEqual(rig.committed(2), [0, 0]);
});
