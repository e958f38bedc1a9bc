/** Redirects are read as Redis words them, and a run is cut at the right command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRequest } from '../../resp/encoder.ts';
import { FakeTaker, runOf } from '../../test/fakes.ts';
import { commandBytes, cutFirst, isRedirect, readRedirect } from './redirect.ts';

test('MOVED and ASK name slot and node; a node that leaves its host out means the one asked', () => {
  const read = (text: string) => readRedirect(text, '10.0.0.1');
  assert.deepEqual(read('-MOVED 3999 127.0.0.1:6381'), {
    ...{ kind: 'moved', slot: 3999, host: '127.0.0.1', port: 6381 },
  });
  assert.deepEqual(read('-ASK 7 ::1:6382'), { kind: 'ask', slot: 7, host: '::1', port: 6382 });
  assert.deepEqual(read('-MOVED 1 :7000'), {
    kind: 'moved',
    slot: 1,
    host: '10.0.0.1',
    port: 7000,
  });
  assert.deepEqual(read('-ASK 1 ?:7000'), { kind: 'ask', slot: 1, host: '10.0.0.1', port: 7000 });
  for (const text of [
    '-TRYAGAIN x',
    '-CLUSTERDOWN Hash slot',
    '-LOADING y',
    '-MASTERDOWN z',
    '-MOVED nonsense',
  ]) {
    assert.deepEqual(read(text), { kind: 'later' });
  }
});

test('an error shorter than the words looked for may stand at the end of its buffer', () => {
  for (const text of ['-ERR\r\n', '-E\r\n', '-', '+OK\r\n', '-MOVED']) {
    assert.equal(isRedirect(Buffer.from(text), 0), false, text);
  }
  for (const text of [
    '-MOVED 1 a:1\r\n',
    '-ASK 1 a:1\r\n',
    '-TRYAGAIN',
    '-LOADING',
    '-CLUSTERDOWN',
  ]) {
    assert.equal(isRedirect(Buffer.from(text), 0), true, text);
    assert.equal(isRedirect(Buffer.from(`+OK\r\n${text}`), 5), true, text);
  }
});

test('a run is taken apart command by command, whatever was answered before', () => {
  const commands = [['GET', 'a'], ['SET', 'b', '$1\r\n'], ['DEL', 'c'], ['PING']];
  for (let answered = 0; answered < commands.length; answered++) {
    const taker = new FakeTaker();
    const run = runOf(taker, ...commands);
    run.answered = answered;
    run.count -= answered;
    const seen: string[] = [];
    for (let one: typeof run | null = run; one !== null; ) {
      seen.push(commandBytes(one).toString('latin1'));
      const rest = cutFirst(one);
      assert.equal(one.count, 1);
      if (rest !== null) assert.deepEqual([rest.chunk, one.next], [one.chunk, rest]);
      one = rest;
    }
    const expected = commands
      .slice(answered)
      .map((words) => encodeRequest(words).toString('latin1'));
    assert.deepEqual(seen, expected);
    assert.equal(taker.splits.length, expected.length - 1);
  }
});
