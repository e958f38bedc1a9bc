/** One call and its tries: pauses, deadlines, and what is known of a write afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attempt, withinDeadline } from './attempts.ts';
import { KafkaError } from './kafka-error.ts';
import { VirtualClock } from './test/virtual-clock.ts';

interface Result {
  readonly error: KafkaError | null;
  readonly value: unknown;
}

/** Runs a call on a clock of its own until it ends. */
class Call {
  readonly clock = new VirtualClock();
  /** Milliseconds after the start at which each try began. */
  readonly triedMs: number[] = [];
  result: Result = { error: null, value: null };
  hasEnded = false;

  constructor(
    deadlineMs: number,
    tries: readonly ((attempt: Attempt) => Promise<unknown>)[],
    random = 1,
  ) {
    const { clock } = this;
    const start = clock.now();
    const patience = { clock, random: () => random, pauseMsMin: 20, pauseMsMax: 100 };
    withinDeadline(patience, deadlineMs, (attempt) => {
      this.triedMs.push(clock.now() - start);
      const once = tries[Math.min(this.triedMs.length, tries.length) - 1];
      assert(once !== undefined);
      return once(attempt);
    }).then(
      (value) => {
        this.result = { error: null, value };
        this.hasEnded = true;
      },
      (error: KafkaError) => {
        this.result = { error, value: null };
        this.hasEnded = true;
      },
    );
  }
}

const moved = (mayHaveHappened = false) =>
  new KafkaError('leader-moved', 'gone', { mayHaveHappened });
const fails = (error: Error) => async () => Promise.reject(error);
const succeeds = async () => 'done';
const silent = () => new Promise<never>(() => {});

test('a first success needs no second try and leaves no timer', async () => {
  const call = new Call(1_000, [succeeds]);
  await call.clock.advance(0);
  assert.deepEqual(call.result, { error: null, value: 'done' });
  assert.deepEqual(call.triedMs, [0]);
  assert.equal(call.clock.pending, 0);
});

test('pauses double up to their bound', async () => {
  const call = new Call(1_000, [...Array(5).fill(fails(moved())), succeeds]);
  await call.clock.advance(1_000);
  assert.deepEqual(call.triedMs, [0, 20, 60, 140, 240, 340]);
  assert.equal(call.result.value, 'done');
});

test('pauses are spread, but never shorter than the half', async () => {
  const call = new Call(1_000, [fails(moved()), fails(moved()), succeeds], 0);
  await call.clock.advance(1_000);
  assert.deepEqual(call.triedMs, [0, 10, 30]);
});

test('an error that will not pass ends the call at once', async () => {
  const call = new Call(1_000, [fails(new KafkaError('not-authorized', 'no'))]);
  await call.clock.advance(0);
  assert.equal(call.result.error?.code, 'not-authorized');
  assert.equal(call.result.error?.retrySafe, true);
});

test('an error of no kind we know is an answer nobody could read', async () => {
  const call = new Call(1_000, [fails(new TypeError('oops'))]);
  await call.clock.advance(0);
  assert.equal(call.result.error?.code, 'answer-unreadable');
  assert.match(String(call.result.error?.message), /oops/);
});

test('the deadline ends a silent try, and names the last error before', async () => {
  const call = new Call(500, [fails(moved()), silent]);
  await call.clock.advance(499);
  assert.equal(call.hasEnded, false);
  await call.clock.advance(1);
  assert.equal(call.result.error?.code, 'deadline');
  assert.match(String(call.result.error?.message), /500 ms; last: gone/);
});

test('the deadline ends a pause', async () => {
  const call = new Call(50, [fails(moved())]);
  await call.clock.advance(50);
  assert.equal(call.result.error?.code, 'deadline');
});

test('a deadline that has passed already ends the call', async () => {
  const call = new Call(-1, [silent]);
  await call.clock.advance(0);
  assert.equal(call.result.error?.code, 'deadline');
  assert.equal(call.result.error?.mayHaveHappened, false);
});

test('a try that was sent leaves the write in doubt when the deadline passes', async () => {
  const sent = (attempt: Attempt) => {
    attempt.markSent();
    return silent();
  };
  const call = new Call(100, [sent]);
  await call.clock.advance(100);
  assert.equal(call.result.error?.mayHaveHappened, true);
  assert.equal(call.result.error?.retrySafe, false);
});

test('a try that was refused after being sent leaves no doubt', async () => {
  const refused = (attempt: Attempt) => {
    attempt.markSent();
    return Promise.reject(moved());
  };
  const call = new Call(100, [refused, silent]);
  await call.clock.advance(100);
  assert.equal(call.result.error?.code, 'deadline');
  assert.equal(call.result.error?.mayHaveHappened, false);
});

test('doubt of an early try stays, whatever later ones say', async () => {
  const late = new Call(100, [fails(moved(true)), fails(moved())]);
  await late.clock.advance(100);
  assert.equal(late.result.error?.mayHaveHappened, true);
  const refused = new Call(100, [fails(moved(true)), fails(new KafkaError('refused', 'no'))]);
  await refused.clock.advance(100);
  assert.equal(refused.result.error?.code, 'refused');
  assert.equal(refused.result.error?.mayHaveHappened, true);
});

test('a success after doubt is a success', async () => {
  const call = new Call(100, [fails(moved(true)), succeeds]);
  await call.clock.advance(100);
  assert.equal(call.result.value, 'done');
});

test('a try learns that nobody waits for it any more', async () => {
  let seen: Attempt | null = null;
  const call = new Call(100, [
    (attempt) => {
      seen = attempt;
      return silent();
    },
  ]);
  await call.clock.advance(99);
  assert.equal((seen as Attempt | null)?.isOver, false);
  await call.clock.advance(1);
  assert.equal((seen as Attempt | null)?.isOver, true);
});
