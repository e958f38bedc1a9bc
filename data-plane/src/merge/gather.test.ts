/** Fragments answered in any order and any pieces: one reply, in the client’s key order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newRun, type Run } from '../command/run.ts';
import { ReplyScanner } from '../resp/reply-scanner.ts';
import { cutAt, cuts } from '../test/chunks.ts';
import { FakeTaker, meter } from '../test/fakes.ts';
import { type Gather, type GatherPolicy, newGather } from './gather.ts';

const bounds = {
  held: { bytes: 0, bytesMax: 1_000_000 },
  limits: { workBytesMax: 200_000 },
};

class Answers {
  readonly origin = { address: 'test', name: '' };
  reply = '';
  delayed = 0;
  answer(_run: Run, reply: Buffer, length: number): void {
    assert.equal(this.reply, '', 'answered once');
    this.reply = reply.toString('latin1', 0, length);
  }
  answerInParts(): boolean {
    return false;
  }
  delay(change: number): void {
    this.delayed += change;
  }
}

interface Fragment {
  readonly keys: readonly number[];
  readonly reply: string;
}

/** What comes of the fragments' replies, fed in `order`, each cut at `places`. */
function gathered(
  policy: GatherPolicy,
  fragments: readonly Fragment[],
  order = fragments.map((_, index) => index),
  places: readonly number[] = [],
): { reply: string; errors: number } {
  const to = new Answers();
  const answer = newRun(new FakeTaker(), 0, meter, 0);
  const gather: Gather = newGather();
  const keys = fragments.flatMap((one) => one.keys);
  gather.prepare(keys.length, bounds);
  gather.keyOrder.set(keys);
  gather.groupStart[0] = 0;
  for (const [f, one] of fragments.entries()) {
    gather.groupStart[f + 1] = gather.groupStart[f]! + one.keys.length;
  }
  gather.begin(policy, 'MGET', fragments.length, to, answer);
  for (const index of order) {
    const run = newRun(gather, 0, meter, 0);
    run.fragment = index;
    const bytes = Buffer.from(`noise${fragments[index]!.reply}`, 'latin1');
    const pieces = cutAt(bytes.subarray(5), places).filter((piece) => piece.length > 0);
    for (const [p, piece] of pieces.entries()) {
      const done = p === pieces.length - 1;
      const padded = Buffer.concat([Buffer.from('>>'), piece, Buffer.from('<<')]);
      if (done) run.answered++;
      gather.take(run, padded, 2, 2 + piece.length, done ? 1 : 0, done);
    }
  }
  return { reply: to.reply, errors: answer.errors };
}

const values = [
  '$1\r\na\r\n',
  '$-1\r\n',
  '_\r\n',
  `$60\r\n${'x'.repeat(60)}\r\n`,
  '$2\r\n\r\n\r\n',
];

test('values stand in the client’s key order, RESP2 and RESP3 nulls as they came', () => {
  const grouping = fc.array(fc.nat(4), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(grouping, fc.infiniteStream(fc.nat(1000)), cuts, (groups, luck, places) => {
      const texts = groups.map((group, key) => values[(group + key) % values.length] as string);
      const names = [...new Set(groups)];
      const fragments = names.map((name) => {
        const keys = groups.flatMap((group, key) => (group === name ? [key] : []));
        return { keys, reply: `*${keys.length}\r\n${keys.map((key) => texts[key]).join('')}` };
      });
      const order = names.map((_, index) => [luck.next().value, index] as const);
      order.sort(([left], [right]) => left - right);
      const turns = order.map(([, index]) => index);
      const { reply } = gathered('in_order', fragments, turns, places);
      assert.equal(reply, `*${groups.length}\r\n${texts.join('')}`);
    }),
  );
});

test('sums are added up, and one OK stands for all', () => {
  const sums = [3, 0, 41].map((n, index) => ({ keys: [index], reply: `:${n}\r\n` }));
  assert.equal(gathered('agg_sum', sums).reply, ':44\r\n');
  const oks = [0, 1].map((key) => ({ keys: [key], reply: '+OK\r\n' }));
  assert.equal(gathered('all_succeeded', oks).reply, '+OK\r\n');
});

test('when a part fails the reply says how much was done, and the first reason', () => {
  const half = gathered('agg_sum', [
    { keys: [0, 2], reply: ':2\r\n' },
    { keys: [1], reply: '-CLUSTERDOWN no\r\n' },
    { keys: [3], reply: '-ERR other\r\n' },
  ]);
  const words = '-ERR MGET failed for 2 of 4 keys, was done for 2: CLUSTERDOWN no\r\n';
  assert.deepEqual(half, { reply: words, errors: 1 });
});

test('when all fail alike the server’s own error is the reply', () => {
  const all = [0, 1].map((key) => ({ keys: [key], reply: '-WRONGTYPE no\r\n' }));
  assert.equal(gathered('in_order', all).reply, '-WRONGTYPE no\r\n');
});

test('a fragment whose reply broke off begins anew', () => {
  const to = new Answers();
  const gather = newGather();
  gather.prepare(2, bounds);
  gather.keyOrder.set([0, 1]);
  gather.groupStart.set([0, 1, 2]);
  const answer = newRun(new FakeTaker(), 0, meter, 0);
  gather.begin('in_order', 'MGET', 2, to, answer);
  const [first, second] = [0, 1].map((index) => {
    const run = newRun(gather, 0, meter, 0);
    run.fragment = index;
    return run;
  }) as [Run, Run];
  assert.equal(gather.place(first), answer);
  const give = (run: Run, text: string, done: boolean): void => {
    if (done) run.answered++;
    gather.take(run, Buffer.from(text), 0, text.length, done ? 1 : 0, done);
  };
  give(first, '*1\r\n$5\r\nhal', false);
  gather.tear(first);
  give(second, '*1\r\n$1\r\nb\r\n', true);
  give(first, '*1\r\n$5\r\nwhole\r\n', true);
  assert.equal(to.reply, '*2\r\n$5\r\nwhole\r\n$1\r\nb\r\n');
});

test('fragments of one connection are one run, answered in any pieces, cut where one is redirected', () => {
  const replies = ['*1\r\n$1\r\na\r\n', '*1\r\n$-1\r\n', '*1\r\n$3\r\nccc\r\n'];
  const all = replies.join('');
  for (let at = 0; at <= all.length; at++) {
    const cut = taken(all, at);
    const to = new Answers();
    const gather = newGather();
    gather.prepare(3, bounds);
    for (let f = 0; f < 3; f++) gather.addFragment(f, Int32Array.of(2 - f), 0, 1);
    gather.begin('in_order', 'MGET', 3, to, newRun(new FakeTaker(), 0, meter, 0));
    const run = newRun(gather, 0, meter, 0);
    const first = wholeReplies(replies, cut);
    run.answered += first;
    gather.take(run, Buffer.from(all), 0, cut, first, first === 3);
    if (first < 3) {
      run.answered = 3;
      gather.take(run, Buffer.from(all), cut, all.length, 3 - first, true);
    }
    assert.equal(to.reply, '*3\r\n$3\r\nccc\r\n$-1\r\n$1\r\na\r\n', `cut at ${cut}`);
  }
});

/** How much of the replies a connection hands over once `end` bytes of them have come. */
function taken(replies: string, end: number): number {
  const scanner = new ReplyScanner();
  let at = 0;
  do at = scanner.next(Buffer.from(replies), at, end);
  while (scanner.done);
  return at;
}

function wholeReplies(replies: readonly string[], cut: number): number {
  let [whole, end] = [0, 0];
  for (const reply of replies) {
    end += reply.length;
    if (end <= cut) whole++;
  }
  return whole;
}

test('a large value in many pieces is copied a few times, not once per piece', () => {
  const gather = newGather();
  gather.prepare(1, bounds);
  gather.keyOrder.set([0]);
  gather.groupStart.set([0, 1]);
  const to = new Answers();
  gather.begin('in_order', 'MGET', 1, to, newRun(new FakeTaker(), 0, meter, 0));
  const run = newRun(gather, 0, meter, 0);
  const memory = new Set<Buffer | null>();
  const give = (text: string, done: boolean): void => {
    run.answered = done ? 1 : 0;
    gather.take(run, Buffer.from(text), 0, text.length, done ? 1 : 0, done);
    if (!done) memory.add(run.parked);
  };
  give('*1\r\n$200000\r\n', false);
  for (let piece = 0; piece < 200; piece++) give('x'.repeat(1000), false);
  give('\r\n', true);
  assert.equal(to.reply, `*1\r\n$200000\r\n${'x'.repeat(200_000)}\r\n`);
  assert.ok(memory.size < 20, `${memory.size} buffers`);
});

test('a reply larger than may be gathered is one error, and its memory is given back', () => {
  const large = `*1\r\n$40000\r\n${'x'.repeat(40_000)}\r\n`;
  const fragments = Array.from({ length: 10 }, (_, key) => ({ keys: [key], reply: large }));
  const whole = gathered('in_order', fragments.slice(0, 4));
  assert.match(whole.reply, /^\*4\r\n\$40000\r\n/);
  for (const places of [[], [100, 30_000]]) {
    const { reply, errors } = gathered('in_order', fragments, undefined, places);
    assert.match(reply, /^-ERR the reply to this command is larger/);
    assert.equal(errors, 1);
    assert.equal(bounds.held.bytes, 0);
  }
});
