/** What is written: requests, errors that cannot forge a reply, and RESP2 forms of RESP3 values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { replies } from '../test/resp-values.ts';
import {
  encodeArrayHeader,
  encodeBulk,
  encodeError,
  encodeInteger,
  encodeMapHeader,
  encodeNull,
  encodeReply,
  encodeRequest,
  encodeSimple,
} from './encoder.ts';
import { ReplyDecoder } from './reply-decoder.ts';
import type { Resp } from './resp.ts';

test('a request is an array of bulk strings, counted in bytes', () => {
  const request = encodeRequest(['SET', 'ключ', Buffer.from([0, 255])]);
  assert.equal(
    request.toString('latin1'),
    `*3\r\n$3\r\nSET\r\n$8\r\n${Buffer.from('ключ').toString('latin1')}\r\n$2\r\n\0\xff\r\n`,
  );
  assert.equal(encodeRequest([]).toString(), '*0\r\n');
});

test('an error is one line whatever it quotes', () => {
  const error = encodeError('ERR', "unknown command 'a\r\n+OK\r\n'");
  assert.equal(error.toString(), "-ERR unknown command 'a  +OK  '\r\n");
  const value: Resp = { type: 'error', text: 'ERR a\nb', bulk: true };
  assert.equal(encodeReply(value, 2).toString(), '-ERR a b\r\n');
  assert.equal(encodeReply(value, 3).toString(), '!7\r\nERR a\nb\r\n');
});

test('an error that quotes bytes of any kind leaves as it came', () => {
  for (const text of ["-NOGROUP No such key '\xff\x80é'\r\n", '!6\r\nERR é\xff\r\n']) {
    const bytes = Buffer.from(text, 'latin1');
    const decoder = new ReplyDecoder();
    assert.deepEqual(
      decoder.feed(bytes).map((one) => encodeReply(one, 3)),
      [bytes],
    );
  }
});

test('small replies are spelled for the protocol of the client', () => {
  assert.equal(encodeSimple('OK').toString(), '+OK\r\n');
  assert.equal(encodeInteger(-1).toString(), ':-1\r\n');
  assert.equal(encodeBulk('é').toString(), '$2\r\né\r\n');
  assert.equal(encodeNull(2).toString(), '$-1\r\n');
  assert.equal(encodeNull(2, true).toString(), '*-1\r\n');
  assert.equal(encodeNull(3, true).toString(), '_\r\n');
  assert.equal(encodeArrayHeader(3).toString(), '*3\r\n');
  assert.equal(encodeMapHeader(2, 3).toString(), '*6\r\n');
  assert.equal(encodeMapHeader(3, 3).toString(), '%3\r\n');
});

test('RESP3 values have the RESP2 form that Redis gives them', () => {
  const a: Resp = { type: 'simple', text: 'a' };
  const forms: [Resp, string, string][] = [
    [{ type: 'map', entries: [[a, a]] }, '*2\r\n+a\r\n+a\r\n', '%1\r\n+a\r\n+a\r\n'],
    [{ type: 'set', items: [a] }, '*1\r\n+a\r\n', '~1\r\n+a\r\n'],
    [{ type: 'push', items: [a] }, '*1\r\n+a\r\n', '>1\r\n+a\r\n'],
    [{ type: 'boolean', value: true }, ':1\r\n', '#t\r\n'],
    [{ type: 'double', value: 0.5 }, '$3\r\n0.5\r\n', ',0.5\r\n'],
    [{ type: 'double', value: Infinity }, '$3\r\ninf\r\n', ',inf\r\n'],
    [{ type: 'big-number', value: 12n }, '$2\r\n12\r\n', '(12\r\n'],
    [
      { type: 'verbatim', format: 'txt', bytes: Buffer.from('hi') },
      '$2\r\nhi\r\n',
      '=6\r\ntxt:hi\r\n',
    ],
  ];
  for (const [value, resp2, resp3] of forms) {
    assert.equal(encodeReply(value, 2).toString(), resp2);
    assert.equal(encodeReply(value, 3).toString(), resp3);
  }
});

test('whatever is encoded for RESP2 reads back as one value of RESP2 types', () => {
  const known = new Set(['simple', 'error', 'integer', 'bulk', 'null', 'array']);
  const check = (value: Resp): void => {
    assert.ok(known.has(value.type) && !(value.type === 'error' && value.bulk));
    if (value.type === 'array') value.items.forEach(check);
  };
  fc.assert(
    fc.property(replies, (value) => {
      const decoded = new ReplyDecoder().feed(encodeReply(value, 2));
      assert.equal(decoded.length, 1);
      decoded.forEach(check);
    }),
  );
});
