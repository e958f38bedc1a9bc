/** Jars are taken only when every one of them, and none besides, is listed with its hash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from './maven.ts';

test('finds nothing wrong with the jars that are listed, in any order', () => {
  assert.equal(differences(['aa  a.jar', 'bb  b.jar'], 'bb  b.jar\naa  a.jar\n'), null);
});

test('tells a jar with another hash on both sides', () => {
  const told = differences(['ff  a.jar', 'bb  b.jar'], 'aa  a.jar\nbb  b.jar\n');
  assert.equal(told, '\nresolved:\nff  a.jar\nlisted:\naa  a.jar');
});

test('takes neither a jar that is not listed nor a list without its jar', () => {
  assert.equal(differences(['aa  a.jar'], ''), '\nresolved:\naa  a.jar');
  assert.equal(differences([], 'aa  a.jar\n'), '\nlisted:\naa  a.jar');
});
