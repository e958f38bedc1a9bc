/** Which proxy should own a unit: agreed on by all, even, and stable when proxies come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueToMove, preferred } from './rendezvous.ts';

const sessionOf = (n: number, nonce = 'aaaaaaaaaaaaaaaa') => `proxy-${n}.${nonce}`;
const keys = Array.from({ length: 3_000 }, (_, n) => `acme/orders-${n}/worker`);
const five = [1, 2, 3, 4, 5].map((n) => sessionOf(n));

test('all proxies agree, in whatever order they know each other', () => {
  for (const key of keys.slice(0, 100)) {
    assert.equal(preferred(key, five), preferred(key, five.toReversed()));
  }
  assert.equal(preferred('a/b/c', []), null);
});

test('units are spread evenly, near names too', () => {
  const counts = new Map<string, number>();
  for (const key of keys) {
    const best = preferred(key, five) ?? '';
    counts.set(best, (counts.get(best) ?? 0) + 1);
  }
  for (const [session, count] of counts) assert(count > 450 && count < 750, `${session}: ${count}`);
});

test('a proxy that leaves moves its own units only, and gets them back under its id', () => {
  const without = five.slice(1);
  const again = [...without, sessionOf(1, 'bbbbbbbbbbbbbbbb')];
  for (const key of keys) {
    const before = preferred(key, five);
    if (before !== five[0]) assert.equal(preferred(key, without), before);
    else assert.equal(preferred(key, again), again.at(-1));
  }
});

test('a unit moves when another should have it for a minute, four at a time', () => {
  const own = sessionOf(1);
  const units = keys.slice(0, 40).map((key) => {
    return { key, leaving: null as unknown, strangeSinceMs: null as number | null };
  });
  const ours = units.filter(({ key }) => preferred(key, five) === own);
  const sessions = { session: own, alive: () => five };
  assert.deepEqual(dueToMove(units, sessions, 1_000), []);
  assert.deepEqual(dueToMove(units, sessions, 60_999), []);
  const due = dueToMove(units, sessions, 61_000);
  assert.equal(due.length, 4);
  assert(due.every((unit) => !ours.includes(unit)));
  for (const unit of due) unit.leaving = 'now';
  assert.deepEqual(dueToMove(units, sessions, 61_100), []);
  // For a moment it should be ours again: the minute begins anew.
  assert.deepEqual(dueToMove(units, { session: own, alive: () => [own] }, 61_200), []);
  assert.deepEqual(dueToMove(units, sessions, 61_300), []);
});
