/** CLUSTER SLOTS becomes a table, and what is no such reply changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotCount } from '../../command/backing.ts';
import type { Resp } from '../../resp/resp.ts';
import { readSlots } from './topology.ts';

const text = (value: string): Resp => ({ type: 'bulk', bytes: Buffer.from(value) });
const number = (value: number): Resp => ({ type: 'integer', value });
const list = (...items: Resp[]): Resp => ({ type: 'array', items });
const nobody: Resp = { type: 'null', aggregate: false };

test('each range belongs to its primary, and those behind it are its replicas', () => {
  const node = (host: string, port: number): Resp => list(text(host), number(port));
  const { owners, replicas } = readSlots(
    list(
      list(number(0), number(99), node('10.0.0.1', 1), node('r', 9), node('q', 8)),
      list(number(200), number(200), list(text('::1'), number(2), text('id'), list())),
      list(number(300), number(301), node('10.0.0.1', 1), node('q', 8), node('r', 9)),
    ),
    'asked',
  );
  assert.deepEqual(
    [...replicas],
    [
      ['10.0.0.1:1', ['q:8', 'r:9']],
      ['::1:2', []],
    ],
  );
  assert.equal(owners.length, slotCount);
  assert.deepEqual([owners[0], owners[99], owners[100]], ['10.0.0.1:1', '10.0.0.1:1', null]);
  assert.deepEqual([owners[199], owners[200], owners[201]], [null, '::1:2', null]);
});

test('a host left out is the one that was asked', () => {
  for (const host of [text(''), text('?'), nobody]) {
    const { owners } = readSlots(list(list(number(0), number(1), list(host, number(7)))), 'asked');
    assert.equal(owners[0], 'asked:7');
  }
});

test('a reply that is no table, or an empty one, is refused: it must not empty ours', () => {
  const node = list(text('h'), number(1));
  const bad: Resp[] = [
    list(),
    number(1),
    { type: 'error', text: 'ERR This instance has cluster support disabled', bulk: false },
    list(list(number(0), number(slotCount), node)),
    list(list(number(5), number(4), node)),
    list(list(number(-1), number(4), node)),
    list(list(text('0'), number(4), node)),
    list(list(number(0), number(4))),
  ];
  for (const reply of bad) assert.throws(() => readSlots(reply, 'asked'));
});
