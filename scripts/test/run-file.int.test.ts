/** One test file as a process: what is counted, and what becomes of files that misbehave. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isRunning } from './process-group.ts';
import type { FileResult } from './result.ts';
import { runFile } from './run-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'respool-run-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const header =
  "import { suite, test } from 'node:test';\nimport { spawn } from 'node:child_process';\n";

function runSource(source: string, msMax = 20_000): Promise<FileResult> {
  const path = join(folder, `${crypto.randomUUID()}.test.ts`);
  writeFileSync(path, header + source);
  const { signal } = new AbortController();
  return runFile(path, { root: folder, env: process.env, namePattern: null, msMax, signal });
}

const fail = "() => { throw new Error('boom'); }";

test('counts tests but neither suites nor parents that fail with their children', async () => {
  const result = await runSource(`
    test('one', () => {});
    suite('group', () => { test('two', () => {}); test('three', ${fail}); });
    test('parent', async (t) => { await t.test('four', ${fail}); });`);
  assert.equal(result.passed, 2);
  const names = result.failures.map(({ name }) => name);
  assert.deepEqual(names, ['group › three', 'parent › four']);
  assert.match(result.failures[0]?.error ?? '', /boom/);
});

test('shows a skipped test, which has not passed', async () => {
  const result = await runSource("test('later', { skip: true }, () => {});");
  assert.deepEqual([result.passed, result.skipped, result.failures], [0, ['later'], []]);
});

test('keeps what a test says of itself, and not what Node counts', async () => {
  const result = await runSource("test('one', (t) => t.diagnostic('seed 7'));");
  assert.deepEqual([result.passed, result.remarks], [1, ['seed 7']]);
});

test('fails a file that cannot be imported', async () => {
  const result = await runSource("import './missing.ts';");
  assert.equal(result.failures.length, 1);
  assert.match(result.failures[0]?.error ?? '', /missing\.ts/);
});

test('fails a file that ends its process with success before its tests ran', async () => {
  const result = await runSource("test('one', () => {}); process.exit(0);");
  assert.match(result.failures[0]?.error ?? '', /ended before its tests did/);
});

test('fails a file whose process is killed, and names the test that ran', async () => {
  const result = await runSource("test('crash', () => process.kill(process.pid, 'SIGKILL'));");
  assert.match(result.failures[0]?.error ?? '', /SIGKILL\nnot ended: crash/);
});

test('fails an error thrown after its test had ended', async () => {
  const result = await runSource(`
    test('early', () => { setTimeout(() => { throw new Error('late'); }, 10); });
    test('long', () => new Promise((resolve) => setTimeout(resolve, 100)));`);
  assert.equal(result.failures.length, 1);
  assert.match(result.failures[0]?.error ?? '', /late/);
});

test('ends a file that takes too long together with the processes it started', async () => {
  const result = await runSource(
    `test('hang', () => new Promise(() => {
      console.log('pid ' + spawn('sleep', ['600']).pid);
      setInterval(() => {}, 1000);
    }));`,
    1_500,
  );
  assert.match(result.failures[0]?.error ?? '', /not done after 1500 ms\nnot ended: hang/);
  const pid = Number(/pid (\d+)/.exec(result.output)?.[1]);
  assert.ok(pid > 0);
  assert.equal(isRunning(pid), false);
});

test('ends and reports processes that a file leaves behind', async () => {
  const result = await runSource(
    "test('leaves', () => { spawn('sleep', ['600'], { stdio: 'ignore' }).unref(); });",
  );
  assert.equal(result.passed, 1);
  assert.match(result.warning ?? '', /left processes behind/);
});
