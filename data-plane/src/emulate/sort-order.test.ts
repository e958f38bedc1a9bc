/** Numbers as C reads them and order as Redis compares. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byBytes, byNumber, readDouble, type Weighed } from './sort-order.ts';
import { keyByPattern, readSortWish } from './sort-wish.ts';

const words = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

test('numbers are read as strtod reads them', () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['', 0],
    ['10', 10],
    [' \t-1.5e3', -1500],
    ['+.5', 0.5],
    ['5.', 5],
    ['0x1F', 31],
    ['-0x.8p1', -1],
    ['inf', Infinity],
    ['-Infinity', -Infinity],
    ['1\0rest', 1],
    ['1 ', null],
    [' ', null],
    ['nan', null],
    ['1e999', null],
    ['1e-999', null],
    ['0e-999', 0],
    ['0x', null],
    ['.', null],
    ['1_000', null],
  ];
  for (const [text, value] of cases) assert.equal(readDouble(Buffer.from(text)), value, text);
});

const weighed = fc.array(
  fc.record<Weighed>(
    {
      element: fc.string({ maxLength: 3 }).map((text) => Buffer.from(text)),
      weight: fc.option(fc.integer({ min: -3, max: 3 }).map((n) => Buffer.from(String(n)))),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 30 },
);

test('by number: lower weights first, equals by their bytes, a missing weight is 0', () => {
  fc.assert(
    fc.property(weighed, (given) => {
      const of = ({ weight }: Weighed): number => Number(weight ?? 0);
      const want = given
        .toSorted((a, b) => of(a) - of(b) || a.element.compare(b.element))
        .map(({ element }) => element);
      assert.deepEqual(byNumber(given, false), want);
      assert.deepEqual(byNumber(given, true)?.map(String), want.toReversed().map(String));
    }),
  );
});

test('by bytes: elements without a weight first, last when descending', () => {
  const given = words('a', 'b', 'c').map((element, index) => ({
    element,
    weight: index === 1 ? null : Buffer.from(index === 0 ? 'z' : 'y'),
  }));
  assert.deepEqual(byBytes(given, false).map(String), ['b', 'c', 'a']);
  assert.deepEqual(byBytes(given, true).map(String), ['a', 'c', 'b']);
});

test('a weight that is no number spoils all', () => {
  const bad = [{ element: Buffer.from('a'), weight: Buffer.from('x') }];
  assert.equal(byNumber(bad, false), null);
});

test('a pattern gives a key, and a field behind an arrow', () => {
  const made = (pattern: string): unknown => {
    const place = keyByPattern(Buffer.from(pattern), Buffer.from('1*'));
    return place === null ? null : [String(place.key), place.field && String(place.field)];
  };
  assert.deepEqual(made('w_*'), ['w_1*', null]);
  assert.deepEqual(made('h_*_x->f->g'), ['h_1*_x', 'f->g']);
  assert.deepEqual(made('a->*'), ['a->1*', null]);
  assert.deepEqual(made('h_*->'), ['h_1*->', null]);
  assert.equal(made('plain'), null);
});

test('options are read as Redis reads them, and every name of another key is found', () => {
  const wish = readSortWish(
    words('SORT', 'k', 'BY', 'x', 'GET', '#', 'get', 'o_*', 'BY', 'w_*', 'STORE', '#', 'DESC'),
    false,
  );
  assert.equal(String(wish.by), 'x');
  assert.deepEqual(wish.reaching, [3, 7, 9, 11]);
  assert.equal(wish.store, 11);
  for (const bad of [
    'LIMIT 1',
    'GET',
    'STORE',
    'FOO',
    'LIMIT 01 2',
    'LIMIT 1 9223372036854775808',
  ]) {
    assert.throws(() => readSortWish(words('SORT', 'k', ...bad.split(' ')), false), bad);
  }
  assert.throws(() => readSortWish(words('SORT_RO', 'k', 'STORE', 'd'), true), /syntax/);
});
