/** CPU time read from /proc. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuMicroseconds, parseSchedstat, sampleCpu } from './cpu.ts';

test('takes the time on a CPU, not the time spent waiting for one', () => {
  assert.equal(parseSchedstat('28910058 17428662 71\n'), 28_910_058);
});

test('refuses a line that is not schedstat', () => {
  assert.throws(() => parseSchedstat(''), /not a schedstat line/);
  assert.throws(() => parseSchedstat('cpu 1 2'), /not a schedstat line/);
});

test('adds up all threads and counts a new one from its start', () => {
  const before = new Map([
    ['1', 1_000],
    ['2', 50_000],
  ]);
  const after = new Map([
    ['1', 4_000],
    ['2', 50_000],
    ['3', 2_000],
  ]);
  assert.equal(cpuMicroseconds(before, after), 5);
});

test('a busy process of our own uses CPU time', () => {
  const before = sampleCpu(process.pid);
  // By the process's own clock of CPU time: others may have the CPU for as long as they like.
  const start = process.cpuUsage();
  while (process.cpuUsage(start).user + process.cpuUsage(start).system < 20_000);
  const used = cpuMicroseconds(before, sampleCpu(process.pid));
  assert.ok(used > 1_000, `only ${used} µs`);
});
