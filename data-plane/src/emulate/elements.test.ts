/** Given a step that fails, when an element changes slots, then it is put back and the client told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bulk, FakeBacking, failure, integer, none, taskOf } from '../test/fake-backing.ts';
import { lmove, rpoplpush, smove } from './elements.ts';

const full = failure('OOM command not allowed');

test('an element that cannot be pushed goes back to the end it came from', async () => {
  for (const [side, pop, back] of [
    ['LEFT', 'LPOP', 'LPUSH'],
    ['RIGHT', 'RPOP', 'RPUSH'],
  ] as const) {
    const backing = new FakeBacking(([name, key]) => {
      if (name === 'LLEN') return integer(3);
      if (name === pop) return bulk('it');
      return key === 'b' ? full : integer(3);
    });
    const task = taskOf(backing, `LMOVE a b ${side} LEFT`, [1, 2]);
    await assert.rejects(
      lmove(task),
      /LMOVE put the element back, for it could not be pushed: OOM/,
    );
    assert.deepEqual(backing.asked.slice(-3), [`${pop} a`, 'LPUSH b it', `${back} a it`]);
  }
});

test('one that can go neither way is told of', async () => {
  const backing = new FakeBacking(([name]) => {
    if (name === 'LLEN') return integer(3);
    return name === 'RPOP' ? bulk('it') : full;
  });
  await assert.rejects(
    rpoplpush(taskOf(backing, 'RPOPLPUSH a b', [1, 2])),
    /RPOPLPUSH popped an element that could not be pushed \(OOM.*\) nor put back: OOM/,
  );
});

test('a list emptied meanwhile moves nothing', async () => {
  const backing = new FakeBacking(([name]) => (name === 'LLEN' ? integer(1) : none));
  assert.deepEqual(await rpoplpush(taskOf(backing, 'RPOPLPUSH a b', [1, 2])), none);
});

test('a member is added before it is removed', async () => {
  const backing = new FakeBacking(([name, key]) =>
    integer(name === 'SISMEMBER' && key === 'b' ? 0 : 1),
  );
  assert.deepEqual(await smove(taskOf(backing, 'SMOVE a b m', [1, 2])), integer(1));
  assert.deepEqual(backing.asked.slice(-2), ['SADD b m', 'SREM a m']);
});

test('a member that another took meanwhile is taken back, if it was not there before', async () => {
  for (const [added, last] of [
    [1, 'SREM b m'],
    [0, 'SREM a m'],
  ] as const) {
    const backing = new FakeBacking(([name, key]) => {
      if (name === 'SADD') return integer(added);
      return integer(name === 'SREM' && key === 'a' ? 0 : 1);
    });
    assert.deepEqual(await smove(taskOf(backing, 'SMOVE a b m', [1, 2])), integer(0));
    assert.equal(backing.asked.at(-1), last);
  }
});

test('a removal that fails is told of', async () => {
  const backing = new FakeBacking(([name]) => (name === 'SREM' ? full : integer(1)));
  await assert.rejects(
    smove(taskOf(backing, 'SMOVE a b m', [1, 2])),
    /SMOVE added the member to the destination, but may not have removed it from the source: OOM/,
  );
});
