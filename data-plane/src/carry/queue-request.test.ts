/** Arguments of the commands about topics → what they ask for; and the replies, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seekTarget } from '@respool/contracts/queues';
import { lookupCommand } from '../command/command.ts';
import { Command } from '../command/request.ts';
import { encodeRequest } from '../resp/encoder.ts';
import {
  lagReply,
  nothingReply,
  offsetReply,
  partitionsReply,
  pushedReply,
  recordsReply,
} from './queue-reply.ts';
import { judgeWords, offsetWords, popWords, pushWords, seekWords } from './queue-request.ts';

function read(...args: readonly string[]): Command {
  const bytes = encodeRequest(args);
  const name = Buffer.from(args[0] as string);
  const command = new Command();
  command.read(lookupCommand(name, 0, name.length), bytes, 0, bytes.length, args.length);
  return command;
}

function refusal(made: object | string): string {
  return Buffer.isBuffer(made) ? made.toString('latin1').trimEnd() : JSON.stringify(made);
}

test('KPUSH: the number of arguments says what each is, so content is never taken for a word', () => {
  const cases: [line: string, partition: number | null, content: number, key: number | null][] = [
    ['KPUSH t content', null, 2, null],
    ['KPUSH t 7', null, 2, null],
    ['KPUSH t KEY', null, 2, null],
    ['KPUSH t 0 content', 0, 3, null],
    ['KPUSH t 0 KEY', 0, 3, null],
    ['KPUSH t 2147483647 content', 2147483647, 3, null],
    ['KPUSH t content KEY k', null, 2, 4],
    ['KPUSH t 3 key k', null, 2, 4],
    ['KPUSH t KEY KEY KEY', null, 2, 4],
    ['kpush t 3 content Key k', 3, 3, 5],
  ];
  for (const [line, partition, content, key] of cases) {
    assert.deepEqual(pushWords(read(...line.split(' '))), { partition, content, key }, line);
  }
  assert.deepEqual(pushWords(read('KPUSH', 't', '', 'KEY', '')), {
    ...{ partition: null, content: 2, key: 4 },
  });
});

test('KPUSH: what is no partition or no form of it is refused, and says why', () => {
  for (const partition of ['x', '-1', '01', '1.0', '+1', '', ' 1', '2147483648', '9'.repeat(40)]) {
    assert.match(refusal(pushWords(read('KPUSH', 't', partition, 'c'))), /^-ERR partition is not/);
  }
  for (const line of ['KPUSH t 0 c d', 'KPUSH t 0 c KEYS k', 'KPUSH t 0 c KEY k more']) {
    const told = refusal(pushWords(read(...line.split(' '))));
    assert.equal(told, '-ERR syntax error: KPUSH topic [partition] content [KEY key]', line);
  }
});

test('KPOP: a place and how much', () => {
  assert.deepEqual(popWords(read('KPOP', 't', '0', '0')), {
    ...{ kind: 'place', partition: 0, offset: 0, bytesMax: null },
  });
  assert.deepEqual(popWords(read('KPOP', 't', '11', '9007199254740991', '1')), {
    ...{ kind: 'place', partition: 11, offset: Number.MAX_SAFE_INTEGER, bytesMax: 1 },
  });
  const syntax =
    /^-ERR syntax error: KPOP topic \[COUNT count\] \[BLOCK ms\], or KPOP topic partition offset/;
  const wrong: Readonly<Record<string, RegExp>> = {
    'KPOP t 0': syntax,
    'KPOP t 0 0 1 1': syntax,
    'KPOP t x 0': /^-ERR partition is not a whole number from 0$/,
    'KPOP t 0 -1': /^-ERR offset is not a whole number from 0 to 9007199254740991$/,
    'KPOP t 0 9007199254740992': /^-ERR offset is not/,
    'KPOP t 0 0 0': /^-ERR maxBytes is not a whole number from 1$/,
    'KPOP t 0 0 many': /^-ERR maxBytes is not/,
  };
  for (const [line, told] of Object.entries(wrong)) {
    assert.match(refusal(popWords(read(...line.split(' ')))), told, line);
  }
});

test('KPOP without a place: how many, and how long to wait, in any order', () => {
  const cases: [line: string, count: number, blockMs: number | null][] = [
    ['KPOP t', 1, null],
    ['KPOP t COUNT 10000', 10_000, null],
    ['kpop t count 5', 5, null],
    ['KPOP t BLOCK 0', 1, Infinity],
    ['KPOP t BLOCK 2147483647', 1, 2147483647],
    ['KPOP t BLOCK 2147483648', 1, Infinity],
    ['KPOP t Block 250', 1, 250],
    ['KPOP t COUNT 5 BLOCK 250', 5, 250],
    ['KPOP t BLOCK 250 COUNT 5', 5, 250],
  ];
  for (const [line, count, blockMs] of cases) {
    const words = popWords(read(...line.split(' ')));
    assert.deepEqual(words, { kind: 'managed', count, blockMs }, line);
  }
  const wrong: Readonly<Record<string, RegExp>> = {
    'KPOP t COUNT': /^-ERR syntax error/,
    'KPOP t COUNT 5 BLOCK': /^-ERR syntax error/,
    'KPOP t COUNT 5 COUNT 5': /^-ERR syntax error/,
    'KPOP t BLOCK 1 BLOCK 1': /^-ERR syntax error/,
    'KPOP t COUNT 5 0 0': /^-ERR syntax error/,
    'KPOP t COUNT 0': /^-ERR COUNT is not a whole number from 1 to 10000$/,
    'KPOP t COUNT 10001': /^-ERR COUNT is not/,
    'KPOP t BLOCK -1': /^-ERR BLOCK is not a whole number of milliseconds from 0/,
    'KPOP t BLOCK 0.5': /^-ERR BLOCK is not/,
  };
  for (const [line, told] of Object.entries(wrong)) {
    assert.match(refusal(popWords(read(...line.split(' ')))), told, line);
  }
});

test('KACK and KNACK: a place for each record', () => {
  assert.deepEqual(judgeWords(read(...'KACK t 0 17 3 0'.split(' '))), [
    { partition: 0, offset: 17 },
    { partition: 3, offset: 0 },
  ]);
  const many = Array.from({ length: 1_001 }, (_, at) => ['0', String(at)]).flat();
  const wrong: [args: string[], told: RegExp][] = [
    [['0', '1', '2'], /^-ERR each partition needs an offset behind it$/],
    [['x', '1'], /^-ERR partition is not/],
    [['0', '-1'], /^-ERR offset is not/],
    [many, /^-ERR more than 1000 records in one command$/],
  ];
  for (const [args, told] of wrong)
    assert.match(refusal(judgeWords(read('KACK', 't', ...args))), told);
  assert.equal((judgeWords(read('KNACK', 't', ...many.slice(2))) as unknown[]).length, 1_000);
});

test('KSEEK: an end, a time, or an offset of each partition named', () => {
  const to = (line: string) => seekWords(read('KSEEK', 't', ...line.split(' ')));
  assert.equal(to('earliest'), 'earliest');
  assert.equal(to('LATEST'), 'latest');
  assert.deepEqual(to('1529729771000'), { time: '2018-06-23T04:56:11.000Z' });
  assert.deepEqual(to('0 17 4095 0'), {
    offsets: [
      { partition: 0, offset: 17 },
      { partition: 4095, offset: 0 },
    ],
  });
  for (const line of ['earliest', 'latest', '0', '253402300799999', '0 0', '1 9007199254740991']) {
    assert.ok(seekTarget.safeParse(to(line)).success, line);
  }
  for (const line of ['now', '-1', '253402300800000', '']) {
    assert.match(refusal(to(line)), /^-ERR a seek goes to earliest, latest, milliseconds/, line);
  }
  assert.match(refusal(to('0 1 2')), /^-ERR each partition needs an offset/);
  assert.match(refusal(to('0 1 0 2')), /^-ERR a partition is named twice$/);
  assert.match(refusal(to('4096 1')), /^-ERR partition is not/);
});

test('KOFFSET: a time in milliseconds, or one end of the log', () => {
  assert.deepEqual(offsetWords(read('KOFFSET', 't', '1', '1529729771000')), {
    ...{ partition: 1, time: 1529729771000 },
  });
  assert.deepEqual(offsetWords(read('KOFFSET', 't', '1', '-1')), { partition: 1, time: 'latest' });
  assert.deepEqual(offsetWords(read('KOFFSET', 't', '1', '-2')), {
    ...{ partition: 1, time: 'earliest' },
  });
  for (const time of ['-3', 'now', '1e3', '', '9007199254740993', '1.5']) {
    assert.match(refusal(offsetWords(read('KOFFSET', 't', '1', time))), /^-ERR time is not/, time);
  }
  assert.match(refusal(offsetWords(read('KOFFSET', 't', 'x', '-1'))), /^-ERR partition is not/);
});

const record = (offset: number, value: string | null) => {
  return { partition: 3, offset, value: value === null ? null : Buffer.from(value) };
};

test('every element of a reply is a bulk string, and a tombstone a null', () => {
  const pushed = pushedReply(1, 4812903);
  assert.equal(String(pushed), '*2\r\n$1\r\n1\r\n$7\r\n4812903\r\n');
  const end = offsetReply({ offset: 4814078, timestampMs: -1 });
  assert.equal(String(end), '*2\r\n$7\r\n4814078\r\n$2\r\n-1\r\n');
  assert.equal(String(partitionsReply([0, 1, 10])), '*3\r\n$1\r\n0\r\n$1\r\n1\r\n$2\r\n10\r\n');
  const lag = lagReply([{ partition: 1, position: 7, end: 10, lag: 3 }]);
  assert.equal(String(lag), '*4\r\n$1\r\n1\r\n$1\r\n7\r\n$2\r\n10\r\n$1\r\n3\r\n');
  assert.equal(String(recordsReply([], 2)), '*0\r\n');
  assert.equal(String(nothingReply(2)), '$-1\r\n');
  assert.equal(String(nothingReply(3)), '_\r\n');
  const two = [record(7, 'a\r\nb'), record(10, null)];
  const place = '*6\r\n$1\r\n3\r\n$1\r\n7\r\n$4\r\na\r\nb\r\n$1\r\n3\r\n$2\r\n10\r\n';
  assert.equal(String(recordsReply(two, 2)), `${place}$-1\r\n`);
  assert.equal(String(recordsReply(two, 3)), `${place}_\r\n`);
});

test('the longest numbers there can be fit into a reply', () => {
  const longest = {
    partition: 2 ** 31 - 1,
    offset: Number.MAX_SAFE_INTEGER,
    value: Buffer.of(255),
  };
  const reply = recordsReply(Array(99).fill(longest), 2).toString('latin1');
  const one = '$10\r\n2147483647\r\n$16\r\n9007199254740991\r\n$1\r\n\xff\r\n';
  assert.equal(reply, `*297\r\n${one.repeat(99)}`);
});
