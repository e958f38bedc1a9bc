/** Glob patterns, and that no pattern costs exponential time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { patternMatches, patternMayBegin } from './pattern.ts';

const matches = (pattern: string, text: string) =>
  patternMatches(Buffer.from(pattern, 'latin1'), Buffer.from(text, 'latin1'));

test('patterns match as in Redis', () => {
  const yes: [string, string][] = [
    ['', ''],
    ['*', ''],
    ['h?llo', 'hello'],
    ['h*llo', 'heeeello'],
    ['h[ae]llo', 'hallo'],
    ['h[^e]llo', 'hallo'],
    ['h[a-b]llo', 'hbllo'],
    ['h[b-a]llo', 'hallo'],
    ['\\*', '*'],
    ['[\\]]', ']'],
    ['a\\', 'a\\'],
    ['[ab', 'b'],
    ['*a*b*', 'xxaxxbxx'],
  ];
  const no: [string, string][] = [
    ['', 'a'],
    ['?', ''],
    ['h[^e]llo', 'hello'],
    ['H*', 'hello'],
    ['\\*', 'a'],
    ['a*b', 'abc'],
    ['[]', 'a'],
  ];
  for (const [pattern, text] of yes) assert.equal(matches(pattern, text), true, pattern);
  for (const [pattern, text] of no) assert.equal(matches(pattern, text), false, pattern);
});

test('stars and question marks agree with a regular expression', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 });
  const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 10 });
  fc.assert(
    fc.property(letters, text, (pattern, word) => {
      const source = pattern.join('').replaceAll('*', '.*').replaceAll('?', '.');
      const expected = new RegExp(`^${source}$`).test(word.join(''));
      assert.equal(matches(pattern.join(''), word.join('')), expected);
    }),
    { numRuns: 500 },
  );
});

test('many stars over a long text come to an end', () => {
  assert.equal(matches(`${'a*'.repeat(1000)}b`, 'a'.repeat(5000)), false);
});

test('a long pattern over a long text is given up soon, a class of many bytes too', () => {
  const text = 'a'.repeat(300_000);
  assert.equal(matches(`*${'a'.repeat(100_000)}b`, text), false);
  assert.equal(matches(`*[${'b'.repeat(1_000_000)}]`, text), false);
  assert.equal(matches(`*${'a'.repeat(100)}b`, `${'a'.repeat(1000)}b`), true);
});

test('a pattern of nothing but stars is seen through at once', () => {
  const stars = Buffer.alloc(1_000_000, '*');
  assert.equal(patternMayBegin(stars, Buffer.from('__keyspace@0__:')), true);
  assert.equal(patternMayBegin(Buffer.from('a**b**'), Buffer.from('a__')), true);
  assert.equal(patternMayBegin(Buffer.from('a**b'), Buffer.from('b')), false);
});

test('a pattern may begin with a text exactly when some longer text matches', () => {
  const signs = fc.string({
    unit: fc.constantFrom('a', 'b', '*', '?', '[ab]', '[^a]'),
    maxLength: 5,
  });
  const start = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 });
  const tails = ['', 'a', 'b'].flatMap((a) => ['', 'a', 'b'].map((b) => a + b));
  const rests = tails.flatMap((tail) => tails.map((more) => tail + more));
  fc.assert(
    fc.property(signs, start, (pattern, text) => {
      const some = rests.some((rest) => matches(pattern, text + rest));
      const may = patternMayBegin(Buffer.from(pattern), Buffer.from(text));
      // Five elements need at most five bytes; the rests have four, so one may be missed.
      if (some) assert.ok(may);
      else if (pattern.replaceAll('*', '').length <= text.length + 4)
        assert.ok(!may || pattern.length > 4);
    }),
  );
});
