/** Timeouts of blocking commands: where they stand and what is left of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../test/commands.ts';
import { remainingTimeout, timeoutArgument, timeoutMs } from './timeout.ts';

test('the timeout is found wherever the command has it, and XREAD without BLOCK has none', () => {
  for (const [line, at] of [
    ['BLPOP a b 5', 3],
    ['BZPOPMAX a 0', 2],
    ['BLMOVE a b LEFT RIGHT 0', 5],
    ['BRPOPLPUSH a b 1', 3],
    ['BLMPOP 1 1 a LEFT', 1],
    ['BZMPOP 1 1 a MIN', 1],
    ['XREAD BLOCK 5 STREAMS a 0', 2],
    ['xread count 2 block 5 streams a 0', 4],
    ['XREAD BLOCK 5 COUNT 1 BLOCK 6 STREAMS a 0', 6],
    ['XREAD STREAMS block 0', -1],
    ['XREAD COUNT 5 STREAMS a 0', -1],
    ['XREADGROUP GROUP block block BLOCK 7 NOACK STREAMS a >', 5],
    ['XREADGROUP GROUP g BLOCK NOACK STREAMS a >', -1],
  ] as const) {
    assert.equal(timeoutArgument(commandOf(...line.split(' '))), at, line);
  }
});

test('seconds with a fraction, milliseconds for streams, and what is none', () => {
  assert.deepEqual(
    ['0', '1.5', '.01', '1e-2', '-1', '+2'].map((text) => timeoutMs('blpop', text)),
    [0, 1500, 10, 10, -1000, 2000],
  );
  for (const text of ['', 'x', '1x', 'nan', '0x10', '1 ', '.']) {
    assert.ok(Number.isNaN(timeoutMs('blpop', text)), text);
  }
  assert.equal(timeoutMs('xread', '250'), 250);
  assert.ok(Number.isNaN(timeoutMs('xread', '1.5')));
});

test('what is left is never for ever and never nothing', () => {
  assert.equal(remainingTimeout('blpop', '0', 5000), '0');
  assert.equal(remainingTimeout('blpop', '2', 500), '1.5');
  assert.equal(remainingTimeout('blpop', '2', 5000), '0.001');
  assert.equal(remainingTimeout('xread', '2000', 500), '1500');
  assert.equal(remainingTimeout('blpop', 'x', 500), 'x');
});
