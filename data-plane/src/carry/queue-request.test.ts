/** Arguments of the commands about topics → what they ask for; and the replies, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookupCommand } from '../command/command.ts';
import { Command } from '../command/request.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { offsetReply, partitionsReply, pushedReply, recordsReply } from './queue-reply.ts';
import { offsetWords, popWords, pushWords } from './queue-request.ts';

function read(...args: readonly string[]): Command {
  const bytes = encodeRequest(args);
  const name = Buffer.from(args[0] as string);
  const command = new Command();
  command.read(lookupCommand(name, 0, name.length), bytes, 0, bytes.length, args.length);
  return command;
}

function refusal(made: object): string {
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

test('KPOP: a position and how much; without a position it is refused, and says so', () => {
  assert.deepEqual(popWords(read('KPOP', 't', '0', '0')), {
    ...{ partition: 0, offset: 0, bytesMax: null },
  });
  assert.deepEqual(popWords(read('KPOP', 't', '11', '9007199254740991', '1')), {
    ...{ partition: 11, offset: Number.MAX_SAFE_INTEGER, bytesMax: 1 },
  });
  for (const line of ['KPOP t', 'KPOP t BLOCK 100', 'KPOP t count 5', 'KPOP t COUNT 5 BLOCK 0']) {
    const told = refusal(popWords(read(...line.split(' '))));
    assert.match(told, /^-ERR KPOP without a position is not served yet by this proxy/, line);
  }
  const wrong: Readonly<Record<string, RegExp>> = {
    'KPOP t 0': /^-ERR syntax error: KPOP topic partition offset \[maxBytes\]$/,
    'KPOP t 0 0 1 1': /^-ERR syntax error/,
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
  const bytes = value === null ? null : Buffer.from(value);
  return { offset, value: bytes, key: null, headers: [], timestampMs: 0 };
};

test('every element of a reply is a bulk string, and a tombstone a null', () => {
  const pushed = pushedReply({ partition: 1, offset: 4812903 });
  assert.equal(String(pushed), '*2\r\n$1\r\n1\r\n$7\r\n4812903\r\n');
  const end = offsetReply({ offset: 4814078, timestampMs: -1 });
  assert.equal(String(end), '*2\r\n$7\r\n4814078\r\n$2\r\n-1\r\n');
  assert.equal(String(partitionsReply([0, 1, 10])), '*3\r\n$1\r\n0\r\n$1\r\n1\r\n$2\r\n10\r\n');
  assert.equal(String(recordsReply(0, [], 2)), '*0\r\n');
  const two = [record(7, 'a\r\nb'), record(10, null)];
  const place = '*6\r\n$1\r\n3\r\n$1\r\n7\r\n$4\r\na\r\nb\r\n$1\r\n3\r\n$2\r\n10\r\n';
  assert.equal(String(recordsReply(3, two, 2)), `${place}$-1\r\n`);
  assert.equal(String(recordsReply(3, two, 3)), `${place}_\r\n`);
});
