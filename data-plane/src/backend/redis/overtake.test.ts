/** A command that was refused for now may wait only where nobody could tell that it was late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForeignCommands } from '../../command/foreign.ts';
import type { Run } from '../../command/run.ts';
import { newRun } from '../../command/run.ts';
import { slotOf } from '../../route/slot.ts';
import { FakeTaker, meter, runOf } from '../../test/fakes.ts';
import { isOvertaken } from './overtake.ts';

const slot = (bytes: Buffer, start: number, end: number): number => slotOf(bytes, start, end, 0);
const places = {
  slotOf: slot,
  foreign: new ForeignCommands([{ name: 'm.set', key: 2, writes: true }]),
};
const slotsOf = (...keys: string[]): number[] =>
  keys.map((key) => slot(Buffer.from(key), 0, key.length));

/** The refused run with `younger` behind it. */
function before(...younger: readonly Run[]): Run {
  const taker = new FakeTaker();
  const refused = runOf(taker, ['SET', 'a', '1']);
  for (const run of [refused, ...younger]) taker.add(run);
  return refused;
}

const command = (...words: string[]): Run => runOf(new FakeTaker(), words);

test('a write waits behind nothing that touches its keys', () => {
  const overtaken = (...younger: Run[]): boolean =>
    isOvertaken(before(...younger), slotsOf('a'), false, places);
  assert.equal(overtaken(), false);
  assert.equal(overtaken(command('GET', 'b'), command('SET', 'c', '1')), false);
  assert.equal(overtaken(command('GET', 'b'), command('GET', 'a')), true);
  assert.equal(overtaken(command('MSET', 'b', '1', 'a', '2')), true);
});

test('a read is overtaken by writes only', () => {
  const overtaken = (...younger: Run[]): boolean =>
    isOvertaken(before(...younger), slotsOf('a', 'z'), true, places);
  assert.equal(overtaken(command('GET', 'a'), command('MGET', 'a', 'z')), false);
  assert.equal(overtaken(command('DEL', 'z')), true);
  assert.equal(overtaken(command('M.SET', 'z', 'b')), false);
  assert.equal(overtaken(command('M.SET', 'b', 'z')), true);
  assert.equal(overtaken(command('M.NONE', 'b')), true, 'what is unknown might touch anything');
});

test('the younger commands of its own run count, those answered already do not', () => {
  const run = runOf(new FakeTaker(), ['SET', 'a', '1'], ['GET', 'b'], ['SET', 'a', '2']);
  const place = before(run);
  assert.equal(isOvertaken(place, slotsOf('a'), true, places), true);
  run.answered = 2;
  run.count = 1;
  assert.equal(isOvertaken(place, slotsOf('b'), false, places), false);
  assert.equal(isOvertaken(place, slotsOf('a'), false, places), true);
  run.open = false;
  assert.equal(isOvertaken(place, slotsOf('a'), false, places), false);
});

test('of a fan-out it is known only whether it writes', () => {
  for (const [touches, reads, expected] of [
    ['writes', true, true],
    ['reads', true, false],
    ['reads', false, true],
    ['nothing', false, false],
  ] as const) {
    const answer = newRun(new FakeTaker(), 0, meter, 0);
    answer.count = 1;
    answer.touches = touches;
    assert.equal(isOvertaken(before(answer), slotsOf('a'), reads, places), expected);
  }
});

test('behind more than it would pay to look at, waiting is refused', () => {
  const many = runOf(new FakeTaker(), ...Array.from({ length: 600 }, () => ['GET', 'b']));
  assert.equal(isOvertaken(before(many), slotsOf('a'), true, places), true);
});

test('a read of a replica is no younger command: no order is kept with it', () => {
  const read = command('GET', 'a');
  const place = before(read);
  assert.equal(isOvertaken(place, slotsOf('a'), false, places), true);
  read.loose = true;
  assert.equal(isOvertaken(place, slotsOf('a'), false, places), false);
});
