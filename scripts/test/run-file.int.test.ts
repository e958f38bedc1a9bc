/** One test file as a process: what is counted, and what becomes of files that misbehave. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isRunning } from './process-group.ts';
import type { FileResult } from './result.ts';
import { type RunOptions, runFile } from './run-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'respool-run-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const header =
  "import { after, before, suite, test } from 'node:test';\n" +
  "import { spawn } from 'node:child_process';\nimport { createServer } from 'node:net';\n";

function runSource(source: string, limits: Partial<RunOptions> = {}): Promise<FileResult> {
  const path = join(folder, `${crypto.randomUUID()}.test.ts`);
  writeFileSync(path, header + source);
  const { signal } = new AbortController();
  const options = { root: folder, env: process.env, namePattern: null, msMax: 60_000, signal };
  return runFile(path, { ...options, ...limits });
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
  const hang = `test('hang', () => new Promise(() => {
    console.log('pid ' + spawn('sleep', ['600']).pid);
    setInterval(() => {}, 1000);
  }));`;
  let result = await runSource(hang, { msMax: 1_500 });
  // A busy machine may not even have begun with the test by then.
  for (let msMax = 6_000; !/pid/.test(result.output) && msMax < 60_000; msMax *= 2) {
    result = await runSource(hang, { msMax });
  }
  assert.match(result.failures[0]?.error ?? '', /not done after \d+ ms\nnot ended: hang/);
  assert.match(result.failures[0]?.error ?? '', /still open: .*ProcessWrap/);
  const pid = Number(/pid (\d+)/.exec(result.output)?.[1]);
  assert.ok(pid > 0);
  assert.equal(isRunning(pid), false);
});

test('tells a hook that failed before the process that then does not end', async () => {
  const source = `
    before(() => { createServer().listen(0); throw new Error('no server'); });
    test('one', () => {});
    test('two', () => {});`;
  const { failures } = await runSource(source, { restMsMax: 1_000 });
  const [one, two, end, ...more] = failures;
  assert.deepEqual([one?.name, two?.name, more], ['one', 'two', []]);
  assert.match(one?.error ?? '', /^failed running before hook\nError: no server/);
  assert.equal(two?.error, one?.error);
  assert.match(end?.error ?? '', /went on for 1000 ms after its tests\nall tests had ended/);
  assert.match(end?.error ?? '', /still open: .*TCPServerWrap/);
});

test('ends and reports processes that a file leaves behind', async () => {
  const result = await runSource(
    "test('leaves', () => { spawn('sleep', ['600'], { stdio: 'ignore' }).unref(); });",
  );
  assert.equal(result.passed, 1);
  assert.match(result.warning ?? '', /left processes behind/);
});
