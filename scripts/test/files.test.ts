/** Choosing test files: by kind, by path, by the names of tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTestFiles, kindOf, select } from './files.ts';

const files = [
  'contracts/src/events.test.ts',
  'control-plane/src/log/jetstream.int.test.ts',
  'e2e/tests/route-change.test.ts',
].map((path) => ({ path, kind: kindOf(path) }));

function chosen(...words: string[]): string[] {
  return select(files, words).files.map(({ kind }) => kind);
}

test('runs everything when nothing is asked for', () => {
  assert.deepEqual(chosen(), ['unit', 'int', 'e2e']);
});

test('takes a kind, or several', () => {
  assert.deepEqual(chosen('int'), ['int']);
  assert.deepEqual(chosen('unit', 'e2e'), ['unit', 'e2e']);
});

test('takes part of a path, within the kinds asked for', () => {
  assert.deepEqual(chosen('jetstream'), ['int']);
  assert.deepEqual(chosen('src', 'unit'), ['unit']);
});

test('takes a word that is in no path as part of the names of tests', () => {
  const { files: all, namePattern } = select(files, ['(lost) change?']);
  assert.equal(all.length, 3);
  assert.equal(namePattern?.test('sees no (Lost) change?'), true);
  assert.equal(namePattern?.test('lost change'), false);
});

test('finds this very file, and nothing below node_modules', () => {
  const found = findTestFiles(new URL('../..', import.meta.url).pathname);
  assert.equal(found.filter(({ path }) => path === 'scripts/test/files.test.ts').length, 1);
  assert.deepEqual(
    found.filter(({ path }) => path.includes('node_modules')),
    [],
  );
});
