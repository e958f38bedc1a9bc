/** The house rules: each refuses what it is for, and a tidy file passes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tidyComplaints } from './tidy-rules.ts';

const head = '/** What lives here. */\n';

function messages(path: string, text: string): string {
  return tidyComplaints({ path, text })
    .map(({ line, message }) => `${line} ${message}`)
    .join('; ');
}

test('lets a tidy file pass, a test file and a fuzz test too', () => {
  for (const name of ['a-noun.ts', 'a-noun.test.ts', 'a.int.test.ts', 'a.fuzz.test.ts', 'a.mjs']) {
    assert.equal(messages(`data-plane/src/${name}`, `${head}const a = 1;\n`), '');
  }
});

test('refuses names that say nothing or are not kebab-case', () => {
  assert.match(messages('a/index.ts', head), /named for what it holds/);
  assert.match(messages('a/utils.test.ts', head), /named for what it holds/);
  assert.match(messages('a/camelCase.ts', head), /kebab-case/);
});

test('refuses a file without a docstring in its first line', () => {
  assert.match(messages('a/b.ts', 'const a = 1;\n'), /docstring/);
  assert.match(messages('a/b.ts', '/** */\n'), /docstring/);
});

test('refuses the 301st line, and a line past 100 columns that could be broken', () => {
  assert.match(messages('a/b.ts', head + 'a;\n'.repeat(300)), /301 lines/);
  assert.equal(messages('a/b.ts', head + 'a;\n'.repeat(299)), '');
  assert.match(messages('a/b.ts', `${head}// ${'words '.repeat(20)}\n`), /2 122 columns/);
  assert.equal(messages('a/b.ts', `${head}const a = '${'words '.repeat(20)}';\n`), '');
});

test('refuses leftovers and paths of one machine', () => {
  assert.match(messages('a/b.ts', `${head}// ${'TO'}${'DO'}: later\n`), /2 a leftover/);
  assert.match(messages('a/b.ts', `${head}const a = '${'/ho'}${'me'}/me/x';\n`), /path of one/);
  assert.equal(messages('a/b.ts', `${head}const a = '/usr/bin/setpriv';\n`), '');
});
