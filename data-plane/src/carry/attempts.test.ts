/** Every command that waits has a round for keys of several slots, and no other command has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocking } from '@respool/contracts/commands/blocking';
import { commands } from '../command/command.ts';
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
