/** Which arguments are keys, where options may stand in any order and values may spell keywords. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRequest } from '../resp/encoder.ts';
import { scanArguments } from '../resp/request-scanner.ts';
import { commandNamed } from './command.ts';
import { keyPositions } from './keys.ts';

/** Key positions of a request written as words; `""` is the empty argument. */
function keysOf(
  request: string,
  name = request.split(' ')[0]?.toLowerCase() ?? '',
): number[] | null {
  const args = request.split(' ').map((word) => (word === '""' ? '' : word));
  const facts = commandNamed(name);
  assert.ok(facts, name);
  const bytes = encodeRequest(args);
  const starts = new Int32Array(args.length);
  const ends = new Int32Array(args.length);
  const out = new Int32Array(args.length);
  scanArguments(bytes, 0, starts, ends);
  const count = keyPositions(facts, bytes, args.length, starts, ends, out);
  return count < 0 ? null : [...out.subarray(0, count)];
}

test('ranges', () => {
  assert.deepEqual(keysOf('GET k'), [1]);
  assert.deepEqual(keysOf('MGET a b c'), [1, 2, 3]);
  assert.deepEqual(keysOf('MSET a 1 b 2'), [1, 3]);
  assert.deepEqual(keysOf('RENAME a b'), [1, 2]);
  assert.deepEqual(keysOf('BLPOP a b 0'), [1, 2]);
  assert.deepEqual(keysOf('BITOP AND dest a b'), [2, 3, 4]);
  assert.deepEqual(keysOf('PFMERGE dest'), [1]);
  assert.deepEqual(keysOf('OBJECT ENCODING k', 'object|encoding'), [2]);
  assert.deepEqual(keysOf('PING'), []);
  assert.deepEqual(keysOf('SPUBLISH channel message'), []);
  assert.equal(keysOf('GET'), null);
  assert.equal(keysOf('BLPOP 0'), null);
});

test('counted keys', () => {
  assert.deepEqual(keysOf('EVAL s 2 a b c'), [3, 4]);
  assert.deepEqual(keysOf('EVAL s 0 c'), []);
  assert.deepEqual(keysOf('ZUNIONSTORE d 2 a b WEIGHTS 1 2'), [1, 3, 4]);
  assert.deepEqual(keysOf('LMPOP 1 a LEFT'), [2]);
  for (const count of ['3', '-1', '01', '+1', '1x', '""', '9999999999', '99999999999999999999']) {
    assert.equal(keysOf(`EVAL s ${count} a b`), null, count);
  }
  assert.equal(keysOf('ZUNIONSTORE d'), null);
});

test('streams stand behind STREAMS, whatever the values of other options spell', () => {
  assert.deepEqual(keysOf('XREAD COUNT 2 streams a b 0 0'), [4, 5]);
  assert.deepEqual(keysOf('XREADGROUP GROUP streams streams STREAMS k >'), [5]);
  assert.deepEqual(keysOf('XREADGROUP COUNT 5 GROUP streams c NOACK STREAMS k >'), [8]);
  assert.deepEqual(keysOf('XREAD STREAMS STREAMS 0'), [2]);
  assert.equal(keysOf('XREAD STREAMS a b 0'), null);
  assert.equal(keysOf('XREAD COUNT 2'), null);
  assert.equal(keysOf('XREAD COUNT STREAMS'), null);
});

test('the last STORE is the key written to', () => {
  assert.deepEqual(keysOf('SORT k BY STORE GET # LIMIT 0 1 DESC'), [1]);
  assert.deepEqual(keysOf('SORT k STORE a store b'), [1, 5]);
  assert.deepEqual(keysOf('SORT_RO k BY w_*'), [1]);
  assert.deepEqual(keysOf('GEORADIUS k 1 2 3 m COUNT 3 STORE a'), [1, 9]);
  assert.deepEqual(keysOf('GEORADIUS k 1 2 3 m STORE STOREDIST'), [1, 7]);
  assert.deepEqual(keysOf('GEORADIUS k 1 2 3 m STORE a STOREDIST b'), [1, 9]);
  assert.deepEqual(keysOf('GEORADIUSBYMEMBER k STORE 3 m STOREDIST a'), [1, 6]);
  assert.equal(keysOf('SORT k STORE'), null);
});

test('MIGRATE names one key, or many behind KEYS', () => {
  assert.deepEqual(keysOf('MIGRATE h 1 k 0 5'), [3]);
  assert.deepEqual(keysOf('MIGRATE h 1 "" 0 5 COPY AUTH2 KEYS KEYS KEYS a b'), [11, 12]);
  assert.equal(keysOf('MIGRATE h 1 k 0 5 KEYS a'), null);
  assert.equal(keysOf('MIGRATE h 1 "" 0 5 KEYS'), null);
});
