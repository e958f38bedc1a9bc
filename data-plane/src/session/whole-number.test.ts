/** What Redis takes for a whole number, and what it does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWholeNumber } from './whole-number.ts';

test('64 bits in plain decimal, and nothing else', () => {
  for (const value of [0n, 7n, -1n, 10n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.equal(readWholeNumber(String(value)), value);
  }
  for (const text of ['', '-', '-0', '07', '+7', ' 7', '7 ', '1.0', '0x10', 'x']) {
    assert.equal(readWholeNumber(text), null, text);
  }
  assert.equal(readWholeNumber(String(2n ** 63n)), null);
  assert.equal(readWholeNumber(String(-(2n ** 63n) - 1n)), null);
});
