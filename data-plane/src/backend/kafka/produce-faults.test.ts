/** Pushes while brokers fail: what is stored, how often, in which order, and what is told of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '@respool/kafka/memory';
import { type Outcome, PushRig } from '../../test/push-rig.ts';
import { Random } from '../../test/random.ts';

const refuse = (code: Fault['code'] = 'leader-moved'): Fault => ({
  operation: 'produce',
  kind: 'refuse',
  ...(code === undefined ? {} : { code }),
});
const lose: Fault = { operation: 'produce', kind: 'lose' };
const stall: Fault = { operation: 'produce', kind: 'stall' };
const delay: Fault = { operation: 'produce', kind: 'delay' };

const codes = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ error }) => error?.code ?? 'stored');

test('a leader that moves is found again, and each record is stored once', async () => {
  const rig = new PushRig();
  await rig.warm();
  rig.kafka.fail(refuse(), refuse(), refuse());
  const [a, b] = [rig.push('a'), rig.push('b')];
  await rig.clock.advance(1_000);
  assert.deepEqual([a.pushed?.offset, b.pushed?.offset], [1, 2]);
  assert.deepEqual(rig.stored(), ['warm', 'a', 'b']);
});

test('a batch whose answer is lost is sent again, stored once, and told its first place', async () => {
  const rig = new PushRig();
  await rig.warm();
  rig.kafka.fail(lose, lose);
  const a = rig.push('a');
  await rig.clock.advance(500);
  const b = rig.push('b');
  await rig.clock.advance(500);
  assert.deepEqual([a.pushed?.offset, b.pushed?.offset], [1, 2]);
  assert.deepEqual(rig.stored(), ['warm', 'a', 'b']);
});

test('a batch that stalls may be stored, and says so; those behind it are stored', async () => {
  const rig = new PushRig({ limits: { pushMsMax: 1_000 } });
  await rig.warm();
  rig.kafka.fail(stall);
  const first = rig.push('first');
  await rig.clock.advance(2);
  const second = rig.push('second');
  await rig.clock.advance(500);
  const third = rig.push('third');
  await rig.clock.advance(1_000);
  assert.deepEqual(codes([first, second, third]), ['deadline', 'stored', 'stored']);
  assert.equal(first.error?.mayHaveHappened, true);
  assert.deepEqual(rig.stored(), ['warm', 'second', 'third']);
});

test('what waited too long to be sent is not stored, and says so', async () => {
  const rig = new PushRig({ limits: { lingerMs: 50, pushMsMax: 50 } });
  const push = rig.push('late');
  await rig.clock.advance(200);
  assert.equal(push.error?.code, 'deadline');
  assert.equal(push.error?.mayHaveHappened, false);
  assert.deepEqual(rig.stored(), []);
});

test('a batch in doubt cannot be stored any more behind one that came later', async () => {
  const rig = new PushRig({ limits: { pushMsMax: 1_000 } });
  await rig.warm();
  rig.kafka.fail({ ...delay, delayMs: 2_000 });
  const doubtful = rig.push('doubtful');
  await rig.clock.advance(1_100);
  assert.equal(doubtful.error?.mayHaveHappened, true);
  const after = rig.push('after');
  await rig.clock.advance(5_000);
  assert.equal(after.pushed?.offset, 1);
  assert.deepEqual(rig.tried, ['after', 'doubtful']);
  assert.deepEqual(rig.stored(), ['warm', 'after']);
});

test('a broker that lost what it knew of us is told a new beginning', async () => {
  const rig = new PushRig();
  await rig.warm();
  rig.kafka.fail(refuse('producer-stale'));
  const [a, b] = [rig.push('a'), rig.push('b')];
  await rig.clock.advance(100);
  assert.deepEqual([a.pushed?.offset, b.pushed?.offset], [1, 2]);
  const epochs = rig.kafka.batches.map(({ epoch, sequence }) => [epoch, sequence]);
  assert.deepEqual(epochs.at(-1), [1, 0]);
});

test('a broker that never takes us back is an error, not a loop', async () => {
  const rig = new PushRig();
  await rig.warm();
  rig.kafka.fail(...Array(10).fill(refuse('producer-stale')));
  const a = rig.push('a');
  await rig.clock.advance(100);
  assert.equal(a.error?.code, 'producer-stale');
  assert.equal(a.error?.mayHaveHappened, false);
});

test('a record that is too large fails alone, not those it travelled with', async () => {
  const rig = new PushRig({ limits: { batchBytesMax: 2 ** 22 } });
  await rig.warm();
  const large = 'x'.repeat(1_200_000);
  const pushes = ['a', 'b', large, 'c', 'd'].map((value) => rig.push(value));
  await rig.clock.advance(500);
  const stored = 'stored';
  assert.deepEqual(codes(pushes), [stored, stored, 'message-too-large', stored, stored]);
  assert.deepEqual(rig.stored(), ['warm', 'a', 'b', 'c', 'd']);
});

test('a record larger than any may be is refused before it is sent', async () => {
  const rig = new PushRig({ limits: { recordBytesMax: 1_000 } });
  const push = rig.push('x'.repeat(1_000));
  await rig.clock.advance(100);
  assert.equal(push.error?.code, 'message-too-large');
  assert.deepEqual(rig.tried, []);
});

test('beyond the bound pushes are refused, and room is told as soon as there is some', async () => {
  const rig = new PushRig({ limits: { queuedRecordsMax: 4 } });
  await rig.warm();
  rig.kafka.fail(...Array(3).fill(refuse()));
  const taken = ['a', 'b', 'c', 'd'].map((value) => rig.push(value));
  const refused = rig.push('e');
  assert.equal(rig.pusher.hasRoom, false);
  let isTold = false;
  void rig.pusher.room().then(() => {
    isTold = true;
  });
  await rig.clock.advance(2);
  assert.equal(refused.error?.code, 'overloaded');
  assert.equal(refused.error?.retrySafe, true);
  assert.equal(isTold, false);
  await rig.clock.advance(1_000);
  assert.equal(isTold, true);
  assert.deepEqual(codes(taken), Array(4).fill('stored'));
});

test('the bound counts bytes as well', async () => {
  const rig = new PushRig({ limits: { queuedBytesMax: 10_000 } });
  await rig.warm();
  const pushes = Array.from({ length: 4 }, () => rig.push('x'.repeat(3_000)));
  await rig.clock.advance(100);
  assert.deepEqual(codes(pushes), ['stored', 'stored', 'stored', 'overloaded']);
});

test('a close sends what is queued, and refuses what comes after', async () => {
  const rig = new PushRig();
  await rig.warm();
  const [a, b] = [rig.push('a'), rig.push('b')];
  const closing = rig.pusher.close(10_000);
  const late = rig.push('late');
  await rig.clock.advance(100);
  await closing;
  assert.deepEqual(codes([a, b, late]), ['stored', 'stored', 'closed']);
});

test('a close that takes too long gives up what was not sent', async () => {
  const rig = new PushRig();
  await rig.warm();
  rig.kafka.fail(stall);
  const sent = rig.push('sent');
  await rig.clock.advance(2);
  const queued = rig.push('queued');
  const closing = rig.pusher.close(1_000);
  await rig.clock.advance(1_000);
  await closing;
  assert.deepEqual(codes([queued]), ['closed']);
  assert.equal(queued.error?.mayHaveHappened, false);
  await rig.clock.advance(20_000);
  assert.equal(sent.error?.mayHaveHappened, true);
  assert.equal(rig.pusher.queuedRecords, 0);
});

/**
 * Pushes at random times to random partitions, while tries are refused, lost, stalled and delayed.
 * Then the log is held against what each push was told: stored means once, at that place; an error
 * without doubt means not at all; in doubt means at most once. Per partition the order is theirs.
 */
async function campaign(seed: number): Promise<void> {
  const random = new Random(seed);
  const partitions = 3;
  const limits = { pushMsMax: 3_000, batchRecordsMax: 1 + random.below(20) };
  const answerMs = random.below(30);
  const rig = new PushRig({ partitions, limits, answerMs, random: () => random.below(100) / 100 });
  const outcomes: { outcome: Outcome; partition: number }[] = [];
  for (let at = 0; at < 300; at++) {
    if (random.below(4) === 0) rig.kafka.fail(refuse('broker-unreachable'));
    if (random.below(6) === 0) rig.kafka.fail(lose);
    if (random.below(60) === 0) rig.kafka.fail(stall);
    if (random.below(40) === 0) rig.kafka.fail({ ...delay, delayMs: random.below(9_000) });
    if (random.below(80) === 0) rig.kafka.fail(refuse('producer-stale'));
    const partition = random.below(partitions);
    outcomes.push({ outcome: rig.push(`${at}`, { partition }), partition });
    if (random.below(3) === 0) await rig.clock.advance(random.below(40));
  }
  await rig.clock.advance(10_000);
  for (let partition = 0; partition < partitions; partition++) {
    const mine = outcomes.filter((one) => one.partition === partition);
    const log = rig.stored(partition);
    assert.deepEqual(
      log,
      log.toSorted((one, other) => Number(one) - Number(other)),
      `seed ${seed}: partition ${partition} is out of order`,
    );
    for (const { outcome } of mine) {
      const { value, pushed, error } = outcome;
      const times = log.filter((one) => one === value).length;
      const told = `seed ${seed}: ${value} is stored ${times} times, told ${error ?? 'stored'}`;
      if (pushed !== null) assert.equal(log[pushed.offset], value, told);
      if (pushed !== null) assert.equal(times, 1, told);
      else if (error?.mayHaveHappened === false) assert.equal(times, 0, told);
      else assert(error !== null && times <= 1, told);
    }
  }
  assert.equal(rig.pusher.queuedRecords, 0, `seed ${seed}`);
}

test('nothing acknowledged is lost, repeated or out of order, whatever fails', async () => {
  const first = Number(process.env['RESPOOL_TEST_SEED'] ?? Date.now() % 1_000_000);
  process.stdout.write(`pushes with faults: seeds from ${first}\n`);
  for (let seed = first; seed < first + 15; seed++) await campaign(seed);
});
