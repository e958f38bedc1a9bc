/** Self time from a CPU profile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CpuProfile, profileTable, selfTime } from './self-time.ts';

const frame = (functionName: string, url = '', lineNumber = -1) => ({
  functionName,
  url,
  lineNumber,
});
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('serve', 'file:///x/data-plane/src/serve.ts', 39) },
    { id: 3, callFrame: frame('', 'file:///x/data-plane/src/turn.ts', 0) },
    { id: 4, callFrame: frame('(program)') },
  ],
  startTime: 1_000,
  // At 1,100, 1,200, 1,300, 1,400 and 1,500.
  samples: [2, 1, 3, 2, 4],
  timeDeltas: [100, 100, 100, 100, 100],
};

test('shares are of busy time, each sample lasting until the next', () => {
  assert.deepEqual(selfTime(profile, 0, 10_000), [
    { label: 'serve src/serve.ts:40', share: 2 / 3 },
    { label: '(anonymous) src/turn.ts:1', share: 1 / 3 },
    { label: '(program)', share: 0 },
  ]);
});

test('what ran before or after the load is left out', () => {
  assert.deepEqual(selfTime(profile, 1_300, 1_400), [
    { label: '(anonymous) src/turn.ts:1', share: 1 },
  ]);
});

test('prints the top functions only', () => {
  const text = profileTable(selfTime(profile, 0, 10_000), 1);
  assert.match(text, / 66\.7 % {2}serve src\/serve\.ts:40$/);
});
