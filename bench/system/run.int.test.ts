/** The bench command on a real redis-server: the rows it writes, and what it leaves behind. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const command = join(import.meta.dirname, 'run.ts');
const only = ['--only', 'redis', '--table', 'standalone', '--case', 'GET P16 64', '--rounds', '2'];

function bench(...args: string[]): ChildProcess {
  return spawn(process.execPath, [command, ...only, ...args], { stdio: 'ignore' });
}

test('writes one row per case and target, with medians, and the table of the day', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'respool-bench-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [code] = await once(bench('--seconds', '0.1', '--out', folder), 'exit');
  assert.equal(code, 0);
  const report = JSON.parse(readFileSync(join(folder, 'latest.json'), 'utf8'));
  assert.equal(report.rows.length, 1);
  const [{ case: name, target, backend, depth, valueBytes, ...row }] = report.rows;
  assert.deepEqual(
    [name, target, backend, depth, valueBytes],
    ['GET', 'redis', 'standalone', 16, 64],
  );
  for (const figure of ['cpuUsPerRequest', 'requestsPerSecond', 'p99Ms']) {
    assert.ok(row[figure] > 0, `${figure} is ${row[figure]}`);
    assert.ok(row.min[figure] <= row[figure] && row[figure] <= row.max[figure], figure);
  }
  const table = readdirSync(folder).find((file) => /^\d{4}-\d\d-\d\d\.md$/.test(file));
  assert.ok(table !== undefined);
  assert.match(readFileSync(join(folder, table), 'utf8'), /\| GET P16 64 B \| [\d.]+ \[/);
});

test('stopped in the middle, it stops every process it started', async () => {
  const child = bench('--seconds', '30');
  const ended = once(child, 'exit');
  // redis-server and, once the keys are filled, redis-benchmark.
  let started: string[] = [];
  const deadline = performance.now() + 60_000;
  while (started.length < 2 && performance.now() < deadline) {
    await delay(20);
    started = children(child);
  }
  child.kill('SIGINT');
  const [code] = await ended;
  assert.equal(code, 130);
  assert.equal(started.length, 2);
  // The kernel may take a moment to bury what the last instruction of the bench killed.
  const buried = performance.now() + 30_000;
  while (started.some(runs) && performance.now() < buried) await delay(10);
  assert.deepEqual(started.filter(runs), []);
});

function children({ pid }: ChildProcess): string[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter((child) => child.trim() !== '');
}

/** A zombie that waits for its parent to be collected does not run any more. */
function runs(pid: string): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
