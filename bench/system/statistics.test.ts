/** Medians and ranges of repeated measurements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rounded, spread } from './statistics.ts';

test('the median of an odd count is the middle one, whatever the order', () => {
  assert.deepEqual(spread([9, 1, 5]), { median: 5, min: 1, max: 9 });
});

test('the median of an even count is the mean of the middle two', () => {
  assert.deepEqual(spread([4, 1, 3, 100]), { median: 3.5, min: 1, max: 100 });
});

test('sorts as numbers, not as text', () => {
  assert.equal(spread([10, 9, 2]).median, 9);
});

test('refuses to summarise nothing', () => {
  assert.throws(() => spread([]), /no measurements/);
});

test('keeps four significant digits', () => {
  assert.equal(rounded(0.123456), 0.1235);
  assert.equal(rounded(43.8271), 43.83);
});
