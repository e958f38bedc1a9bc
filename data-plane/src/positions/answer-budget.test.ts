/** Content under way: one answer always goes, and no tenant takes what the others need. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerBudget } from './answer-budget.ts';

const nobody = () => assert.fail('nobody starves');

test('a single answer of any size is let through, and the next waits for it', () => {
  const budget = new AnswerBudget(10).of('acme');
  assert(budget.reserve(100, nobody));
  let fed = 0;
  assert(!budget.reserve(1, () => fed++));
  assert(budget.reserve(0, nobody));
  budget.release(100);
  assert.equal(fed, 1);
  assert(budget.reserve(5, nobody));
});

test('a tenant whose answers do not come leaves room for the others', () => {
  const all = new AnswerBudget(100);
  const [hog, other] = [all.of('hog'), all.of('other')];
  let taken = 0;
  while (hog.reserve(10, () => {})) taken += 10;
  assert.equal(taken, 50);
  assert(other.reserve(20, nobody));
  assert.equal(all.of('hog'), hog);
});
