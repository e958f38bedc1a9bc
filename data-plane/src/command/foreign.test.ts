/** Given what a server says of its commands, then which are passed on, and with which facts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treatmentOf } from '@respool/contracts/commands/treatment';
import type { Resp } from '../resp/resp.ts';
import { array, bulk, number, simple } from '../resp/values.ts';
import { commands, Flag, isSingleKey } from './command.ts';
import { ForeignCommands } from './foreign.ts';
import { keyPositions } from './keys.ts';

interface Listed {
  readonly name?: string;
  readonly arity?: number;
  readonly flags?: string;
  readonly keys?: readonly [number, number, number];
  readonly categories?: string;
  readonly tips?: readonly string[];
  readonly specs?: readonly Resp[];
  readonly subcommands?: readonly Resp[];
}

const words = (text: string): Resp => array(text === '' ? [] : text.split(' ').map(simple));

/** An entry of COMMAND as Redis 7 sends it in RESP2. */
function listed(given: Listed): Resp {
  const { name = 'new', arity = -2, flags = 'write fast', keys = [1, 1, 1] } = given;
  const { categories = '@write @fast', tips = [], specs = [spec({})], subcommands = [] } = given;
  return array([
    ...[bulk(name), number(arity), words(flags), ...keys.map(number), words(categories)],
    ...[array(tips.map(bulk)), array(specs), array(subcommands)],
  ]);
}

function spec({ flags = 'RW update', begin = 1, last = 0, type = 'range' }): Resp {
  const pairs = (...items: (string | number | Resp)[]): Resp =>
    array(
      items.map((item) => {
        if (typeof item === 'string') return bulk(item);
        return typeof item === 'number' ? number(item) : item;
      }),
    );
  return pairs(
    ...['flags', words(flags)],
    ...['begin_search', pairs('type', 'index', 'spec', pairs('index', begin))],
    ...['find_keys', pairs('type', type, 'spec', pairs('lastkey', last, 'keystep', 1, 'limit', 0))],
  );
}

function learned(...entries: readonly Listed[]): ForeignCommands {
  const foreign = new ForeignCommands([]);
  foreign.learn(array(entries.map(listed)));
  return foreign;
}

test('a command about exactly one key is passed on with the facts the server gave', () => {
  const facts = learned({ name: 'NEW', arity: 3, keys: [2, 2, 1], specs: [spec({ begin: 2 })] });
  const found = facts.find('new', true)!;
  assert.deepEqual([found.name, found.arity, found.firstKey, found.lastKey], ['new', 3, 2, 2]);
  assert.equal(found.flags, Flag.write | Flag.fast);
  assert.ok(isSingleKey(found));
  assert.deepEqual(treatmentOf(found), { kind: 'keyed', across: null });
  assert.ok(found.id >= commands.length, 'it is taken for no entry of the table');
  const out = new Int32Array(4);
  const places = new Int32Array(4);
  assert.equal(keyPositions(found, Buffer.alloc(0), 3, places, places, out), 1);
  assert.equal(out[0], 2);
  assert.equal(facts.find('other', true), null);
});

test('servers before 7.0 say less, and it is enough', () => {
  const foreign = new ForeignCommands([]);
  const entry = listed({});
  assert.ok(entry.type === 'array');
  foreign.learn(array([array(entry.items.slice(0, 6)), array(entry.items.slice(0, 7))]));
  assert.ok(foreign.find('new', true));
});

test('what does not say that it only reads counts as a write', () => {
  const flags = (text: string): number => learned({ flags: text }).find('new', true)!.flags;
  assert.equal(flags('readonly'), Flag.readonly);
  assert.equal(flags(''), Flag.write);
  assert.equal(flags('fast'), Flag.write | Flag.fast);
  assert.notEqual(flags('readonly write') & Flag.write, 0);
});

test('what is about more than one key, or needs more than a reply, is not passed on', () => {
  const refused: readonly Listed[] = [
    { name: 'get' },
    { name: 'GET' },
    { name: 'with blank' },
    { name: '' },
    { arity: 0 },
    { keys: [0, 0, 0], specs: [] },
    { keys: [1, -1, 1] },
    { keys: [1, 2, 1] },
    ...'movablekeys admin pubsub blocking noscript asking no_auth'
      .split(' ')
      .map((flag) => ({ flags: `write ${flag}` })),
    ...'admin blocking connection dangerous pubsub scripting transaction'
      .split(' ')
      .map((category) => ({ categories: `@write @${category}` })),
    { tips: ['request_policy:all_shards'] },
    { subcommands: [listed({ name: 'new|sub' })] },
    { specs: [spec({}), spec({ begin: 2 })] },
    { specs: [spec({ flags: 'RO not_key' })] },
    { specs: [spec({ flags: 'RO incomplete' })] },
    { specs: [spec({ begin: 2 })] },
    { specs: [spec({ last: -1 })] },
    { specs: [spec({ type: 'keynum' })] },
    { specs: [array([])] },
  ];
  for (const one of refused) {
    assert.equal(
      learned(one).find((one.name ?? 'new').toLowerCase(), false),
      null,
      JSON.stringify(one),
    );
  }
});

test('the command of a module is for tenants that share their servers with nobody', () => {
  const foreign = learned({ name: 'm.get', flags: 'readonly module' });
  assert.ok(foreign.find('m.get', false));
  assert.equal(foreign.find('m.get', true), null);
});

test('a configured command goes before a learned one, and the table before both', () => {
  const foreign = new ForeignCommands([
    { name: 'm.set', key: 2, writes: true },
    { name: 'm.get', key: 1, writes: false },
    { name: 'set', key: 2, writes: false },
  ]);
  const entries = ['m.set', 'set'].map((name) => listed({ name, flags: 'readonly module' }));
  foreign.learn(array(entries));
  for (const shared of [false, true]) {
    const facts = foreign.find('m.set', shared)!;
    assert.deepEqual([facts.firstKey, facts.arity, facts.flags], [2, -3, Flag.write]);
    assert.equal(foreign.find('m.get', shared)!.flags, Flag.readonly);
    assert.equal(foreign.find('set', shared), null);
  }
});

test('a reply that is no list teaches nothing and takes nothing away', () => {
  const foreign = learned({});
  foreign.learn({ type: 'error', text: 'NOPERM no', bulk: false });
  assert.ok(foreign.find('new', false));
  foreign.learn(
    array([bulk('x'), array([]), array([number(1)]), { type: 'null', aggregate: true }]),
  );
  assert.equal(foreign.find('new', false), null, 'a list without it does');
});

test('of a list without end so much is kept', () => {
  const many = Array.from({ length: 5000 }, (_, index) => ({ name: `new.${index}` }));
  const foreign = learned(...many);
  assert.equal(many.filter(({ name }) => foreign.find(name, true) !== null).length, 2048);
});
