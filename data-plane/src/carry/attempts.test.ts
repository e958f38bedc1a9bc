/** Rounds over keys of several slots: who has one, in which order it asks, what becomes of elements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocking } from '@respool/contracts/commands/blocking';
import { Purse } from '../command/backing.ts';
import { commands } from '../command/command.ts';
import type { Resp } from '../resp/resp.ts';
import {
  bulk,
  FakeBacking,
  failure,
  integer,
  list,
  none,
  type Script,
} from '../test/fake-backing.ts';
import { attemptOf } from './attempts.ts';

test('rounds and the table of commands that wait name the same commands', () => {
  const has = commands.filter(({ name }) => {
    try {
      return attemptOf(name) !== undefined;
    } catch {
      return false;
    }
  });
  assert.deepEqual(has.map(({ name }) => name).sort(), Object.keys(blocking).sort());
});

/** One round of `line`, whose keys stand at `places`. */
async function round(
  line: string,
  places: readonly number[],
  script: Script,
): Promise<{ readonly backing: FakeBacking; readonly made: Promise<Resp | null> }> {
  const backing = new FakeBacking(script);
  const args = line.split(' ').map((word) => Buffer.from(word));
  const purse = new Purse({ bytes: 0, bytesMax: 2 ** 30 }, 2 ** 20);
  const attempt = attemptOf((args[0] as Buffer).toString().toLowerCase());
  const next = await attempt(backing, args, places, purse);
  const made = next();
  await made.catch(() => {});
  return { backing, made };
}

const lost = failure(
  'ERR the connection broke before the reply; the command may have been executed',
);

test('keys are asked in the order they were named, and the first that has something ends it', async () => {
  const { backing, made } = await round('BLPOP a b c 0', [1, 2, 3], ([, key]) =>
    key === 'b' ? bulk('it') : none,
  );
  assert.deepEqual(await made, list(bulk('b'), bulk('it')));
  assert.deepEqual(backing.asked, ['LPOP a', 'LPOP b']);
});

test('what waits to move is popped, then pushed, and put back as LMOVE does', async () => {
  const moves = [
    ['BLMOVE a b RIGHT LEFT 0', 'BLMOVE'],
    ['BRPOPLPUSH a b 0', 'BRPOPLPUSH'],
  ] as const;
  for (const [line] of moves) {
    for (const refusal of [failure('OOM no room'), lost]) {
      const { backing, made } = await round(line, [1, 2], ([name, key]) => {
        if (name === 'LLEN') return integer(1);
        if (name === 'RPOP') return bulk('it');
        return key === 'b' ? refusal : integer(1);
      });
      const why = refusal === lost ? /may have been executed/ : /OOM no room/;
      await assert.rejects(made, /put the element back, for it could not be pushed/, line);
      await assert.rejects(made, why, line);
      assert.deepEqual(backing.asked.slice(-3), ['RPOP a', 'LPUSH b it', 'RPUSH a it'], line);
    }
    const { backing, made } = await round(line, [1, 2], ([name]) =>
      name === 'LLEN' ? integer(1) : lost,
    );
    await assert.rejects(made, /may have been executed/, line);
    assert.equal(backing.asked.at(-1), 'RPOP a', 'nothing is pushed that never came');
  }
});

test('XREADGROUP looks at every group before it reads, and tells of an error behind what it read', async () => {
  const line = 'XREADGROUP GROUP g c STREAMS a b > >';
  const entry = list(list(bulk('a'), list(list(bulk('1-1'), list(bulk('f'), bulk('v'))))));
  const { backing, made } = await round(line, [5, 6], ([name, ...rest]) => {
    if (name === 'XPENDING') return list(integer(0));
    if (rest.includes('a')) return entry;
    return rest.includes('b') ? lost : failure('NOGROUP no such key');
  });
  assert.deepEqual(await made, lost);
  assert.deepEqual(backing.asked.slice(1), [
    ...['XPENDING a g', 'XPENDING b g'],
    ...['XREADGROUP GROUP g c STREAMS a >', 'XREADGROUP GROUP g c STREAMS b >'],
  ]);
});
