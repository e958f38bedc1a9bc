/**
 * The reply scanner, driven as a backend connection drives it: what it leaves unconsumed is moved
 * to the front of the next read, and bait behind the read shows whether it looked too far.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutAt, cuts, everyCut } from '../test/chunks.ts';
import { replies } from '../test/resp-values.ts';
import { encodeReply } from './encoder.ts';
import { ReplyScanner, replyLineBytesMax } from './reply-scanner.ts';
import { ProtocolViolation } from './resp.ts';

interface Seen {
  text: string;
  error: boolean;
  push: boolean;
  first: string;
}

const bait = Buffer.from('\r\n+bait\r\n');

/** Every reply of the stream with its flags; throws what the scanner throws. */
function scan(chunks: readonly Buffer[]): { seen: Seen[]; atBoundary: boolean; kept: number } {
  const scanner = new ReplyScanner();
  const seen: Seen[] = [];
  let rest = Buffer.alloc(0);
  let part = '';
  let turn = 0;
  for (const chunk of chunks) {
    const head = Buffer.alloc((turn++ * 5) % 17, '*');
    const bytes = Buffer.concat([head, rest, chunk, bait]);
    const end = bytes.length - bait.length;
    let cursor = head.length;
    for (;;) {
      const next = scanner.next(bytes, cursor, end);
      assert.ok(next >= cursor && next <= end, 'consumes forward and inside the read');
      part += bytes.toString('latin1', cursor, next);
      cursor = next;
      if (!scanner.done) break;
      const { error, push, firstByte } = scanner;
      seen.push({ text: part, error, push, first: String.fromCharCode(firstByte) });
      part = '';
    }
    rest = bytes.subarray(cursor, end);
  }
  return { seen, atBoundary: scanner.atBoundary(), kept: rest.length };
}

const cases = [
  '+OK\r\n',
  '+\r\n',
  '-ERR no\r\n',
  ':-12\r\n',
  '$0\r\n\r\n',
  '$5\r\nhello\r\n',
  '$4\r\n\r\n\r\n\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*2\r\n*2\r\n:1\r\n$-1\r\n*0\r\n',
  '*3\r\n$1\r\na\r\n-ERR inside\r\n*-1\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5e3\r\n',
  '(123456789012345678901234567890\r\n',
  '!9\r\nERR no\r\n!\r\n',
  '=8\r\ntxt:a\r\nb\r\n',
  '~2\r\n+a\r\n+b\r\n',
  '%2\r\n+a\r\n*1\r\n:1\r\n$1\r\nb\r\n%0\r\n',
  '>3\r\n+message\r\n$1\r\nc\r\n$2\r\nhi\r\n',
];

test('every kind of reply ends where it ends, however it is cut', () => {
  for (const text of cases) {
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) {
      const first = text.charAt(0);
      const error = first === '-' || first === '!';
      const expected = [{ text, error, push: first === '>', first }];
      assert.deepEqual(scan(chunks), { seen: expected, atBoundary: true, kept: 0 });
    }
  }
});

test('replies that follow one another are told apart, and flags belong to one reply only', () => {
  const stream = Buffer.from(cases.join(''), 'latin1');
  const expected = scan([stream]).seen;
  assert.deepEqual(
    expected.map((one) => one.text),
    cases,
  );
  for (const chunks of everyCut(stream)) assert.deepEqual(scan(chunks).seen, expected);
});

test('an attribute belongs to the value behind it, whose type byte is reported', () => {
  const attributed: [string, string][] = [
    ['|1\r\n+ttl\r\n:3600\r\n-ERR no\r\n', '-'],
    ['|0\r\n+OK\r\n', '+'],
    ['|1\r\n+a\r\n+b\r\n|1\r\n+c\r\n$1\r\nd\r\n$3\r\nend\r\n', '$'],
    ['|1\r\n+keys\r\n%1\r\n+a\r\n|1\r\n+x\r\n+y\r\n:1\r\n>1\r\n+p\r\n', '>'],
    ['*2\r\n|1\r\n+a\r\n-inner\r\n:1\r\n:2\r\n', '*'],
  ];
  for (const [text, first] of attributed) {
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) {
      const expected = [{ text, error: first === '-', push: first === '>', first }];
      assert.deepEqual(scan(chunks), { seen: expected, atBoundary: true, kept: 0 });
    }
  }
});

test('an error is reported as soon as its first byte has come', () => {
  const scanner = new ReplyScanner();
  assert.equal(scanner.next(Buffer.from('-'), 0, 1), 0);
  assert.deepEqual([scanner.done, scanner.error, scanner.atBoundary()], [false, true, true]);
  const large = Buffer.from(`!70000\r\n${'x'.repeat(100)}`);
  assert.equal(scanner.next(large, 0, large.length), large.length);
  assert.deepEqual([scanner.done, scanner.error, scanner.atBoundary()], [false, true, false]);
});

test('a reply half consumed is no boundary', () => {
  for (const text of cases.filter((one) => /^[$*%~>=!]\d/.test(one))) {
    const header = text.indexOf('\n') + 1;
    for (let cut = header; cut < text.length; cut++) {
      const { seen, atBoundary } = scan([Buffer.from(text.slice(0, cut), 'latin1')]);
      assert.deepEqual([seen.length, atBoundary], [0, false], JSON.stringify(text.slice(0, cut)));
    }
  }
  assert.equal(scan([Buffer.from('|1\r\n+a\r\n+b\r\n')]).atBoundary, false);
});

const violations = [
  'OK\r\n',
  '\r\n',
  '?1\r\n',
  '.\r\n',
  '$?\r\n',
  '*?\r\n',
  '$\r\n',
  '$-2\r\n',
  '$-1x\n',
  '%-1\r\n',
  '!-1\r\n',
  '$1x\r\n',
  '$1\ra',
  '$3\r\nabcde',
  '$3\r\nabc\rx',
  '+OK\rx',
  '$99999999999\r\n',
  '*2147483639\r\n',
  '*1000000000\r\n*1000000000\r\n',
  '*1\r\n>1\r\n+a\r\n',
  'x-1\r\n',
];

test('what is not RESP is a violation however it is cut', () => {
  for (const text of violations) {
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) {
      assert.throws(() => scan(chunks), ProtocolViolation, JSON.stringify(text));
    }
  }
});

test('a line without end is given up at its bound', () => {
  assert.equal(scan([Buffer.alloc(replyLineBytesMax, '+')]).kept, replyLineBytesMax);
  assert.throws(() => scan([Buffer.alloc(replyLineBytesMax + 2, '+')]), ProtocolViolation);
});

test('any replies in any chunks are delimited, with the flags of their own first byte', () => {
  fc.assert(
    fc.property(
      fc.array(replies, { maxLength: 5 }),
      cuts,
      fc.boolean(),
      (values, places, resp2) => {
        const texts = values.map((one) => encodeReply(one, resp2 ? 2 : 3).toString('latin1'));
        const { seen, atBoundary } = scan(cutAt(Buffer.from(texts.join(''), 'latin1'), places));
        assert.equal(atBoundary, true);
        const expected = texts.map((text) => {
          const first = text.charAt(0);
          return { text, error: first === '-' || first === '!', push: first === '>', first };
        });
        assert.deepEqual(seen, expected);
      },
    ),
  );
});

test('hostile bytes are a violation or an unfinished reply, the same however they are cut', () => {
  const parts = '*$%~|>+-:_#!=,(0123\r\na'.split('').concat('\r\n', '\r\n', '$1\r\na\r\n');
  const noise = fc.array(fc.constantFrom(...parts), { maxLength: 40 });
  const outcome = (chunks: Buffer[]) => {
    try {
      return scan(chunks).seen;
    } catch (error) {
      assert.ok(error instanceof ProtocolViolation);
      return 'violation';
    }
  };
  fc.assert(
    fc.property(noise, cuts, (text, places) => {
      const stream = Buffer.from(text.join(''), 'latin1');
      assert.deepEqual(outcome(cutAt(stream, places)), outcome([stream]));
    }),
    { numRuns: 2000 },
  );
});
