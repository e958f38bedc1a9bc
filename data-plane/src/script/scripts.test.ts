/** What a backend's store of scripts keeps, and for whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, Scripts } from './scripts.ts';

const body = (text: string): Buffer => Buffer.from(text);

test('a script is found by its digest, and those used longest ago go first', () => {
  const scripts = new Scripts(30);
  const [one, two] = ['return 1 -- 1', 'return 2 -- 2'].map((text) => scripts.keep(body(text)));
  assert.equal(one, digestOf(body('return 1 -- 1')));
  scripts.body(one as string);
  const three = scripts.keep(body('return 3 -- 3'));
  assert.equal(scripts.body(two as string), null);
  assert.equal(scripts.body(one as string)?.toString(), 'return 1 -- 1');
  assert.equal(scripts.body(three)?.toString(), 'return 3 -- 3');
});

test('a script larger than the store is not kept, and costs no other', () => {
  const scripts = new Scripts(20);
  const small = scripts.keep(body('return 1'));
  scripts.keep(body(`return ${'1'.repeat(100)}`));
  assert.equal(scripts.body(small)?.toString(), 'return 1');
});

test('a script dropped is gone and gives its room back', () => {
  const scripts = new Scripts(20);
  const gone = scripts.keep(body('return 1 -- gone'));
  scripts.drop(gone);
  scripts.drop(digestOf(body('never kept')));
  assert.equal(scripts.body(gone), null);
  const [one, two] = ['return 2', 'return 3'].map((text) => scripts.keep(body(text)));
  assert.equal(scripts.body(one as string)?.toString(), 'return 2');
  assert.equal(scripts.body(two as string)?.toString(), 'return 3');
});

test('a guarded script is known to its own tenant only', () => {
  const scripts = new Scripts();
  const kept = scripts.keepGuarded('acme', body('return 1'), body('a:'));
  assert.equal(kept.own, digestOf(body('return 1')));
  assert.equal(scripts.guarded('acme', kept.own), kept.digest);
  assert.equal(scripts.guarded('other', kept.own), null);
  assert.equal(digestOf(kept.body), kept.digest);
  const other = scripts.keepGuarded('other', body('return 1'), body('b:'));
  assert.notEqual(other.digest, kept.digest);
  assert.deepEqual(scripts.keepGuarded('acme', body('return 1'), body('a:')), kept);
});

test('nothing is given again after it was flushed', () => {
  const scripts = new Scripts();
  const kept = scripts.keepGuarded('acme', body('return 1'), null);
  scripts.forget();
  assert.equal(scripts.body(kept.digest), null);
  assert.equal(scripts.guarded('acme', kept.own), null);
});
