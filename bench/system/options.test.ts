/** Flags of the bench command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCases, caseName } from './cases.ts';
import { parseOptions, wanted } from './options.ts';

test('a full run writes to the results folder', () => {
  const options = parseOptions([], '/results');
  assert.equal(options.out, '/results');
  assert.equal(options.rounds, 5);
  assert.deepEqual(options.tables, ['standalone', 'cluster']);
});

test('a quick or partial run writes nothing unless told where', () => {
  assert.equal(parseOptions(['--quick'], '/results').out, null);
  assert.equal(parseOptions(['--only', 'redis'], '/results').out, null);
  assert.equal(parseOptions(['--quick', '--out', '/tmp/x'], '/results').out, '/tmp/x');
});

test('names the target it does not know', () => {
  assert.throws(() => parseOptions(['--only', 'redis,memcached'], '/'), /unknown memcached/);
});

test('refuses a count that is not a positive number', () => {
  assert.throws(() => parseOptions(['--rounds', '0'], '/'), /not a positive number/);
  assert.throws(() => parseOptions(['--seconds', 'two'], '/'), /not a positive number/);
});

test('the case filter is part of a name', () => {
  const names = allCases()
    .filter((measured) => wanted('get p1 ', measured))
    .map(caseName);
  assert.deepEqual(names, ['GET P1 64 B', 'GET P1 50 KB']);
});

test('big values are measured after every small one; no rounds of MGET that fill the memory', () => {
  const sizes = allCases().map(({ valueBytes }) => valueBytes);
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
  );
  const big = allCases().filter(({ valueBytes }) => valueBytes > 64);
  assert.deepEqual(
    big.map(({ command, depth }) => `${command} ${depth}`),
    ['GET 1', 'GET 16', 'GET 50', 'SET 1', 'SET 16', 'SET 50', 'MGET10 1'],
  );
});
