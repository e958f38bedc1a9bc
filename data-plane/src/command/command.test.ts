/** The command table: every name is found, nothing else is, and facts are those Redis stated. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arityFits,
  Category,
  type CommandFacts,
  commandNamed,
  commands,
  Flag,
  families,
  isSingleKey,
  lookupCommand,
  lookupSubcommand,
} from './command.ts';

function named(name: string): CommandFacts {
  const facts = commandNamed(name);
  assert.ok(facts, name);
  return facts;
}

function lookup(name: string): CommandFacts | null {
  const bytes = Buffer.from(`xx${name}yy`, 'latin1');
  return lookupCommand(bytes, 2, bytes.length - 2);
}

test('every command is found in any case, and every subcommand under its parent', () => {
  assert.ok(commands.length > 300);
  for (const [id, facts] of commands.entries()) {
    assert.equal(facts.id, id);
    assert.equal(commandNamed(facts.name), facts);
    if (facts.parent === null) {
      const mixed = [...facts.name].map((c, i) => (i % 2 ? c : c.toUpperCase())).join('');
      for (const spelling of [facts.name, facts.name.toUpperCase(), mixed]) {
        assert.equal(lookup(spelling), facts, spelling);
      }
      continue;
    }
    const own = Buffer.from(facts.name.slice(facts.parent.length + 1).toUpperCase());
    assert.equal(lookupSubcommand(named(facts.parent), own, 0, own.length), facts);
    assert.equal(lookup(facts.name), null);
  }
});

test('a name that differs in one byte from a command is that of no command, or of another', () => {
  const top = commands.filter((facts) => facts.parent === null);
  const byName = new Map(top.map((facts) => [facts.name, facts]));
  for (const { name } of top) {
    for (let at = 0; at < name.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const other = name.slice(0, at) + String.fromCharCode(byte) + name.slice(at + 1);
        const lower = other.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
        const expected = byName.get(lower) ?? null;
        if (lookup(other) !== expected) assert.fail(JSON.stringify(other));
      }
    }
  }
});

test('no name at all, a long one and a truncated one are unknown', () => {
  assert.equal(lookup(''), null);
  assert.equal(lookup('get '), null);
  assert.equal(lookup(' get'), null);
  assert.equal(lookup('\0get'), null);
  assert.equal(lookup('ge'), null);
  assert.equal(lookup('get'.repeat(100_000)), null);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const lower = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      const expected = lower.includes('|') ? null : commandNamed(lower);
      assert.equal(lookup(text), expected);
    }),
  );
});

test('facts are those of Redis 7.0', () => {
  const get = named('get');
  assert.equal(families[get.family], 'string');
  assert.equal(get.arity, 2);
  assert.equal(get.flags, Flag.readonly | Flag.fast);
  assert.equal(get.categories, Category.read | Category.string | Category.fast);
  assert.deepEqual([get.firstKey, get.lastKey, get.keyStep], [1, 1, 1]);
  assert.equal(get.nameBytes.toString(), 'GET');
  const del = named('del');
  assert.deepEqual([del.requestPolicy, del.responsePolicy], ['multi_shard', 'agg_sum']);
  assert.notEqual(named('blpop').flags & Flag.blocking, 0);
  assert.notEqual(named('multi').categories & Category.transaction, 0);
  assert.equal(named('config|set').requestPolicy, 'all_nodes');
  assert.deepEqual(named('xread').keySpecs[0]?.begin, {
    type: 'keyword',
    keyword: 'STREAMS',
    from: 1,
  });
  assert.equal(named('use').arity, 2);
});

test('single-key commands are told from all others', () => {
  const single = ['get', 'set', 'hgetall', 'zadd', 'object|encoding', 'expire', 'memory|usage'];
  const other = ['mget', 'mset', 'del', 'eval', 'ping', 'sort', 'spublish', 'rename', 'xread'];
  for (const name of single) assert.equal(isSingleKey(named(name)), true, name);
  for (const name of other) assert.equal(isSingleKey(named(name)), false, name);
});

test('arity counts the name, and a negative one is a minimum', () => {
  assert.deepEqual(
    [1, 2, 3].map((argc) => arityFits(named('get'), argc)),
    [false, true, false],
  );
  assert.deepEqual(
    [1, 2, 99].map((argc) => arityFits(named('del'), argc)),
    [false, true, true],
  );
});
