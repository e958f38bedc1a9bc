/** Values from bytes: every type, any chunks, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutAt, cuts, everyCut } from '../test/chunks.ts';
import { replies } from '../test/resp-values.ts';
import { encodeReply } from './encoder.ts';
import { ReplyDecoder } from './reply-decoder.ts';
import { itemsOf, ProtocolViolation, type Resp, textOf } from './resp.ts';

function decode(chunks: readonly Buffer[]): Resp[] {
  const decoder = new ReplyDecoder();
  return chunks.flatMap((chunk) => decoder.feed(chunk));
}

const simple = (text: string): Resp => ({ type: 'simple', text });
const bulk = (text: string): Resp => ({ type: 'bulk', bytes: Buffer.from(text) });
const integer = (value: number | bigint): Resp => ({ type: 'integer', value });

const cases: [string, Resp][] = [
  ['+OK\r\n', simple('OK')],
  ['-ERR no\r\n', { type: 'error', text: 'ERR no', bulk: false }],
  ['!7\r\nERR\r\nno\r\n', { type: 'error', text: 'ERR\r\nno', bulk: true }],
  [':-7\r\n', integer(-7)],
  [':-0\r\n', integer(0)],
  [':9223372036854775807\r\n', integer(9223372036854775807n)],
  ['$2\r\nhi\r\n', bulk('hi')],
  ['$-1\r\n', { type: 'null', aggregate: false }],
  ['*-1\r\n', { type: 'null', aggregate: true }],
  ['_\r\n', { type: 'null', aggregate: false }],
  ['#f\r\n', { type: 'boolean', value: false }],
  [',-inf\r\n', { type: 'double', value: -Infinity }],
  [',nan\r\n', { type: 'double', value: Number.NaN }],
  [',1e-7\r\n', { type: 'double', value: 1e-7 }],
  ['(-99999999999999999999\r\n', { type: 'big-number', value: -99999999999999999999n }],
  ['=6\r\nmkd:hi\r\n', { type: 'verbatim', format: 'mkd', bytes: Buffer.from('hi') }],
  [
    '*2\r\n:1\r\n*1\r\n+a\r\n',
    { type: 'array', items: [integer(1), { type: 'array', items: [simple('a')] }] },
  ],
  ['~1\r\n$1\r\na\r\n', { type: 'set', items: [bulk('a')] }],
  ['%1\r\n+k\r\n:1\r\n', { type: 'map', entries: [[simple('k'), integer(1)]] }],
  ['>1\r\n+p\r\n', { type: 'push', items: [simple('p')] }],
  [
    '|1\r\n+ttl\r\n:9\r\n*2\r\n|0\r\n+a\r\n+b\r\n',
    { type: 'array', items: [simple('a'), simple('b')] },
  ],
];

test('every type is read, however it is cut', () => {
  for (const [text, value] of cases) {
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) {
      assert.deepEqual(decode(chunks), [value], JSON.stringify(text));
    }
  }
});

test('any values in any chunks come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(replies, { maxLength: 5 }), cuts, (values, places) => {
      const stream = Buffer.concat(values.map((value) => encodeReply(value, 3)));
      assert.deepEqual(decode(cutAt(stream, places)), values);
    }),
  );
});

test('values keep their bytes when the chunk they came in is used again', () => {
  const chunk = Buffer.from('$5\r\nhello\r\n');
  const decoder = new ReplyDecoder();
  const [value] = decoder.feed(chunk);
  chunk.fill(0);
  decoder.feed(Buffer.from('$5\r\nworld\r\n'));
  assert.deepEqual(value, bulk('hello'));
});

test('what cannot be read is a violation', () => {
  const deep = `${'*1\r\n'.repeat(70)}:1\r\n`;
  const bad = [
    ':x\r\n',
    ':\r\n',
    '_x\r\n',
    '#x\r\n',
    ',x\r\n',
    ',1.2.3\r\n',
    '(1.5\r\n',
    '=3\r\ntxt\r\n',
  ];
  for (const text of [...bad, deep, 'HTTP/1.1 400\r\n']) {
    assert.throws(() => decode([Buffer.from(text)]), ProtocolViolation, text);
  }
});

test('a reply beyond the bound is refused before it is whole', () => {
  const decoder = new ReplyDecoder(1000);
  assert.deepEqual(decoder.feed(Buffer.from('*2\r\n$900\r\n')), []);
  assert.deepEqual(decoder.feed(Buffer.alloc(900)), []);
  assert.equal(decoder.unfinishedBytes, 910);
  assert.throws(
    () => decoder.feed(Buffer.from('\r\n$200\r\n'.padEnd(100, 'x'))),
    ProtocolViolation,
  );
});

test('text and items are taken from whatever can hold them', () => {
  assert.equal(textOf(bulk('é')), 'é');
  assert.equal(textOf(integer(5)), '5');
  assert.equal(textOf({ type: 'null', aggregate: false }), null);
  assert.deepEqual(itemsOf({ type: 'map', entries: [[simple('a'), simple('b')]] }), [
    simple('a'),
    simple('b'),
  ]);
  assert.equal(itemsOf(simple('a')), null);
});
