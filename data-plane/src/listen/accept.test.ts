/** The static reads prove themselves, and the cap turns clients away in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staticReadsWork } from './accept.ts';

test('this Node reads accepted sockets into the static buffer: the self-test says so', async () => {
  assert.equal(await staticReadsWork(), true);
});
