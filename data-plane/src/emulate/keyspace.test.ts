/** Given a server's pages, when all keys of a tenant are asked for, then within bounds and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Purse } from '../command/backing.ts';
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
import { flush } from './flush.ts';
import { dbsize, keys, randomkey } from './keyspace.ts';
import { scan } from './scan.ts';
import type { Task } from './task.ts';

const hidden = `p:{1}~respool:${'0'.repeat(32)}:0`;

/** Pages of a standalone server; the cursor is the number of the next. */
function server(...pages: readonly (readonly string[])[]): Script {
  return ([name, cursor]) => {
    if (name === 'DBSIZE') return integer(pages.flat().length);
    if (name === 'RANDOMKEY') return bulk('other:1');
    if (name === 'UNLINK') return integer(1);
    assert.equal(name, 'SCAN');
    const at = Number(cursor);
    const next = at + 1 < pages.length ? at + 1 : 0;
    return list(bulk(String(next)), list(...(pages[at] ?? []).map(bulk)));
  };
}

const endless: Script = ([name]) =>
  name === 'SCAN' ? list(bulk('7'), list(bulk('p:a'), bulk('p:b'))) : integer(1);

function standalone(script: Script, line: string, changes: Partial<Task> = {}): Task {
  const backing = new FakeBacking(script, 'p:', 'standalone');
  return { ...taskOf(backing, line, []), ...changes };
}

const asked = ({ backing }: Task): readonly string[] => (backing as FakeBacking).asked;

test('keys of others and copies of the proxy are not a tenant’s, and repeated ones count once', async () => {
  const script = server(['p:a', 'other:1', hidden], ['p:b', 'p:a']);
  assert.deepEqual(await keys(standalone(script, 'KEYS *')), list(bulk('a'), bulk('b')));
  const page = await scan(standalone(script, 'SCAN 0'));
  assert.deepEqual(page, list(bulk('1'), list(bulk('a'))));
});

test('a pattern is looked for behind the prefix', async () => {
  const task = standalone(server([]), 'KEYS a[b]*');
  await keys(task);
  assert.deepEqual(asked(task), ['SCAN 0 MATCH p:a[b]* COUNT 1000']);
  const scanned = standalone(server([]), 'SCAN 0 match x COUNT 5 TYPE list');
  await scan(scanned);
  assert.deepEqual(asked(scanned), ['SCAN 0 MATCH p:x COUNT 5 TYPE list']);
});

test('what goes on too long ends with an error that says so', async () => {
  let steps = 0;
  const task = standalone(endless, 'DBSIZE', { late: () => ++steps > 5 });
  await assert.rejects(dbsize(task), /DBSIZE took longer than one command may/);
  assert.equal(asked(task).length, 5);
});

test('a client that leaves ends the walk, but not a flush', async () => {
  const leaving = new AbortController();
  let pages = 0;
  const script: Script = (words) => {
    if (words[0] === 'SCAN' && ++pages === 3) leaving.abort();
    return pages < 6 ? endless(words) : server([])(words);
  };
  const task = standalone(script, 'KEYS *', { left: leaving.signal });
  await assert.rejects(keys(task), /the client is gone/);
  assert.equal(asked(task).length, 3);
  const flushing = standalone(script, 'FLUSHDB', { left: leaving.signal });
  assert.deepEqual(await flush(flushing), ok);
});

test('keys found are paid for, and let go of when they are too many', async () => {
  let key = 0;
  const script: Script = () => list(bulk('7'), list(bulk(`p:${key++}`)));
  const all = { bytes: 0, bytesMax: 2 ** 30 };
  const purse = new Purse(all, 10_000);
  await assert.rejects(keys(standalone(script, 'KEYS *', { purse })), /larger than this proxy may/);
  assert.ok(all.bytes <= 10_000);
  purse.empty();
  assert.equal(all.bytes, 0);
});

test('a random key is the tenant’s own, or there is none', async () => {
  const found = await randomkey(standalone(server(['other:1'], ['p:mine']), 'RANDOMKEY'));
  assert.deepEqual(found, bulk('mine'));
  assert.deepEqual(await randomkey(standalone(server(['other:1']), 'RANDOMKEY')), none);
  assert.deepEqual(await randomkey(standalone(server([]), 'RANDOMKEY')), none);
});

test('a flush that fails says how far it came', async () => {
  let removed = 0;
  const script: Script = (words) => {
    if (words[0] !== 'UNLINK') return endless(words);
    return ++removed > 2 ? failure('OOM no') : integer(2);
  };
  const task = standalone(script, 'FLUSHALL');
  await assert.rejects(flush(task), /FLUSHALL removed 4 keys, then it ended: OOM no/);
});

test('a tenant with a database of its own never flushes the server', async () => {
  const backing = new FakeBacking(() => ok, '', 'standalone');
  await flush({ ...taskOf(backing, 'FLUSHALL ASYNC', []), alone: false });
  await flush(taskOf(backing, 'FLUSHALL SYNC', []));
  assert.deepEqual(backing.asked, ['FLUSHDB ASYNC', 'FLUSHALL SYNC']);
});
