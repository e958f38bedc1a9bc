/** A scope closes what was opened, last first, whatever fails on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scope } from './scope.ts';

test('closes in the opposite order of opening', async () => {
  const scope = new Scope();
  const closed: string[] = [];
  for (const name of ['server', 'proxy', 'client']) scope.add(() => void closed.push(name));
  await scope.close();
  assert.deepEqual(closed, ['client', 'proxy', 'server']);
});

test('a closer that fails does not keep the others from running', async (t) => {
  t.mock.method(console, 'error', () => undefined);
  const scope = new Scope();
  const closed: string[] = [];
  scope.add(() => void closed.push('server'));
  scope.add(() => Promise.reject(new Error('proxy is stuck')));
  await scope.close();
  assert.deepEqual(closed, ['server']);
});

test('a second close waits for the first one and closes nothing twice', async () => {
  const scope = new Scope();
  let closes = 0;
  scope.add(async () => {
    await Promise.resolve();
    closes += 1;
  });
  await Promise.all([scope.close(), scope.close()]);
  assert.equal(closes, 1);
});

test('nothing is opened in a scope that is closing', async () => {
  const scope = new Scope();
  await scope.close();
  assert.throws(() => scope.add(() => undefined), /stopping/);
  assert.throws(() => scope.assertOpen(), /stopping/);
});
