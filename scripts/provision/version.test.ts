/** Versions: found in what real programs print, and compared by number, not by letter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAtLeast, versionIn } from './version.ts';

test('finds the version in what each program prints', () => {
  assert.equal(versionIn('nats-server: v2.15.1\n'), '2.15.1');
  assert.equal(versionIn('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0'), '7.0.15');
  assert.equal(versionIn('HAProxy version 2.6.12-1+deb12u4 2026/10/17'), '2.6.12');
  assert.equal(versionIn('no number here'), null);
});

test('compares versions part by part', () => {
  assert.equal(isAtLeast('2.12.0', '2.12'), true);
  assert.equal(isAtLeast('2.9.10', '2.12'), false);
  assert.equal(isAtLeast('10.0', '9.9.9'), true);
  assert.equal(isAtLeast('6.2', '6.2.1'), false);
});
