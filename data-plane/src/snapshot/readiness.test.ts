/** When a proxy calls itself ready, and what it says beside. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FollowStatus } from './follow.ts';
import { followSampleOf, readinessOf } from './readiness.ts';

const serving: FollowStatus = {
  state: 'serving',
  connected: true,
  logId: 'log',
  sequence: 7,
  hash: 'a'.repeat(64),
  target: 7,
  error: null,
  staleSinceMs: null,
};
const starting: FollowStatus = { ...serving, state: 'starting', sequence: 0, target: 0 };

test('a proxy is ready once it serves a state, and stays so whatever happens to the log', () => {
  const error = { field: 'log', message: 'it lost its tail' };
  assert.equal(readinessOf(starting).ready, false);
  assert.equal(readinessOf({ ...starting, state: 'warming', target: 7 }).ready, false);
  for (const state of ['serving', 'warming', 'rejected', 'alarm'] as const) {
    assert.equal(readinessOf({ ...serving, state, error, connected: false }).ready, true, state);
  }
});

test('the reason names what an operator has to look at', () => {
  const error = { field: 'backends.main', message: 'connection refused' };
  assert.equal(readinessOf(serving).reason, null);
  assert.match(readinessOf({ ...serving, connected: false }).reason ?? '', /NATS is away/);
  assert.equal(
    readinessOf({ ...serving, state: 'rejected', target: 8, error }).reason,
    'sequence 8 is rejected: backends.main: connection refused',
  );
  assert.equal(followSampleOf({ ...serving, state: 'alarm' }).alarmed, true);
});
