/**
 * The request scanner, driven as a connection drives it: the unconsumed rest is moved to another
 * place before each read, with bait around it that a scanner reading out of bounds would swallow.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutAt, cuts, everyCut } from '../test/chunks.ts';
import { encodeRequest } from './encoder.ts';
import {
  INCOMPLETE,
  INLINE,
  MALFORMED,
  RequestFrame,
  type RequestLimits,
  scanArguments,
  scanRequest,
} from './request-scanner.ts';

const limits: RequestLimits = {
  argumentsMax: 1_048_576,
  argumentBytesMax: 536_870_912,
  requestBytesMax: 1_073_741_824,
  inlineBytesMax: 65_536,
};

interface Outcome {
  /** Each command as its arguments; an empty command is an empty list. */
  commands: string[][];
  /** '' when the stream ended well or in the middle of a command. */
  error: string;
  inline: boolean;
  unconsumed: number;
}

const bait = Buffer.from('\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n');

function drive(chunks: readonly Buffer[], allowed: RequestLimits = limits): Outcome {
  const frame = new RequestFrame();
  const outcome: Outcome = { commands: [], error: '', inline: false, unconsumed: 0 };
  let rest = Buffer.alloc(0);
  let turn = 0;
  for (const chunk of chunks) {
    const head = Buffer.alloc((turn++ * 7) % 23, '$');
    const bytes = Buffer.concat([head, rest, chunk, bait]);
    const end = bytes.length - bait.length;
    let cursor = head.length;
    for (;;) {
      const status = scanRequest(frame, bytes, cursor, end, allowed);
      if (status === INCOMPLETE) break;
      if (status === MALFORMED) return { ...outcome, error: frame.error };
      if (status === INLINE) return { ...outcome, inline: true };
      assert.ok(status > cursor && status <= end, 'a command ends inside the read');
      outcome.commands.push(argumentsOf(frame, bytes, cursor));
      cursor = status;
    }
    rest = bytes.subarray(cursor, end);
  }
  return { ...outcome, unconsumed: rest.length };
}

function argumentsOf(frame: RequestFrame, bytes: Buffer, start: number): string[] {
  if (frame.argc === 0) return [];
  const starts = new Int32Array(frame.argc);
  const ends = new Int32Array(frame.argc);
  assert.equal(scanArguments(bytes, start, starts, ends), frame.argc);
  const found = [...starts].map((from, arg) => bytes.toString('latin1', from, ends[arg]));
  assert.equal(bytes.toString('latin1', frame.nameStart, frame.nameEnd), found[0]);
  assert.equal(bytes.toString('latin1', frame.firstStart, frame.firstEnd), found[1] ?? '');
  if (frame.argc === 1) assert.deepEqual([frame.firstStart, frame.firstEnd], [0, 0]);
  return found;
}

const wellFormed: [string, string[][]][] = [
  ['*1\r\n$4\r\nPING\r\n', [['PING']]],
  ['*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', [['GET', 'k']]],
  ['*3\r\n$3\r\nset\r\n$0\r\n\r\n$2\r\n\r\n\r\n', [['set', '', '\r\n']]],
  ['*0\r\n*1\r\n$1\r\na\r\n', [[], ['a']]],
  ['*-1\r\n*-42\r\n*1\r\n$1\r\na\r\n', [[], [], ['a']]],
  ['\r\n\n*1\r\n$1\r\na\r\n\r\n', [[], [], ['a'], []]],
  ['*2\r\n$3\r\nGET\r\n$5\r\n*1\r\n$\r\n', [['GET', '*1\r\n$']]],
  [
    `*2\r\n$1\r\nE\r\n$12\r\n${'x'.repeat(12)}\r\n*1\r\n$1\r\nb\r\n`,
    [['E', 'x'.repeat(12)], ['b']],
  ],
];

test('commands are found whole, one byte at a time and cut at every place', () => {
  for (const [text, commands] of wellFormed) {
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) {
      assert.deepEqual(drive(chunks), { commands, error: '', inline: false, unconsumed: 0 });
    }
  }
});

const refused: [string, string][] = [
  ['*\r\n', 'invalid multibulk length'],
  ['*x\r\n', 'invalid multibulk length'],
  ['*+1\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['*-0\r\n', 'invalid multibulk length'],
  ['*-\r\n', 'invalid multibulk length'],
  ['*1-\r\n', 'invalid multibulk length'],
  ['*-1-\r\n', 'invalid multibulk length'],
  ['*1\rx', 'invalid multibulk length'],
  ['*-1\rx', 'invalid multibulk length'],
  ['*-1234567890123456789012\r\n', 'invalid multibulk length'],
  ['*1048577\r\n', 'invalid multibulk length'],
  ['*3000000000\r\n', 'invalid multibulk length'],
  ['*9223372036854775808\r\n', 'invalid multibulk length'],
  [`*${'1'.repeat(30)}\r\n`, 'invalid multibulk length'],
  ['*1\r\nGET\r\n', "expected '$', got 'G'"],
  ['*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n', "expected '$', got 'f'"],
  ['*1\r\n\r\n', "expected '$', got ' '"],
  ['*1\r\n\0', "expected '$', got '?'"],
  ['*1\r\n$\r\n', 'invalid bulk length'],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$+1\r\n', 'invalid bulk length'],
  ['*1\r\n$01\r\na\r\n', 'invalid bulk length'],
  ['*1\r\n$1\ra\r\n', 'invalid bulk length'],
  ['*1\r\n$2147483647\r\n', 'invalid bulk length'],
  ['*1\r\n$536870913\r\n', 'invalid bulk length'],
  ['*2\r\n$3\r\nGET\r\n$3000000000\r\n', 'invalid bulk length'],
  [`*1\r\n$${'1'.repeat(30)}\r\n`, 'invalid bulk length'],
  ['*1\r\n$3\r\nGETx\n', 'expected CRLF after bulk'],
  ['*1\r\n$3\r\nGET\rx', 'expected CRLF after bulk'],
  ['*1\r\n$1073741820\r\n', 'invalid bulk length'],
  ['*1\r\n$2\r\nGET\r\n', 'expected CRLF after bulk'],
];

test('a malformed command is refused in the same words however it is cut', () => {
  for (const [text, reason] of refused) {
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) {
      assert.equal(drive(chunks).error, `Protocol error: ${reason}`, JSON.stringify(text));
    }
  }
});

test('a number without an end is waited for up to 64 KiB, then too big', () => {
  for (const [start, what] of [
    ['*', 'mbulk'],
    ['*1\r\n$', 'bulk'],
  ]) {
    const within = Buffer.from(start + '1'.repeat(60_000), 'latin1');
    assert.equal(drive([within]).error, '');
    const beyond = Buffer.from(start + '1'.repeat(65_600), 'latin1');
    assert.equal(drive([beyond]).error, `Protocol error: too big ${what} count string`);
  }
});

test('commands before a malformed one are still found', () => {
  const stream = Buffer.from('*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n+PING\r\n');
  for (const chunks of everyCut(stream)) {
    const { commands, error } = drive(chunks);
    assert.deepEqual(commands, [['PING'], ['PING']]);
    assert.equal(error, "Protocol error: expected '$', got '+'");
  }
});

test('a command that does not start with an asterisk is left to the inline parser', () => {
  for (const text of ['PING\r\n', ' \r\n', '\rx', '$3\r\n']) {
    for (const chunks of everyCut(Buffer.from(text))) assert.equal(drive(chunks).inline, true);
  }
});

test('limits refuse as soon as the header names too much, and say so before AUTH', () => {
  const tight = { argumentsMax: 10, argumentBytesMax: 16, requestBytesMax: 60, inlineBytesMax: 64 };
  const before = { ...tight, unauthenticated: true };
  const error = (text: string, allowed: RequestLimits) => drive([Buffer.from(text)], allowed).error;
  assert.equal(error('*11\r\n', tight), 'Protocol error: invalid multibulk length');
  assert.equal(
    error('*3\r\n', { ...tight, argumentsMax: 2 }),
    'Protocol error: invalid multibulk length',
  );
  assert.equal(error('*11\r\n', before), 'Protocol error: unauthenticated multibulk length');
  assert.equal(error('*2\r\n$17\r\n', tight), 'Protocol error: invalid bulk length');
  assert.equal(error('*2\r\n$17\r\n', before), 'Protocol error: unauthenticated bulk length');
  const full = `*4\r\n${`$12\r\n${'x'.repeat(12)}\r\n`.repeat(4)}`;
  assert.equal(error(full, tight), 'Protocol error: too big request');
  assert.equal(error(encodeRequest(['SET', 'k', 'x'.repeat(16)]).toString(), tight), '');
});

test('missing bytes of a body are counted, and a length prefix alone keeps nothing else', () => {
  const frame = new RequestFrame();
  const bytes = Buffer.from('*2\r\n$3\r\nSET\r\n$500000000\r\nab');
  assert.equal(scanRequest(frame, bytes, 0, bytes.length, limits), INCOMPLETE);
  assert.equal(frame.need, 500_000_000 + 2 - 2);
  assert.equal(frame.argsSeen, 1);
  assert.equal(bytes.toString('latin1', frame.nameStart, frame.nameEnd), 'SET');
  assert.equal(scanRequest(frame, bytes, 0, bytes.length - 3, limits), INCOMPLETE);
  assert.equal(frame.need, 0);
  // The rest of the header lies behind the read and is not its own.
  assert.equal(scanRequest(frame, bytes, 0, bytes.indexOf('00000\r'), limits), INCOMPLETE);
  assert.equal(frame.need, 0);
  const short = Buffer.from('*1\r\n$12\r\nPING');
  const cut = new RequestFrame();
  assert.equal(scanRequest(cut, short, 0, 7, limits), INCOMPLETE);
  assert.equal(cut.need, 0);
});

test('a resumed scan never looks at arguments it has seen', () => {
  const args = Array.from({ length: 1000 }, (_, index) => `argument-${index}`);
  const whole = encodeRequest(args);
  const frame = new RequestFrame();
  const bytes = Buffer.from(whole);
  let progress = 0;
  for (let end = 50; end < whole.length; end += 50) {
    assert.equal(scanRequest(frame, bytes, 0, end, limits), INCOMPLETE);
    assert.ok(frame.offset >= progress && frame.offset > end - 60);
    progress = frame.offset;
    bytes.fill(0, 0, frame.offset);
  }
  assert.equal(scanRequest(frame, bytes, 0, whole.length, limits), whole.length);
  assert.equal(frame.argc, 1000);
});

const request = fc.array(
  fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 90, maxLength: 130 })),
  { minLength: 1, maxLength: 12 },
);

test('any commands in any chunks come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 8 }), cuts, (requests, places) => {
      const stream = Buffer.concat(requests.map((args) => encodeRequest(args)));
      const { commands, error, unconsumed } = drive(cutAt(stream, places));
      assert.equal(error, '');
      assert.equal(unconsumed, 0);
      const sent = requests.map((args) => args.map((arg) => Buffer.from(arg).toString('latin1')));
      assert.deepEqual(commands, sent);
    }),
  );
});

const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  // Only the bytes the grammar is made of: far more of these get past the first checks.
  fc
    .array(fc.constantFrom(...'*$-+0123459ax\r\n'.split(''), '\r\n', '*1\r\n', '$1\r\na\r\n'), {
      maxLength: 40,
    })
    .map((parts) => Buffer.from(parts.join(''))),
  fc.tuple(request, fc.nat(4096), fc.integer({ min: 0, max: 255 })).map(([args, at, byte]) => {
    const bytes = encodeRequest(args);
    bytes[at % bytes.length] = byte;
    return bytes;
  }),
);

test('hostile bytes end in the same outcome however they are cut, and never in an exception', () => {
  const tight = { ...limits, argumentsMax: 64, argumentBytesMax: 256, requestBytesMax: 1024 };
  fc.assert(
    fc.property(hostile, cuts, (bytes, places) => {
      const stream = Buffer.from(bytes);
      const whole = drive([stream], tight);
      assert.deepEqual(drive(cutAt(stream, places), tight), whole);
      assert.ok(whole.error === '' || /^Protocol error: [ -~]+$/.test(whole.error));
    }),
    { numRuns: 2000 },
  );
});

test('a frame that was reset serves the next client', () => {
  const frame = new RequestFrame();
  const half = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\n');
  assert.equal(scanRequest(frame, half, 0, half.length, limits), INCOMPLETE);
  frame.reset();
  assert.deepEqual(frame, new RequestFrame());
  const next = Buffer.from('*1\r\n$4\r\nPING\r\n');
  assert.equal(scanRequest(frame, next, 0, next.length, limits), next.length);
});
