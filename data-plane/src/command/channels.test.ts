/** Channels of tenants: what the server is asked for, and what a tenant sees of what comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChannelKind,
  type ChannelSpace,
  publishedAs,
  seenBy,
  sourcesOf,
  spaceOf,
} from './channels.ts';
import { patternMatches } from './pattern.ts';

const prefixed = spaceOf('shop', Buffer.from('p:'), 0);
const database = spaceOf('shop', null, 3);
const dedicated = spaceOf('shop', null, null);

function asked(space: ChannelSpace, kind: ChannelKind, name: string, isCluster = false): string[] {
  return sourcesOf(space, kind, Buffer.from(name), isCluster).map(
    ({ verb, place, name: own, filter }) =>
      `${verb} ${place} ${own}${filter === null ? '' : ` ~ ${filter}`}`,
  );
}

/** What the tenant sees of a message, by each of the sources of `name` that bring it. */
function sees(
  space: ChannelSpace,
  kind: ChannelKind,
  name: string,
  channel: string,
  payload: string,
) {
  return sourcesOf(space, kind, Buffer.from(name), true).flatMap((source) => {
    const name = Buffer.from(channel);
    const comes =
      source.verb === 'psubscribe' ? patternMatches(source.name, name) : source.name.equals(name);
    if (!comes) return [];
    const seen = seenBy(space, source, Buffer.from(channel), Buffer.from(payload));
    return seen === null ? [] : [`${seen.channel} ${seen.payload}`];
  });
}

test('a channel carries its tenant: the prefix, or in db mode its name, or nothing', () => {
  assert.deepEqual(asked(prefixed, 'channel', 'news'), ['subscribe one p:news']);
  assert.deepEqual(asked(database, 'channel', 'news'), ['subscribe one @shop:news']);
  assert.deepEqual(asked(dedicated, 'channel', 'news'), ['subscribe one news']);
  assert.deepEqual(asked(prefixed, 'shard', 'news', true), ['ssubscribe owner p:news']);
  assert.equal(String(publishedAs(database, Buffer.from('news'))), '@shop:news');
});

test('patterns keep their signs behind the marker', () => {
  assert.deepEqual(asked(prefixed, 'pattern', 'n[e]ws.*'), ['psubscribe one p:n[e]ws.*']);
});

test("events of keys are asked for by the server's names, at every primary of a cluster", () => {
  assert.deepEqual(asked(prefixed, 'channel', '__keyspace@0__:k', true), [
    'subscribe one p:__keyspace@0__:k',
    'subscribe every __keyspace@0__:p:k',
  ]);
  assert.deepEqual(asked(database, 'channel', '__keyevent@0__:del'), [
    'subscribe one @shop:__keyevent@0__:del',
    'subscribe every __keyevent@3__:del',
  ]);
  assert.deepEqual(asked(prefixed, 'pattern', '__keyspace@0__:k*'), [
    'psubscribe one p:__keyspace@0__:k*',
    'psubscribe every __keyspace@0__:p:k*',
  ]);
  assert.deepEqual(asked(dedicated, 'channel', '__keyspace@0__:k', true), [
    'subscribe every __keyspace@0__:k',
  ]);
  assert.deepEqual(asked(dedicated, 'channel', '__keyspace@0__:k'), [
    'subscribe one __keyspace@0__:k',
  ]);
});

test("a pattern wider than an event's head hears the tenant's events and is matched here", () => {
  for (const wide of ['*', '__key*__:*', '?_key*', '[_]*']) {
    assert.deepEqual(asked(prefixed, 'pattern', wide), [
      `psubscribe one p:${wide}`,
      `psubscribe every __keyspace@0__:p:* ~ ${wide}`,
      `psubscribe every __keyevent@0__:* ~ ${wide}`,
    ]);
  }
  assert.deepEqual(asked(dedicated, 'pattern', '*'), ['psubscribe one *']);
  assert.deepEqual(asked(dedicated, 'pattern', '__keys*', true), [
    'psubscribe one __keys*',
    'psubscribe every __keyspace@* ~ __keys*',
  ]);
  assert.deepEqual(asked(dedicated, 'pattern', 'x*', true), ['psubscribe one x*']);
});

test("a database that is not the tenant's has no events", () => {
  assert.deepEqual(asked(database, 'channel', '__keyspace@3__:k'), [
    'subscribe one @shop:__keyspace@3__:k',
  ]);
});

test('a tenant sees its own keys in events, by their own names, and no others', () => {
  const wide = (channel: string, payload: string) =>
    sees(prefixed, 'pattern', '*', channel, payload);
  assert.deepEqual(wide('__keyspace@0__:p:k', 'set'), ['__keyspace@0__:k set']);
  assert.deepEqual(wide('__keyspace@0__:q:k', 'set'), []);
  assert.deepEqual(wide('__keyevent@0__:set', 'p:k'), ['__keyevent@0__:set k']);
  assert.deepEqual(wide('__keyevent@0__:set', 'q:k'), []);
  assert.deepEqual(wide('p:news', 'hello'), ['news hello']);
  assert.deepEqual(sees(database, 'pattern', '*', '__keyevent@3__:set', 'k'), [
    '__keyevent@0__:set k',
  ]);
  assert.deepEqual(sees(database, 'pattern', '*', '__keyevent@2__:set', 'k'), []);
  assert.deepEqual(sees(prefixed, 'pattern', '*z', '__keyspace@0__:p:k', 'set'), []);
});

test('on a cluster of its own a wide pattern gets each event once', () => {
  assert.deepEqual(sees(dedicated, 'pattern', '*', '__keyspace@0__:k', 'set'), [
    '__keyspace@0__:k set',
  ]);
  assert.deepEqual(sees(dedicated, 'pattern', '*', 'news', 'x'), ['news x']);
});
