/** EXEC's reply put together from the server's items and those made here, at every cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeReply } from '../resp/encoder.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';
import type { Resp } from '../resp/resp.ts';
import { type Item, ItemSplicer } from './splice-items.ts';
import type { KeyShape } from './strip-keys.ts';

const bulk = (text: string): Resp => ({ type: 'bulk', bytes: Buffer.from(text) });
const list = (...items: Resp[]): Resp => ({ type: 'array', items });
const simple = (text: string): Resp => ({ type: 'simple', text });
const nil: Resp = { type: 'null', aggregate: true };
const prefix = 'p:';

/** What a connection's replies hand on at `cut`: whole lines at least. */
function pieces(bytes: Buffer, cut: number): Buffer[] {
  const scanner = new ReplyScanner();
  const at = scanner.next(bytes, 0, cut);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

/** What is said of `sent` at `cut`, and what was made on the way. */
function spliced(items: readonly Item[], sent: Buffer, cut: number): string {
  const splicer = new ItemSplicer(items, Buffer.from(prefix));
  let said = '';
  for (const piece of pieces(sent, cut)) {
    splicer.take(piece, 0, piece.length, (bytes, start, end) => {
      said += bytes.toString('latin1', start, end);
    });
  }
  return said;
}

const passed: Item = { kind: 'passed', shape: null };
const hidden: Item = { kind: 'hidden' };

test('only the items that name keys change, at every cut', () => {
  const entries = list(list(bulk('1-1'), list(bulk('p:field'), bulk('p:v\r\n$3'))));
  const reply = (key: (name: string) => Resp): Resp =>
    list(
      bulk('p:not a key'),
      list(key('l'), bulk('v')),
      { type: 'integer', value: 3 },
      list(list(key('s'), entries)),
      { type: 'error', text: 'ERR p:no', bulk: false },
      nil,
    );
  const shapes: readonly (KeyShape | null)[] = [null, 'head', null, 'streams', 'head', 'head'];
  const items = shapes.map((shape): Item => ({ kind: 'passed', shape }));
  const sent = encodeReply(
    reply((name) => bulk(prefix + name)),
    2,
  );
  const wanted = encodeReply(reply(bulk), 2).toString();
  for (let cut = 0; cut < sent.length; cut++) {
    assert.equal(spliced(items, sent, cut), wanted, `cut at ${cut}`);
  }
});

test('items made here stand where they were queued, each made when its turn has come', () => {
  const sent = encodeReply(
    list(list(bulk('a'), list()), simple('OK'), bulk('b\r\n'), bulk('undone'), simple('OK')),
    3,
  );
  for (let cut = 0; cut < sent.length; cut++) {
    let turn = 0;
    const make = (): Buffer => encodeReply({ type: 'integer', value: ++turn }, 3);
    const made: Item = { kind: 'made', make };
    const answered: Item = { kind: 'answered', make };
    const items: Item[] = [made, made, passed, answered, made, passed, hidden, hidden, made];
    const number = (value: number): Resp => ({ type: 'integer', value });
    const wanted = list(
      ...[number(1), number(2), list(bulk('a'), list()), number(3), number(4)],
      ...[bulk('b\r\n'), number(5)],
    );
    assert.equal(spliced(items, sent, cut), encodeReply(wanted, 3).toString(), `cut at ${cut}`);
  }
});

test('an error of the server stands for what would have been answered in its place', () => {
  const sent = Buffer.from('*2\r\n-ERR DB index is out of range\r\n+OK\r\n');
  const make = (): Buffer => Buffer.from('+made\r\n');
  const items: Item[] = [{ kind: 'answered', make }, passed];
  for (let cut = 0; cut < sent.length; cut++) {
    assert.equal(spliced(items, sent, cut), sent.toString(), `cut at ${cut}`);
  }
});

test('nothing is made where nothing was executed', () => {
  const make = (): Buffer => assert.fail('it is made');
  const items: Item[] = [{ kind: 'made', make }, { kind: 'answered', make }, hidden];
  for (const reply of ['*-1\r\n', '_\r\n']) {
    assert.equal(spliced(items, Buffer.from(reply), 0), reply);
  }
});

test('items made here need none of the server', () => {
  const items: Item[] = [{ kind: 'made', make: () => Buffer.from(':1\r\n') }];
  assert.equal(spliced(items, Buffer.from('*0\r\n'), 0), '*1\r\n:1\r\n');
});
