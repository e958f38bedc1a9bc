/** Given what servers answer midway, when a value changes slots, then it is never nowhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../command/backing.ts';
import {
  bulk,
  FakeBacking,
  failure,
  integer,
  list,
  none,
  ok,
  type Script,
  taskOf,
} from '../test/fake-backing.ts';
import { copy, rename, renamenx } from './moves.ts';

/** Answers by the command's name; EVAL by whether it asks for the time or removes. */
function server(answers: Readonly<Record<string, (words: readonly string[]) => Resp>>): Script {
  return (words) => {
    const [name, script = ''] = words as [string, string];
    const word = name !== 'EVAL' ? name : script.includes('UNLINK') ? 'REMOVE' : 'LIFE';
    const answer = answers[word];
    if (answer === undefined) throw new Error(`not expected: ${words.join(' ')}`);
    return answer(words);
  };
}
type Resp = ReturnType<typeof bulk>;

const usual = {
  DUMP: () => bulk('dump'),
  LIFE: () => list(integer(-1), integer(-1)),
  RESTORE: () => ok,
  REMOVE: () => integer(1),
};

test('the destination is written first, then the source is removed as it was copied', async () => {
  const backing = new FakeBacking(server(usual), 'p:');
  assert.deepEqual(await rename(taskOf(backing, 'RENAME a b', [1, 2])), ok);
  assert.deepEqual(
    backing.asked.filter((one) => !one.startsWith('EVAL')),
    ['DUMP p:a', 'RESTORE p:b 0 dump REPLACE'],
  );
  // SHA-1 of `dump`.
  assert.match(
    backing.asked.at(-1) as string,
    / 1 p:a 9567d1547e105470e4e53c1568f07a209e82a161 -1$/,
  );
});

test('a key about to end keeps an end: 0 would mean none to RESTORE', async () => {
  const life = () => list(integer(0), integer(1000));
  const backing = new FakeBacking(server({ ...usual, LIFE: life }));
  await rename(taskOf(backing, 'RENAME a b', [1, 2]));
  assert.ok(backing.asked.includes('RESTORE b 1 dump REPLACE'));
});

test('a source that changes is copied again, and left alone when it never rests', async () => {
  let left = 3;
  const calms = server({ ...usual, REMOVE: () => integer(--left > 0 ? 0 : 1) });
  const backing = new FakeBacking(calms);
  assert.deepEqual(await renamenx(taskOf(backing, 'RENAMENX a b', [1, 2])), integer(1));
  const restores = backing.asked.filter((one) => one.startsWith('RESTORE'));
  assert.deepEqual(restores, [
    'RESTORE b 0 dump',
    'RESTORE b 0 dump REPLACE',
    'RESTORE b 0 dump REPLACE',
  ]);
  const restless = new FakeBacking(server({ ...usual, REMOVE: () => integer(0) }));
  await assert.rejects(rename(taskOf(restless, 'RENAME a b', [1, 2])), /both keys are there now/);
});

test('what cannot be written leaves the source where it is', async () => {
  const full = failure('OOM command not allowed');
  const backing = new FakeBacking(server({ ...usual, RESTORE: () => full }));
  await assert.rejects(rename(taskOf(backing, 'RENAME a b', [1, 2])), /^CommandError: OOM/);
  assert.ok(!backing.asked.some((one) => one.includes('UNLINK')));
});

test('an unknown outcome of the removal is told as such', async () => {
  const breaks = (): never => {
    throw new CommandError('ERR no reply to EVAL within 5 ms');
  };
  const backing = new FakeBacking(server({ ...usual, REMOVE: breaks }));
  await assert.rejects(
    rename(taskOf(backing, 'RENAME a b', [1, 2])),
    /RENAME copied the source, but may not have removed it: no reply to EVAL/,
  );
});

test('COPY and RENAMENX give 0 where the destination is there, RENAME no such key', async () => {
  const busy = server({
    ...usual,
    RESTORE: () => failure('BUSYKEY Target key name already exists.'),
  });
  for (const [work, line] of [
    [copy, 'COPY a b'],
    [renamenx, 'RENAMENX a b'],
  ] as const) {
    assert.deepEqual(await work(taskOf(new FakeBacking(busy), line, [1, 2])), integer(0), line);
  }
  const gone = server({ ...usual, DUMP: () => none, LIFE: () => list(integer(-2), integer(-2)) });
  assert.deepEqual(await copy(taskOf(new FakeBacking(gone), 'COPY a b', [1, 2])), integer(0));
  await assert.rejects(rename(taskOf(new FakeBacking(gone), 'RENAME a b', [1, 2])), /no such key/);
});
