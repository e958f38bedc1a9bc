/** docs/reference/commands.md says what the table gives. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commandReference } from './command-reference.ts';

test('the page of commands is the one the table gives', () => {
  const page = readFileSync(new URL('../docs/reference/commands.md', import.meta.url), 'utf8');
  assert.ok(page === commandReference(), 'run `npm run reference` and commit what it wrote');
});
