/** Prefixes cut off replies: the same at every cut, and nothing else of the bytes changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeReply } from '../resp/encoder.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';
import { type Resp, textOf } from '../resp/resp.ts';
import { type KeyShape, KeyStripper } from './strip-keys.ts';

const bulk = (text: string): Resp => ({ type: 'bulk', bytes: Buffer.from(text) });
const list = (...items: Resp[]): Resp => ({ type: 'array', items });
const nil: Resp = { type: 'null', aggregate: true };
const prefix = 'p:';

/** A reply as the server gives it, and as the client is to see it. */
type Case = readonly [shape: KeyShape, made: (key: (name: string) => Resp) => Resp];

const entries = list(list(bulk('1-1'), list(bulk('p:field'), bulk('p:v\r\n$3'))));
const cases: readonly Case[] = [
  ['head', (key) => list(key('list'), bulk('p:value'))],
  ['head', (key) => list(key(''), bulk(''))],
  ['head', (key) => list(key('z'), bulk('m'), { type: 'double', value: 1.5 })],
  ['head', (key) => list(key('l'), list(bulk('a'), bulk('b')))],
  ['head', () => nil],
  ['head', () => ({ type: 'error', text: 'WRONGTYPE no', bulk: false })],
  [
    'streams',
    (key) => ({ type: 'error', text: `NOGROUP No such key '${textOf(key('s'))}' or`, bulk: false }),
  ],
  ['streams', (key) => list(list(key('s'), entries), list(key('t'), list()))],
  [
    'streams',
    (key) => ({
      type: 'map',
      entries: [
        [key('s'), entries],
        [key('t'), entries],
      ],
    }),
  ],
  ['streams', () => nil],
];

/** What a connection's replies hand on at `cut`: whole lines at least. */
function pieces(bytes: Buffer, cut: number): Buffer[] {
  const scanner = new ReplyScanner();
  let at = 0;
  while (at < cut) {
    const next = scanner.next(bytes, at, cut);
    if (!scanner.done && next === at) break;
    at = next;
    if (!scanner.done) break;
  }
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

test('the prefix of every key goes, whole and at every cut, one reply after the other', () => {
  for (const protocol of [2, 3] as const) {
    for (const [shape, made] of cases) {
      if (protocol === 2 && made(bulk).type === 'map') continue;
      const sent = encodeReply(
        made((name) => bulk(prefix + name)),
        protocol,
      );
      const wanted = encodeReply(made(bulk), protocol).toString();
      for (let cut = 0; cut < sent.length; cut++) {
        const stripper = new KeyStripper(shape, Buffer.from(prefix));
        let said = '';
        for (const piece of [...pieces(sent, cut), sent]) {
          let at = 0;
          while (at < piece.length) {
            at = stripper.next(piece, at, piece.length, (bytes, start, end) => {
              said += bytes.toString('latin1', start, end);
            });
          }
        }
        assert.equal(said, wanted + wanted, `${shape} RESP${protocol} cut at ${cut}`);
      }
    }
  }
});
