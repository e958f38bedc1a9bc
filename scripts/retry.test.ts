/** Tries of what needs the network: a few, and none after a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retried } from './retry.mjs';

/** Fails as often as told, then succeeds; `tries` counts both. */
function failing(times: number) {
  const work = async () => {
    rig.tries += 1;
    if (rig.tries <= times) throw new Error(`failure ${rig.tries}`);
    return 'done';
  };
  const rig = { tries: 0, work };
  return rig;
}

const pausesMs = [0, 0];

test('what failed is tried again, and no more once it succeeded', async () => {
  for (const times of [0, 1, 2]) {
    const rig = failing(times);
    assert.equal(await retried(rig.work, { pausesMs }), 'done');
    assert.equal(rig.tries, times + 1);
  }
});

test('after the last try its failure is told', async () => {
  const rig = failing(9);
  await assert.rejects(retried(rig.work, { pausesMs }), /^Error: failure 3$/);
  assert.equal(rig.tries, 3);
});

test('no further try begins when the time is over', async () => {
  const rig = failing(9);
  await assert.rejects(retried(rig.work, { pausesMs, msMax: 0 }), /failure 1/);
  assert.equal(rig.tries, 1);
});
