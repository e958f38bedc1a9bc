/** What the commands of the queue SDK send, and what they make of replies and refusals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, Commands } from './command.ts';
import { QueueError, queueError, TryAgainError, UnexpectedReplyError } from './errors.ts';

const commands = new Commands((bytes) => bytes.toString('utf8'));
const time = new Date(1_529_729_771_000);
const place = { partition: 3, offset: 2n ** 63n - 1n };
const far = '9223372036854775807';

const sent: readonly (readonly [command: Command<unknown>, line: string])[] = [
  [commands.push('t', 'c'), 'KPUSH t c'],
  [commands.push('t', 'c', { partition: 0 }), 'KPUSH t 0 c'],
  [commands.push('t', 'c', { key: 'k' }), 'KPUSH t c KEY k'],
  [commands.push('t', 'c', { key: 'k', partition: 1 }), 'KPUSH t 1 c KEY k'],
  [commands.pop('t'), 'KPOP t'],
  [commands.pop('t', { blockMs: 0 }), 'KPOP t BLOCK 0'],
  [commands.popMany('t', 7), 'KPOP t COUNT 7'],
  [commands.popMany('t', 7, { blockMs: 5 }), 'KPOP t COUNT 7 BLOCK 5'],
  [commands.popFrom('t', place), `KPOP t 3 ${far}`],
  [commands.popFrom('t', place, 100), `KPOP t 3 ${far} 100`],
  [commands.ack('t', place, { partition: 0, offset: 1n }), `KACK t 3 ${far} 0 1`],
  [commands.nack('t', place), `KNACK t 3 ${far}`],
  [commands.lag('t'), 'KLAG t'],
  [commands.partitions('t'), 'KPARTITIONS t'],
  [commands.offsetAt('t', 1, 'latest'), 'KOFFSET t 1 -1'],
  [commands.offsetAt('t', 1, 'earliest'), 'KOFFSET t 1 -2'],
  [commands.offsetAt('t', 1, time), 'KOFFSET t 1 1529729771000'],
  [commands.seek('t', 'earliest'), 'KSEEK t earliest'],
  [commands.seek('t', 'latest'), 'KSEEK t latest'],
  [commands.seek('t', time), 'KSEEK t 1529729771000'],
  [commands.seek('t', [place, { partition: 0, offset: 1n }]), `KSEEK t 3 ${far} 0 1`],
];

/** As ioredis gives it: bulk strings as buffers. */
function bulk(...texts: readonly (string | null)[]): unknown[] {
  return texts.map((text) => (text === null ? null : Buffer.from(text)));
}

test('sends the words of each command', () => {
  for (const [{ name, words }, line] of sent) assert.equal([name, ...words].join(' '), line);
});

test('keeps every bit of an offset, in both directions', () => {
  assert.deepEqual(commands.push('t', 'c').read(bulk('3', far)), place);
  const [message] = commands.popFrom('t', place).read(bulk('3', far, 'content'));
  assert.deepEqual(message, { ...place, content: 'content' });
  const lag = { partition: 0, position: 2n ** 62n, end: 2n ** 63n - 1n, lag: 2n ** 62n - 1n };
  const words = Object.values(lag).map(String);
  assert.deepEqual(commands.lag('t').read(bulk(...words)), [lag]);
});

test('reads nothing at all as none, wherever it is nil or an empty list', () => {
  assert.equal(commands.pop('t').read(null), null);
  assert.deepEqual(commands.popMany('t', 2).read(null), []);
  assert.deepEqual(commands.popFrom('t', place).read([]), []);
  assert.equal(commands.offsetAt('t', 0, time).read(bulk('-1', '-1')), null);
});

test('tells a tombstone from an empty content', () => {
  const read = commands.popMany('t', 2).read(bulk('0', '1', '', '0', '2', null));
  assert.deepEqual(
    read.map(({ content }) => content),
    ['', null],
  );
});

test('refuses replies of another shape', () => {
  for (const reply of [null, 'OK', bulk('0', 'x')]) {
    assert.throws(() => commands.push('t', 'c').read(reply), UnexpectedReplyError);
  }
});

test('makes an error reply the error of its first word, and leaves others as they are', () => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
  const refusal = queueError(reply('TRYAGAIN no proxy has it'));
  assert.ok(refusal instanceof TryAgainError);
  assert.deepEqual([refusal.code, refusal.message], ['TRYAGAIN', 'no proxy has it']);
  const other = queueError(reply('Something else'));
  assert.ok(other instanceof QueueError);
  assert.deepEqual([other.code, other.message], ['ERR', 'Something else']);
  const lost = new Error('Connection is closed.');
  assert.equal(queueError(lost), lost);
});
