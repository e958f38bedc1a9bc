/** Every command the table promises steps for has them, and no other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treatmentOf } from '@respool/contracts/commands/treatment';
import { commands } from '../command/command.ts';
import { emulated } from './emulate.ts';

test('steps and the table of treatments name the same commands', () => {
  const promised = commands.filter((facts) => {
    const treatment = treatmentOf(facts);
    return treatment.kind === 'work' || (treatment.kind === 'keyed' && treatment.across !== null);
  });
  assert.deepEqual(promised.map(({ name }) => name).sort(), [...emulated].sort());
});
