/**
 * Key positions against a real redis-server: for every command with keys, random arguments are
 * given to COMMAND GETKEYS and to us. Arguments are numbers, keywords of the key specs and plain
 * words, weighted so that many requests make sense.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { redisVersion, rows } from '@respool/contracts/commands/generated/command-table';
import fc from 'fast-check';
import { encodeRequest } from '../resp/encoder.ts';
import { scanArguments } from '../resp/request-scanner.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import { type RedisServer, startRedisServer } from '../test/redis-server.ts';
import { arityFits, type CommandFacts, commandNamed, commands, KeyFlag } from './command.ts';
import { keyPositions } from './keys.ts';

let redis: RedisServer;
before(async () => {
  redis = await startRedisServer();
});
after(() => redis.stop());

/** Newer commands the server of this test does not know. */
const known = new Set(rows.map((row) => row.name));
const keyed = commands.filter(
  (facts) =>
    known.has(facts.name) && facts.keySpecs.some((spec) => (spec.flags & KeyFlag.not_key) === 0),
);

const word = fc.constantFrom('a', 'b', 'key', '', '0', '1', '2', '3', '-1', 'x1');
const keyword = fc.constantFrom(
  'STREAMS',
  'streams',
  'STORE',
  'KEYS',
  'COUNT',
  'GROUP',
  'BY',
  'GET',
);
const argument = fc.oneof({ arbitrary: word, weight: 5 }, { arbitrary: keyword, weight: 1 });

/** A request as its words; COMMAND GETKEYS itself wants two words or more. */
const request = fc
  .tuple(fc.constantFrom(...keyed), fc.array(argument, { minLength: 1, maxLength: 12 }))
  .map(([facts, rest]) => [...facts.name.split('|'), ...rest])
  .filter((args) => arityFits(factsOf(args), args.length));

function factsOf(args: readonly string[]): CommandFacts {
  const facts = commandNamed(`${args[0]}|${args[1]}`) ?? commandNamed(args[0] ?? '');
  assert.ok(facts, args.join(' '));
  return facts;
}

function ours(facts: CommandFacts, args: readonly string[]): string[] | null {
  const bytes = encodeRequest(args);
  const starts = new Int32Array(args.length);
  const ends = new Int32Array(args.length);
  const out = new Int32Array(args.length);
  scanArguments(bytes, 0, starts, ends);
  const count = keyPositions(facts, bytes, args.length, starts, ends, out);
  return count < 0 ? null : [...out.subarray(0, count)].map((at) => args[at] ?? '');
}

function theirs(reply: Resp | undefined): string[] | null {
  assert.ok(reply);
  if (reply.type === 'error') return null;
  return (itemsOf(reply) ?? []).map((key) => textOf(key) ?? '');
}

test('key positions are those of COMMAND GETKEYS', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 50, maxLength: 200 }), async (requests) => {
      const replies = await redis.ask(requests.map((args) => ['COMMAND', 'GETKEYS', ...args]));
      for (const [index, args] of requests.entries()) {
        const facts = factsOf(args);
        const mine = ours(facts, args);
        const real = theirs(replies[index]);
        const said = `${args.join(' ')}: we say ${mine}, Redis says ${real}`;
        if (mine === null) assert.ok(real === null || real.length === 0 || guessed(facts), said);
        else if (real === null) assert.ok(guessed(facts) || executed(args), said);
        else if (!ambiguous(args)) assert.deepEqual(mine, real, said);
      }
    }),
    { numRuns: 60 },
  );
});

/** GETKEYS answers for counts and options that the command itself then refuses, and the reverse. */
function guessed(facts: CommandFacts): boolean {
  const byRange = facts.keySpecs.every(
    (spec) => spec.begin.type === 'index' && spec.find.type === 'range',
  );
  return !byRange;
}

/** GETKEYS finds no keys, and yet the command is executed. */
function executed(args: readonly string[]): boolean {
  return args[0] === 'pfmerge' && args.length === 2;
}

/** GETKEYS takes the first keyword, even where the command reads it as a value or obeys the last. */
function ambiguous(args: readonly string[]): boolean {
  const words = args.map((arg) => arg.toUpperCase());
  return words.some((word, at) => {
    if (!['STREAMS', 'STORE', 'KEYS'].includes(word)) return false;
    const behindOption = /^(COUNT|GROUP|BY|GET)$/;
    const asValue = behindOption.test(words[at - 1] ?? '') || words[at - 2] === 'GROUP';
    return asValue || words.indexOf(word) !== words.lastIndexOf(word);
  });
}

test('the generated table is that of the server it names', async () => {
  const [info, all] = await redis.ask([['INFO', 'server'], ['COMMAND']]);
  assert.ok(info && all);
  const version = /^redis_version:(\S+)/m.exec(textOf(info) ?? '')?.[1];
  if (version !== redisVersion) return;
  const names = (list: Resp | undefined): string[] =>
    (list ? (itemsOf(list) ?? []) : []).flatMap((one) => {
      const fields = itemsOf(one) ?? [];
      const name = fields[0] ? (textOf(fields[0]) ?? '') : '';
      return [name, ...names(fields[9])];
    });
  assert.deepEqual(rows.map((row) => row.name).toSorted(), names(all).toSorted());
});
