/** Malformed commands are refused in the words of a real redis-server, byte for byte. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RedisServer, startRedisServer } from '../test/redis-server.ts';
import { encodeRequest } from './encoder.ts';
import { parseInline } from './inline.ts';
import {
  INLINE,
  MALFORMED,
  RequestFrame,
  type RequestLimits,
  scanRequest,
} from './request-scanner.ts';

/** Redis's own defaults. */
const limits: RequestLimits = {
  argumentsMax: 1_048_576,
  argumentBytesMax: 536_870_912,
  requestBytesMax: 1_073_741_823,
  inlineBytesMax: 65_536,
};

let redis: RedisServer;
before(async () => {
  redis = await startRedisServer();
});
after(() => redis.stop());

function ours(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  const frame = new RequestFrame();
  const status = scanRequest(frame, bytes, 0, bytes.length, limits);
  if (status === MALFORMED) return `-ERR ${frame.error}\r\n`;
  if (status !== INLINE) return '';
  const line = parseInline(bytes, 0, bytes.length, limits);
  return line.kind === 'error' ? `-ERR ${line.error}\r\n` : '';
}

const refusedAlike = [
  '*\r\n',
  '*x\r\n',
  '*+1\r\n',
  '*01\r\n',
  '*-0\r\n',
  '*-\r\n',
  '*1-\r\n',
  '*3000000000\r\n',
  '*9223372036854775808\r\n',
  '*1\r\nGET\r\n',
  '*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n',
  '*1\r\n\r\n',
  '*1\r\n$\r\n',
  '*1\r\n$-1\r\n',
  '*1\r\n$+1\r\n',
  '*1\r\n$01\r\na\r\n',
  '*1\r\n$536870913\r\n',
  '*2\r\n$3\r\nGET\r\n$3000000000\r\n',
  `*${'1'.repeat(70_000)}`,
  `*1\r\n$${'1'.repeat(70_000)}`,
  'set k "a\r\n',
  'set k "a"b\r\n',
  'x'.repeat(70_000),
];

test('malformed commands are refused in the words of Redis', async () => {
  for (const text of refusedAlike) {
    const label = JSON.stringify(text.slice(0, 40));
    assert.equal(ours(text), await redis.raw(Buffer.from(text, 'latin1')), label);
  }
});

test('what Redis passes over in silence is passed over', async () => {
  for (const text of ['*0\r\n', '*-1\r\n', '*-42\r\n', '\r\n', '\n', '  \r\n']) {
    assert.equal(ours(text), '');
    assert.equal(await redis.raw(Buffer.from(`${text}PING\r\n`)), '+PONG\r\n');
  }
});

test('inline words are quoted as Redis quotes them', async () => {
  const lines = [
    'ECHO "\\x41\\n\\xzz\\q\\""',
    "ECHO 'it\\'s \\n'",
    'ECHO a"b c"',
    'ECHO back\\slash',
    'ECHO\t""',
    'ECHO a\vb',
    '\v ECHO \f x',
  ];
  for (const line of lines) {
    const bytes = Buffer.from(`${line}\r\n`, 'latin1');
    const parsed = parseInline(bytes, 0, bytes.length, limits);
    assert.ok(parsed.kind === 'request', line);
    assert.equal(await redis.raw(parsed.request), await redis.raw(bytes), line);
  }
  assert.equal(await redis.raw(encodeRequest(['PING'])), '+PONG\r\n');
});
