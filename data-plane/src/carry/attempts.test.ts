/** Every command the table promises to try key by key has a round, and no other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { triedInTurn } from '@respool/contracts/commands/treatment';
import { commands } from '../command/command.ts';
import { attemptOf } from './attempts.ts';

test('rounds and the table of treatments name the same commands', () => {
  const has = commands.filter(({ name }) => {
    try {
      return attemptOf(name) !== undefined;
    } catch {
      return false;
    }
  });
  assert.deepEqual(has.map(({ name }) => name).sort(), [...triedInTurn].sort());
});
