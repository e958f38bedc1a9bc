/** Fenced code blocks: what opens one, what closes it, and the words after the fence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { docBlocks } from './doc-blocks.ts';

test('finds blocks with their line, language, marks and text', () => {
  const blocks = docBlocks('# Title\n\n```sh first-run\nnpm start\n```\n\n```json\n{}\n```\n');
  assert.deepEqual(blocks, [
    { line: 3, language: 'sh', marks: ['first-run'], text: 'npm start\n' },
    { line: 7, language: 'json', marks: [], text: '{}\n' },
  ]);
});

test('closes a block only with a fence of the same sign that is long enough', () => {
  const [block, ...more] = docBlocks('````md\n```sh\nls\n```\n~~~~\n````\n');
  assert.equal(block?.text, '```sh\nls\n```\n~~~~\n');
  assert.deepEqual(more, []);
});

test('ends an unclosed block with the text, and takes no inline code for a fence', () => {
  assert.deepEqual(docBlocks('~~~\nrest'), [{ line: 1, language: '', marks: [], text: 'rest\n' }]);
  assert.deepEqual(docBlocks('``` not a fence ```\n'), []);
});

test('takes off the indentation of the fence, and carriage returns', () => {
  assert.equal(docBlocks('  ```sh\r\n  a\r\n    b\r\n c\r\n  ```\r\n')[0]?.text, 'a\n  b\nc\n');
});
