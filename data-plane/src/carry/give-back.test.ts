/** Given a pop that nobody took, then the one command that leaves the key as if it had not been. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeReply } from '../resp/encoder.ts';
import { decodeReply } from '../resp/reply-decoder.ts';
import type { Resp } from '../resp/resp.ts';
import { restoring } from './give-back.ts';

const bulk = (text: string): Resp => ({ type: 'bulk', bytes: Buffer.from(text) });
const list = (...items: Resp[]): Resp => ({ type: 'array', items });
const score = (value: number): Resp => ({ type: 'double', value });

const cases: readonly (readonly [string, Resp, string | null])[] = [
  ['BLPOP a 0', list(bulk('a'), bulk('v')), 'LPUSH a v'],
  ['brpop a 0', list(bulk('a'), bulk('v')), 'RPUSH a v'],
  ['BLMPOP 0 2 a b LEFT COUNT 3', list(bulk('b'), list(bulk('1'), bulk('2'))), 'LPUSH b 2 1'],
  ['BLMPOP 0 1 a right', list(bulk('a'), list(bulk('3'), bulk('2'))), 'RPUSH a 2 3'],
  ['BZPOPMIN z 0', list(bulk('z'), bulk('m'), score(1.5)), 'ZADD z NX 1.5 m'],
  ['BZPOPMAX z 0', list(bulk('z'), bulk('m'), score(-Infinity)), 'ZADD z NX -inf m'],
  [
    'BZMPOP 0 1 z MIN COUNT 2',
    list(bulk('z'), list(list(bulk('m'), score(1)), list(bulk('n'), score(2)))),
    'ZADD z NX 1 m 2 n',
  ],
  ['BLMOVE a b LEFT RIGHT 0', bulk('v'), null],
  ['BRPOPLPUSH a b 0', bulk('v'), null],
  ['XREADGROUP GROUP g c BLOCK 0 STREAMS s >', list(list(bulk('s'), list())), null],
  ['BLPOP a 0', { type: 'null', aggregate: true }, null],
  ['BLPOP a 0', { type: 'error', text: 'UNBLOCKED', bulk: false }, null],
];

test('each pop has one command that undoes it, in both protocols', () => {
  for (const protocol of [2, 3] as const) {
    for (const [line, reply, wanted] of cases) {
      const bytes = encodeReply(reply, protocol);
      const args = line.split(' ').map((word) => Buffer.from(word));
      const undo = restoring(args, decodeReply(bytes, 0, bytes.length));
      assert.equal(undo === null ? null : undo.args.map(String).join(' '), wanted, line);
    }
  }
});
