/** What becomes of commands, for tenants and users of every kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contractOf, mayWrite, usual } from './contract.ts';
import type { CommandFacts } from './facts.ts';
import { localNotes } from './local.ts';
import { refusals } from './refusals.ts';
import { commands } from './table.ts';
import { goesAsItIs, treatmentOf } from './treatment.ts';

const runnable = commands.filter(({ subcommands }) => subcommands === null);
const modes = ['prefix', 'db', 'dedicated'] as const;
const backends = ['standalone', 'cluster'] as const;

function named(name: string): CommandFacts {
  const found = commands.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

test('each command is refused with a reason, and each emulation has its guarantee', () => {
  for (const facts of runnable) {
    for (const backend of backends) {
      for (const mode of modes) {
        const contract = contractOf(facts, usual(backend, mode));
        for (const share of [contract, contract.acrossSlots]) {
          const mustSay = share?.how === 'refused' || share?.how === 'emulated';
          if (mustSay) assert.notEqual(share.note, '', facts.name);
        }
        if (backend === 'standalone') assert.equal(contract.acrossSlots, null, facts.name);
      }
    }
  }
});

test('a tenant that shares its servers is never given more than one that does not', () => {
  for (const facts of runnable) {
    for (const backend of backends) {
      if (contractOf(facts, usual(backend, 'dedicated')).how !== 'refused') continue;
      for (const mode of modes) {
        assert.equal(contractOf(facts, usual(backend, mode)).how, 'refused', facts.name);
      }
    }
  }
});

test('the grant opens what is marked so on a standalone backend of the tenant’s own, and nothing else', () => {
  for (const facts of runnable) {
    for (const backend of backends) {
      for (const mode of modes) {
        const before = contractOf(facts, usual(backend, mode));
        const after = contractOf(facts, { ...usual(backend, mode), passThrough: true });
        const opens = goesAsItIs(facts) && backend === 'standalone' && mode === 'dedicated';
        if (opens) assert.equal(after.how, 'native', facts.name);
        else assert.deepEqual(after, before, facts.name);
      }
    }
  }
  for (const name of ['sync', 'psync', 'replconf', 'monitor', 'client|pause']) {
    assert.equal(goesAsItIs(named(name)), false, name);
  }
});

test('a read-only user is refused every write, the grant notwithstanding', () => {
  for (const facts of runnable) {
    if (!mayWrite(facts)) continue;
    const given = { ...usual('standalone', 'dedicated'), readOnly: true, passThrough: true };
    assert.equal(contractOf(facts, given).how, 'refused', facts.name);
  }
});

test('what is written down of a command is of one there is', () => {
  for (const name of [...Object.keys(localNotes), ...Object.keys(refusals)]) named(name);
  for (const name of Object.keys(refusals)) {
    const { subcommands } = named(name);
    for (const facts of subcommands?.values() ?? [named(name)]) {
      const { kind } = treatmentOf(facts);
      const local = facts.name.endsWith('|help') || Object.hasOwn(localNotes, facts.name);
      assert.equal(kind, local ? 'local' : 'refused', facts.name);
    }
  }
});
