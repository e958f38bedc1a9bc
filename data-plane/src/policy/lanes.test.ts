/** Given a kind of user and backend, when a command of Redis’s table comes, then where it may go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treatmentOf } from '@respool/contracts/commands/treatment';
import { commandNamed, commands, Flag, isSingleKey, readsAnywhere } from '../command/command.ts';
import { closedLanes, type LaneShape, lanesFor } from './lanes.ts';

const shapes: LaneShape[] = ['whole', 'first-key'];

test('given a read-only user, no write of the whole table passes straight through', () => {
  for (const shape of shapes) {
    const lanes = lanesFor(shape, true, false);
    for (const facts of commands) {
      if ((facts.flags & Flag.write) !== 0) assert.equal(lanes[facts.id], 0, facts.name);
    }
  }
});

test('given any user, what is refused, answered here or blocking never passes straight through', () => {
  for (const shape of shapes) {
    for (const readOnly of [false, true]) {
      const lanes = lanesFor(shape, readOnly, false);
      for (const facts of commands) {
        if (lanes[facts.id] === 0) continue;
        const { kind } = treatmentOf(facts);
        assert.ok(kind === 'keyed' || kind === 'split', facts.name);
        assert.equal(facts.flags & (Flag.blocking | Flag.admin | Flag.pubsub), 0, facts.name);
        assert.ok(facts.keySpecs.length > 0, `${facts.name} names a key`);
        assert.equal(facts.subcommands, null, facts.name);
      }
    }
  }
});

test('given slots or a prefix, only commands whose one key is argument 1 pass straight through', () => {
  const lanes = lanesFor('first-key', false, false);
  for (const facts of commands) {
    if (lanes[facts.id] !== 1) continue;
    assert.ok(isSingleKey(facts), facts.name);
    assert.equal(facts.firstKey, 1, facts.name);
  }
});

test('COPY is looked at everywhere: with DB it would reach another database', () => {
  const id = commandNamed('copy')!.id;
  for (const shape of shapes) assert.equal(lanesFor(shape, false, false)[id], 0);
});

test('plain reads and writes do pass, and nothing passes for nobody', () => {
  for (const name of ['get', 'set', 'incr', 'hgetall', 'zadd', 'lpush', 'expire', 'type']) {
    const { id } = commandNamed(name)!;
    for (const shape of shapes) assert.equal(lanesFor(shape, false, false)[id], 1, name);
  }
  for (const name of ['mget', 'mset', 'del', 'unlink', 'exists', 'touch']) {
    const { id } = commandNamed(name)!;
    assert.deepEqual(
      [lanesFor('whole', false, false)[id], lanesFor('first-key', false, false)[id]],
      [1, 0],
    );
  }
  assert.ok(closedLanes.every((lane) => lane === 0));
});

test('where reads have a table of their own, what a replica may answer goes by it, nothing else', () => {
  const apart = lanesFor('first-key', false, true);
  const together = lanesFor('first-key', false, false);
  for (const facts of commands) {
    const reads = together[facts.id] === 1 && readsAnywhere(facts);
    assert.equal(apart[facts.id], reads ? 2 : together[facts.id], facts.name);
  }
  for (const name of ['get', 'hgetall', 'zrange', 'pfcount', 'scan']) {
    assert.equal(readsAnywhere(commandNamed(name)!), name !== 'scan', name);
  }
  const writes = [
    'set',
    'getex',
    'eval',
    'xreadgroup',
    'sort',
    'georadius',
    'spublish',
    'bitfield',
  ];
  for (const name of [...writes, 'touch', 'xread', 'object|freq', 'dbsize', 'ping']) {
    assert.equal(readsAnywhere(commandNamed(name)!), false, name);
  }
  for (const name of ['eval_ro', 'evalsha_ro', 'fcall_ro', 'mget', 'exists', 'object|encoding']) {
    assert.equal(readsAnywhere(commandNamed(name)!), true, name);
  }
});
