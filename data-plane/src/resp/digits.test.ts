/** Decimal digits, of every length a number can have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitsOf, writeDigits } from './digits.ts';

test('any whole number is written as its decimal digits, and nothing beside them', () => {
  const values = [0, Number.MAX_SAFE_INTEGER];
  for (let power = 1; power < Number.MAX_SAFE_INTEGER; power *= 10) {
    values.push(power - 1, power, power + 1, power * 2 + 1);
  }
  for (const power of [2 ** 31, 2 ** 32]) values.push(power - 1, power, power + 1);
  for (const value of values.filter(Number.isSafeInteger)) {
    const text = String(value);
    assert.equal(digitsOf(value), text.length, text);
    const into = Buffer.alloc(text.length + 2, '.');
    assert.equal(writeDigits(into, 1, value, text.length), text.length + 1);
    assert.equal(into.toString('latin1'), `.${text}.`);
  }
});
