/** COMMAND as the proxy answers it, beside what a real redis-server answers, in both protocols. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { redisVersion } from '@respool/contracts/commands/generated/command-table';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import { type RedisServer, startRedisServer } from '../test/redis-server.ts';
import { commandReply } from './catalog.ts';
import { helpReply } from './help.ts';

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
  'GETKEYSANDFLAGS get k',
  'GETKEYSANDFLAGS set k v',
  'GETKEYSANDFLAGS set k v PX 10 GET',
  'GETKEYSANDFLAGS bitfield k',
  'GETKEYSANDFLAGS bitfield k get u8 0',
  'GETKEYSANDFLAGS bitfield k get u8 0 incrby u8 0 1',
  'GETKEYSANDFLAGS sort k by x get y store d',
  'GETKEYSANDFLAGS sort k store a store b',
  'GETKEYSANDFLAGS sort_ro k by x',
  'GETKEYSANDFLAGS georadius k 1 1 1 m storedist d',
  'GETKEYSANDFLAGS georadius k 1 1 1 m',
  'GETKEYSANDFLAGS xread count 1 streams a b 1 1',
  'GETKEYSANDFLAGS migrate h 1 k 0 1',
  'GETKEYSANDFLAGS eval x 1 a',
  'GETKEYSANDFLAGS eval x 0',
  'GETKEYSANDFLAGS zunionstore d 2 a b',
  'GETKEYSANDFLAGS mset a 1 b 2',
  'GETKEYSANDFLAGS lmpop 2 a b left',
  'GETKEYSANDFLAGS object encoding k',
  'GETKEYSANDFLAGS smove a b c',
  'GETKEYSANDFLAGS spublish a b',
  'GETKEYSANDFLAGS ping k',
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
  const [reply] = new ReplyDecoder().feed(helpReply('command', 3));
  const lines = (itemsOf(reply as Resp) ?? []).map((line) => textOf(line));
  for (const name of ['COUNT', 'LIST', 'INFO', 'DOCS', 'GETKEYS', 'HELP']) {
    assert.ok(lines.includes(name), name);
  }
});
