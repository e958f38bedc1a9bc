/** What is printed of a file that failed: causes first, each error once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportFile } from './report.ts';
import type { Failure } from './result.ts';

function reported(...failures: readonly Failure[]): string[] {
  const nothing = { passed: 0, skipped: [], remarks: [], output: '', warning: null };
  const text = reportFile(
    { path: 'a.test.ts', kind: 'unit' },
    { ...nothing, path: '', ms: 1, failures },
  );
  return text.trimEnd().split('\n').slice(1);
}

function failure(name: string, error: string, wasCancelled = false): Failure {
  return { name, error, wasCancelled };
}

test('tells one error once, under the names of all that failed with it', () => {
  const hook = 'failed running before hook\nError: no server';
  const lines = reported(failure('one', hook), failure('two', hook), failure('three', 'other'));
  const told = ['     failed running before hook', '     Error: no server'];
  assert.deepEqual(lines, ['   ✖ one', '   ✖ two', ...told, '   ✖ three', '     other']);
});

test('tells what was not run after the reason why', () => {
  const lines = reported(failure('group › one', 'cancelled', true), failure('group', 'the cause'));
  assert.deepEqual(lines, [
    ...['   ✖ group', '     the cause', '   ✖ group › one'],
    '     not run, since what they are part of failed',
  ]);
});
