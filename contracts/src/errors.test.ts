/** The table of errors and its page in docs say the same, both ways. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type ErrorFacts, errors } from './errors.ts';

const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');

/** HTTP status, RESP prefix, or both. */
function saidBy({ http, resp }: ErrorFacts): (number | string)[] {
  return [http, resp].filter((one) => one !== null);
}

/** Rows of the page: code → what it says of origin, HTTP status or RESP prefix, and retry. */
function rows(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, code, origin, status, retry, text] of page.matchAll(
    /^\| `([a-z-]+)` \| ([a-z-]+) \| `?([A-Z0-9 ]+?)`? \| (yes|no) \| (.+) \|$/gm,
  )) {
    assert.ok(code !== undefined && !found.has(code), `${code} stands twice`);
    assert.ok(text?.endsWith('.'), `${code} is not explained in a sentence`);
    found.set(code, [origin, status, retry].join(' '));
  }
  return found;
}

test('every code is on the page with its origin, status and retry, and the page has no other', () => {
  const expected = Object.entries<ErrorFacts>(errors).map(([code, facts]) => [
    code,
    [facts.origin, ...saidBy(facts), facts.retrySafe ? 'yes' : 'no'].join(' '),
  ]);
  assert.deepEqual(Object.fromEntries(rows()), Object.fromEntries(expected));
});

test('a code has a place where it is said: the API or the wire', () => {
  for (const [code, facts] of Object.entries<ErrorFacts>(errors)) {
    assert.ok(facts.http !== null || facts.resp !== null, code);
  }
});
