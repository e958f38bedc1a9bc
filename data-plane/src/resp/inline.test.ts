/** Inline commands: quoting as redis-cli users know it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeRequest } from './encoder.ts';
import { parseInline } from './inline.ts';

const limits = {
  argumentsMax: 100,
  argumentBytesMax: 1000,
  requestBytesMax: 1000,
  inlineBytesMax: 64,
};

function parse(text: string, from = 0) {
  const bytes = Buffer.from(text, 'latin1');
  return parseInline(bytes, from, bytes.length, limits);
}

const lines: [string, string[]][] = [
  ['PING\r\n', ['PING']],
  ['PING\n', ['PING']],
  ['  set \t k   v  \r\n', ['set', 'k', 'v']],
  ['\r\n', []],
  ['   \r\n', []],
  ['set k ""\r\n', ['set', 'k', '']],
  ['set k "a b"\r\n', ['set', 'k', 'a b']],
  ["set k 'a \"b'\r\n", ['set', 'k', 'a "b']],
  ["set k 'it\\'s \\n'\r\n", ['set', 'k', "it's \\n"]],
  ['set k "\\n\\r\\t\\b\\a\\q\\"\\\\"\r\n', ['set', 'k', '\n\r\t\b\x07q"\\']],
  ['set k "\\x41\\xfF\\xg1\\x4"\r\n', ['set', 'k', 'A\xffxg1x4']],
  ['set a"b c" d\r\n', ['set', 'ab c', 'd']],
  ['set k back\\slash\r\n', ['set', 'k', 'back\\slash']],
];

test('words are split and unquoted', () => {
  for (const [line, words] of lines) {
    const result = parse(line);
    assert.ok(result.kind === 'request', line);
    assert.equal(result.end, line.length);
    const expected = encodeRequest(words.map((word) => Buffer.from(word, 'latin1')));
    assert.equal(result.request.toString('latin1'), expected.toString('latin1'), line);
  }
});

test('every line is incomplete until its line feed has come', () => {
  for (const [line] of lines) {
    for (let cut = 0; cut < line.length; cut++) {
      assert.equal(parse(line.slice(0, cut)).kind, 'incomplete');
    }
  }
});

test('unbalanced quotes are refused', () => {
  for (const line of ['a "b\r\n', "a 'b\r\n", 'a "b"c\r\n', "a 'b'c\r\n", 'a "b\\\r\n', '"\\"\n']) {
    const error = 'Protocol error: unbalanced quotes in request';
    assert.deepEqual(parse(line), { kind: 'error', error });
  }
});

test('a line beyond its bound is refused, with its line feed or without', () => {
  const error = { kind: 'error', error: 'Protocol error: too big inline request' };
  assert.equal(parse('x'.repeat(64)).kind, 'incomplete');
  assert.equal(parse(`${'x'.repeat(63)}\r\n`).kind, 'request');
  assert.deepEqual(parse('x'.repeat(65)), error);
  assert.deepEqual(parse(`${'x'.repeat(70)}\r\n`), error);
});

test('only the line at the cursor is read', () => {
  const result = parse('ignored\r\nPING\r\nECHO x\r\n', 9);
  assert.ok(result.kind === 'request');
  assert.equal(result.end, 15);
  assert.equal(result.request.toString(), '*1\r\n$4\r\nPING\r\n');
});

test('any words survive quoting, and any bytes at all give an outcome', () => {
  const quote = (word: string) =>
    `"${[...word].map((byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')}"`;
  const roomy = { ...limits, inlineBytesMax: 10_000 };
  const word = fc
    .uint8Array({ maxLength: 20 })
    .map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const line = Buffer.from(`${words.map(quote).join(' ')}\r\n`, 'latin1');
      const result = parseInline(line, 0, line.length, roomy);
      assert.ok(result.kind === 'request');
      assert.ok(result.request.equals(encodeRequest(words.map((w) => Buffer.from(w, 'latin1')))));
    }),
  );
  const noise = fc.array(fc.constantFrom(...'"\'\\x4a \n\r\t\v\0b'.split('')), { maxLength: 60 });
  fc.assert(
    fc.property(noise, (parts) => {
      const line = Buffer.from(parts.join(''), 'latin1');
      const result = parseInline(line, 0, line.length, limits);
      assert.ok(result.kind !== 'request' || (result.end > 0 && result.end <= line.length));
    }),
    { numRuns: 1000 },
  );
});
