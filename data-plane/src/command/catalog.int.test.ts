/** COMMAND as the proxy answers it, beside what a real redis-server answers, in both protocols. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { redisVersion } from '@respool/contracts/commands/generated/command-table';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import { type RedisServer, startRedisServer } from '../test/redis-server.ts';
import { commandReply } from './catalog.ts';

let redis: RedisServer;
let sameVersion = false;
before(async () => {
  redis = await startRedisServer();
  const [info] = await redis.ask([['INFO', 'server']]);
  sameVersion = textOf(info as Resp)?.includes(`redis_version:${redisVersion}`) === true;
});
after(() => redis.stop());

function ours(words: readonly string[], protocol: 2 | 3): Resp {
  const args = words.map((word) => Buffer.from(word));
  const [reply] = new ReplyDecoder().feed(commandReply(args, protocol));
  assert.ok(reply);
  return reply;
}

/** Lists of commands come in the order of a hash table: as sorted text, two of them can be compared. */
function canonical(value: Resp): string {
  switch (value.type) {
    case 'array':
    case 'set':
    case 'push':
      return `${value.type}[${value.items.map(canonical).toSorted().join(' ')}]`;
    case 'map': {
      const pairs = value.entries.map(([key, item]) => `${canonical(key)}=${canonical(item)}`);
      return `map{${pairs.toSorted().join(' ')}}`;
    }
    case 'null':
      return `null ${value.aggregate}`;
    default:
      return `${value.type}:${value.type === 'error' ? value.text : textOf(value)}`;
  }
}

const questions = [
  '',
  'COUNT',
  'COUNT x',
  'INFO',
  'INFO get SET nope config|get config|nope',
  'DOCS',
  'DOCS getex nope XGROUP config|get',
  'LIST',
  'LIST FILTERBY PATTERN XGR*',
  'LIST FILTERBY PATTERN *[a-c]?',
  'LIST FILTERBY ACLCAT geo',
  'LIST FILTERBY ACLCAT @geo',
  'LIST FILTERBY MODULE x',
  'LIST FILTERBY x y',
  'LIST x',
  'GETKEYS',
  'GETKEYS get',
  'GETKEYS get k',
  'GETKEYS get k k',
  'GETKEYS nope k',
  'GETKEYS ping k',
  'GETKEYS config|get k',
  'GETKEYS mset a 1 b 2',
  'GETKEYS eval s 0',
  'GETKEYS zunion 0 k',
  'GETKEYS object encoding k',
  'GETKEYS object nope k',
  'GETKEYS spublish a b',
  'nope',
];

for (const protocol of [2, 3] as const) {
  test(`COMMAND is answered as Redis answers it in RESP${protocol}`, async (t) => {
    if (!sameVersion) t.diagnostic('the redis-server here is not the version of the table');
    const asked = questions.map((question) => question.split(' ').filter((word) => word !== ''));
    const hello = ['HELLO', String(protocol)];
    const [, ...real] = await redis.ask([hello, ...asked.map((words) => ['COMMAND', ...words])]);
    for (const [index, words] of asked.entries()) {
      const reply = real[index];
      assert.ok(reply);
      if (!sameVersion && reply.type !== 'error') continue;
      // Not assert.equal: the difference of two texts of 200 KB takes minutes to draw.
      const same = canonical(ours(words, protocol)) === canonical(reply);
      assert.ok(same, `COMMAND ${words.join(' ')}`);
    }
  });
}

test('help names every subcommand that is served', () => {
  const lines = (itemsOf(ours(['HELP'], 3)) ?? []).map((line) => textOf(line));
  for (const name of ['COUNT', 'LIST', 'INFO', 'DOCS', 'GETKEYS']) {
    assert.ok(lines.some((line) => line?.startsWith(name)));
  }
});

test('what is not served says so', () => {
  const reply = ours(['GETKEYSANDFLAGS', 'get', 'k'], 2);
  assert.ok(reply.type === 'error' && reply.text.startsWith('ERR '));
});
