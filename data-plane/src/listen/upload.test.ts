/** An upload grows with what came, never with what was announced. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Upload, UploadBudget } from './upload.ts';

test('grows with what arrives, not with what is promised', () => {
  const budget = new UploadBudget(1024 * 1024);
  const upload = new Upload(budget);
  assert.equal(upload.append(Buffer.from('xabc'), 1, 4), true);
  upload.expect(512 * 1024 * 1024);
  assert.equal(upload.ready, false);
  assert.ok(budget.bytes <= 16 * 1024);
  assert.equal(upload.bytes.toString('latin1', 0, upload.length), 'abc');
});

test('is ready once the bytes known to be missing have come', () => {
  const upload = new Upload(new UploadBudget(1024 * 1024));
  upload.append(Buffer.from('abc'), 0, 3);
  upload.expect(3);
  upload.append(Buffer.from('de'), 0, 2);
  assert.equal(upload.ready, false);
  upload.append(Buffer.from('f'), 0, 1);
  assert.equal(upload.ready, true);
});

test('a budget that has no room for twice as much is used up to its end', () => {
  const budget = new UploadBudget(500_000);
  const upload = new Upload(budget);
  const bytes = Buffer.alloc(100_000);
  for (let n = 1; n <= 5; n++) assert.equal(upload.append(bytes, 0, bytes.length), true, `${n}`);
  assert.equal(budget.bytes, 500_000);
  assert.equal(upload.append(bytes, 0, 1), false);
});

test('the budget of the process is kept, and given back', () => {
  const budget = new UploadBudget(600_000);
  const [one, two] = [new Upload(budget), new Upload(budget)];
  const bytes = Buffer.alloc(300_000);
  assert.equal(one.append(bytes, 0, bytes.length), true);
  assert.equal(two.append(bytes, 0, bytes.length), true);
  assert.equal(two.append(bytes, 0, bytes.length), false);
  assert.ok(budget.bytes <= budget.bytesMax);
  one.free();
  two.free();
  assert.equal(budget.bytes, 0);
});
