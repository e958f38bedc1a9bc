/** Given copies beside a key, when anything goes wrong with them, then it is told and they go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Purse } from '../command/backing.ts';
import {
  bulk,
  FakeBacking,
  failure,
  integer,
  none,
  ok,
  type Script,
  taskOf,
} from '../test/fake-backing.ts';
import { storeFirst } from './afar.ts';
import { besideFirst, besideMost } from './beside.ts';
import { isTemporary } from './temporary.ts';

const usual: Script = ([name, key, ...more]) => {
  if (name === 'DUMP') return key === 'p:gone' ? none : bulk('dump');
  return name === 'RESTORE' ? ok : integer(name === 'UNLINK' ? 1 + more.length : 7);
};

test('what is in the slot already, is missing or is named twice is not copied', async () => {
  const backing = new FakeBacking(usual, 'p:');
  const task = taskOf(backing, 'SUNIONSTORE {1}to {1}near far gone far', [1, 2, 3, 4, 5]);
  assert.equal(String(await besideFirst(task)), ':7\r\n');
  const [first, second, third] = backing.asked.filter((one) => !one.startsWith('DUMP'));
  const copy = (first as string).split(' ')[1] as string;
  assert.match(first as string, /^RESTORE p:\{\w+\}~respool:[0-9a-f]{32}:0 300000 dump$/);
  const absent = copy.replace(/0$/, '1');
  assert.equal(second, `SUNIONSTORE p:{1}to p:{1}near ${copy} ${absent} ${copy}`);
  assert.equal(third, `UNLINK ${copy} ${absent}`);
  assert.equal(backing.slotOf(Buffer.from(copy)), backing.slotOf(Buffer.from('{1}')));
  assert.ok(isTemporary(Buffer.from(copy.slice(2))));
});

test('the slot with most of the keys is the one they are copied to', async () => {
  const backing = new FakeBacking(usual);
  await besideMost(taskOf(backing, 'ZUNION 4 x {2}a {2}b y', [2, 3, 4, 5]));
  assert.equal(backing.asked.filter((one) => one.startsWith('DUMP')).join(), 'DUMP x,DUMP y');
});

test('copies that the server evicted make an error, for the result may be wrong', async () => {
  const evicts: Script = (words) => (words[0] === 'UNLINK' ? integer(0) : usual(words));
  const task = taskOf(new FakeBacking(evicts), 'ZUNIONSTORE a 2 b c', [1, 3, 4]);
  await assert.rejects(besideFirst(task), /removed copies of keys/);
});

test('copies go even when one of them fails', async () => {
  const fails: Script = (words) => {
    const isSecond = words[0] === 'RESTORE' && words[1]?.endsWith(':1');
    return isSecond ? failure('OOM command not allowed') : usual(words);
  };
  const backing = new FakeBacking(fails);
  await assert.rejects(besideFirst(taskOf(backing, 'BITOP AND a b c', [2, 3, 4])), /OOM/);
  assert.ok(!backing.asked.some((one) => one.startsWith('BITOP')));
  assert.match(backing.asked.at(-1) as string, /^UNLINK \S+:0 \S+:1$/);
});

test('a result that is not there any more is not stored as nothing', async () => {
  const backing = new FakeBacking((words) => (words[0] === 'DUMP' ? none : usual(words)));
  const task = taskOf(backing, 'ZRANGESTORE a b 0 1', [1, 2]);
  await assert.rejects(storeFirst(task), /nothing was stored/);
  assert.ok(!backing.asked.some((one) => /^(DEL|RESTORE) a/.test(one)));
});

test('no client makes a name that is taken for a copy’s by chance', () => {
  for (const name of ['{1}', '{1}~respool:', `{1}~respool:${'0'.repeat(32)}`, 'a~respool:']) {
    assert.ok(!isTemporary(Buffer.from(name)), name);
  }
});

test('a purse gives back down to a level and never beyond its bounds', () => {
  const all = { bytes: 0, bytesMax: 100 };
  const purse = new Purse(all, 60);
  assert.ok(purse.take(40));
  const { level } = purse;
  assert.ok(purse.take(20) && !purse.take(1));
  purse.lower(level);
  assert.equal(all.bytes, 40);
  assert.ok(!new Purse(all, 1000).take(61));
  purse.empty();
  assert.equal(all.bytes, 0);
});
